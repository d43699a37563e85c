"""Tables of measurements as markdown and JSON: quantiles and one row per item, beside copying the first frame."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from likeness.evaluation.bootstrap import items_interval
from likeness.evaluation.results import Row, numbers
from likeness.files import atomic_output

BASELINE_SUFFIX = "_copy"  # `landmark_copy` is the measure `landmark` of a result that repeats the first frame
BASELINE_TITLE = "copying the first frame"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A column of numbers: its key in the rows, how it is printed, and the range wanted of its median."""

    key: str
    title: str
    digits: int = 2
    least: float | None = None
    most: float | None = None
    floor: float | None = None  # what is measured where nothing is wrong: the tracker's own noise

    @property
    def target(self) -> str:
        """The wanted range in words; empty if there is none."""
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        if self.least is not None:
            return f">= {self.least:g}"
        return "" if self.most is None else f"<= {self.most:g}"

    def holds(self, value: float) -> bool:
        """Whether a value lies in the wanted range."""
        above = self.least is None or value >= self.least
        return above and (self.most is None or value <= self.most)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Text cells under a header."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_by_item: bool = False  # one row per item: long, and left out where only the outcome is wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The outcome of one protocol."""

    title: str
    notes: tuple[str, ...]
    tables: tuple[Table, ...]
    rows: tuple[Row, ...]


def summary_table(
    rows: Sequence[Row],
    measures: Sequence[Measure],
    title: str = "Summary",
    *,
    controls: Mapping[str, str] = MappingProxyType({}),
) -> Table:
    """Over all items: median and its 95 % interval, 10 % and 90 % quantiles, the baselines' medians, the wanted range.

    Args:
        controls: titles of further baselines, by the suffix of their measures; those without numbers are left out.
    """
    present = {end: name for end, name in controls.items() if any(numbers(rows, m.key + end) for m in measures)}
    suffixes = (BASELINE_SUFFIX, *present)
    ends = ("wanted", "reached") if any(measure.target for measure in measures) else ()
    ends = (*ends, "floor") if any(measure.floor is not None for measure in measures) else ends
    header = ("measure", "median", "95 %", "10 %", "90 %", BASELINE_TITLE, *present.values(), *ends, "items")
    cells = [_summary_row(rows, measure, suffixes, ends) for measure in measures]
    return Table(title=title, header=header, rows=tuple(cells))


def item_table(rows: Sequence[Row], measures: Sequence[Measure], title: str = "Items") -> Table:
    """One row per item; the baseline stands in brackets."""
    cells = []
    for row in rows:
        if "error" in row:
            cells.append((str(row["item"]), str(row["error"]), *[""] * (len(measures) - 1)))
        else:
            cells.append((str(row["item"]), *[_with_baseline(row, measure) for measure in measures]))
    return Table(
        title=title, header=("item", *[measure.title for measure in measures]), rows=tuple(cells), is_by_item=True
    )


def to_markdown(report: Report) -> str:
    """The report as a markdown document."""
    lines = [f"# {report.title}", "", *[f"- {note}" for note in report.notes], ""]
    for table in report.tables:
        lines += [f"## {table.title}", "", _line(table.header), _line(["---"] * len(table.header))]
        lines += [_line(row) for row in table.rows] + [""]
    return "\n".join(lines)


def without_item_tables(report: Report) -> Report:
    """The report with its summaries alone."""
    return replace(report, tables=tuple(table for table in report.tables if not table.is_by_item))


def write_report(report: Report, folder: Path, name: str) -> tuple[Path, ...]:
    """Writes NAME.md (tables), NAME.json (tables and rows) and NAME.csv (rows) into a folder that exists.

    Raises:
        OutputError: they cannot be written.
    """
    tables = {table.title: [dict(zip(table.header, row, strict=True)) for row in table.rows] for table in report.tables}
    content = {"title": report.title, "notes": report.notes, "tables": tables, "rows": report.rows}
    texts = {
        "md": to_markdown(report),
        "json": json.dumps(content, indent=1, allow_nan=False),
        "csv": to_csv(report.rows),
    }
    for suffix, text in texts.items():
        with atomic_output(folder / f"{name}.{suffix}", overwrite=True) as partial:
            partial.write_text(text, encoding="utf-8")
    return tuple(folder / f"{name}.{suffix}" for suffix in texts)


def to_csv(rows: Sequence[Row]) -> str:
    """All measures of all items; the columns in the order in which they appear, empty where there is no number."""
    columns = list(dict.fromkeys(["item", *[key for row in rows for key in row]]))
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def format_number(value: float | None, digits: int) -> str:
    """Fixed digits; a dash where there is no number."""
    if value is None or not np.isfinite(value):
        return "-"
    text = f"{value:.{digits}f}"
    return text if float(text) else text.removeprefix("-")  # no zero below zero


def _summary_row(
    rows: Sequence[Row], measure: Measure, suffixes: Sequence[str], ends: Sequence[str]
) -> tuple[str, ...]:
    values = numbers(rows, measure.key)
    low, median, high = np.quantile(values, [0.1, 0.5, 0.9]) if values else (None, None, None)
    reached = ("yes" if measure.holds(float(median)) else "no") if measure.target and median is not None else ""
    cells = [format_number(number, measure.digits) for number in (median, low, high)]
    cells.insert(1, format_interval(measure_interval(rows, measure.key), measure.digits))
    for suffix in suffixes:
        baseline = numbers(rows, measure.key + suffix)
        cells.append(format_number(float(np.median(baseline)) if baseline else None, measure.digits))
    floor = "" if measure.floor is None else format_number(measure.floor, measure.digits)
    last = {"wanted": measure.target, "reached": reached, "floor": floor}
    return (measure.title, *cells, *[last[end] for end in ends], str(len(values)))


def format_interval(interval: tuple[float, float] | None, digits: int) -> str:
    """`1.2 to 1.4`; a dash where there is none."""
    return "-" if interval is None else " to ".join(format_number(end, digits) for end in interval)


def measure_interval(rows: Sequence[Row], key: str) -> tuple[float, float] | None:
    """The interval of a measure's median over the items that have it."""
    known = [row for row in rows if isinstance(row.get(key), (int, float))]
    return items_interval([str(row["item"]) for row in known], numbers(known, key))


def _with_baseline(row: Row, measure: Measure) -> str:
    value, baseline = row.get(measure.key), row.get(measure.key + BASELINE_SUFFIX)
    text = format_number(value if isinstance(value, (int, float)) else None, measure.digits)
    if isinstance(baseline, (int, float)):
        text += f" ({format_number(baseline, measure.digits)})"
    return text


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
