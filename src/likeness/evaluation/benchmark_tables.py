"""Tables for a page of results, from the files that protocols leave: a method beside copying, with intervals.

Medians and their intervals are over items (clips, pairs, portraits); the difference to copying is that of each item.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import InputError
from likeness.evaluation import detail_tables
from likeness.evaluation.bootstrap import items_interval
from likeness.evaluation.controls import BLUR_SUFFIX, TITLES
from likeness.evaluation.driver_scores import FIT, LEAKS
from likeness.evaluation.protocols import cross_reenactment, edits, free_view, noise, self_reenactment
from likeness.evaluation.report import BASELINE_SUFFIX, BASELINE_TITLE, Measure, Table, format_interval, format_number
from likeness.evaluation.results import Row, numbers

MAX_BYTES = 256 << 20
Groups = tuple[tuple[str, tuple[Measure, ...]], ...]  # titles and their measures


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """What of a protocol's rows stands in the page."""

    name: str  # of its files
    title: str
    groups: Groups
    control: str = ""  # suffix of a further baseline
    part: str = ""  # only items whose name ends like this
    options: tuple[str, ...] = ("size",)  # that are told


PROTOCOLS = (
    Protocol(
        name=self_reenactment.NAME,
        title="Self-reenactment",
        groups=(
            ("Motion and face", self_reenactment.MEASURES),
            ("Fitted again", detail_tables.FIT),
            ("Landmarks", detail_tables.LANDMARKS),
            ("Pictures", detail_tables.PICTURES),
            ("Networks", detail_tables.network_measures()),
        ),
        control=BLUR_SUFFIX,
        options=("frames", "size"),
    ),
    Protocol(
        name=cross_reenactment.NAME,
        title="Cross-reenactment",
        groups=(
            ("Motion and identity", cross_reenactment.MEASURES),
            ("Fitted again", FIT),
            ("What leaks of the driver", LEAKS),
        ),
        options=("frames", "size"),
    ),
    Protocol(
        name=edits.NAME, title="Edits", groups=(("Asked turns", edits.turn_measures()),), part=f"/{edits.POSE_ITEM}"
    ),
    Protocol(name=free_view.NAME, title="Free view", groups=(("Ring of cameras", free_view.MEASURES),)),
    Protocol(
        name=noise.NAME,
        title="Noise of the tracker",
        groups=(("Noise", noise.NOISE), ("Gain: seen over drawn", noise.GAINS), ("Errors", noise.ERRORS)),
    ),
)


def benchmark_page(folder: Path) -> str:
    """Markdown of all protocols whose files lie in a folder; measures without any number are left out.

    Raises:
        InputError: there is none, or a file is damaged.
    """
    parts = []
    for protocol in PROTOCOLS:
        path = folder / f"{protocol.name}.json"
        if path.is_file():
            parts.append(_section(protocol, _rows_of(path), _settings_of(folder / f"{protocol.name}.jsonl")))
    if not parts:
        names = ", ".join(protocol.name for protocol in PROTOCOLS)
        raise InputError(f"{folder} holds no results: run `likeness evaluate` first ({names}), or name them with --out")
    return "\n".join(parts)


def comparison_table(
    rows: Sequence[Row], measures: Sequence[Measure], *, title: str, method: str, control: str = ""
) -> Table:
    """One row per measure that has a number; columns that would be empty are left out."""
    known = [measure for measure in measures if numbers(rows, measure.key)]
    header = (title, method, "95 %", BASELINE_TITLE, "95 %", "difference, 95 %", *_control_title(control))
    lines = []
    for measure in known:
        ours, copied = numbers(rows, measure.key), numbers(rows, measure.key + BASELINE_SUFFIX)
        beside = (_median(numbers(rows, measure.key + control), measure),) if control else ()
        lines.append(
            (
                measure.title, _median(ours, measure), _interval(rows, measure, _number),
                _median(copied, measure), _interval(rows, measure, _copied),
                _interval(rows, measure, _difference), *beside,
                _reached(measure, ours), "" if measure.floor is None else format_number(measure.floor, measure.digits),
                str(len(ours)),
            )
        )  # fmt: skip
    header = (*header, "wanted", "noise floor", "items")
    kept = [place for place in range(len(header)) if place == 0 or any(line[place] not in ("", "-") for line in lines)]
    cells = tuple(tuple(line[place] for place in kept) for line in lines)
    return Table(title=title, header=tuple(header[place] for place in kept), rows=cells)


def _section(protocol: Protocol, rows: Sequence[Row], settings: Mapping[str, Any]) -> str:
    method = str(settings.get("method", "likeness"))
    chosen = [row for row in rows if str(row["item"]).endswith(protocol.part)]
    failed = sum("error" in row for row in rows)
    said = [f"`--{name} {settings[name]}`" for name in protocol.options if settings.get(name) is not None]
    counted = f"{len(chosen)} items" + (f", of which {failed} failed" if failed else "")
    lines = [f"### {protocol.title}", "", f"`likeness evaluate {protocol.name}`: {', '.join([counted, *said])}.", ""]
    for title, measures in protocol.groups:
        table = comparison_table(chosen, measures, title=title, method=method, control=protocol.control)
        if table.rows:
            lines += [_line(table.header), _line(["---"] * len(table.header)), *map(_line, table.rows), ""]
    return "\n".join(lines)


def _interval(rows: Sequence[Row], measure: Measure, value_of: Callable[[Row, str], float | None]) -> str:
    """Of the items that have a value; a dash where they are too few."""
    found = [(str(row["item"]), value) for row in rows if (value := value_of(row, measure.key)) is not None]
    interval = items_interval([name for name, _ in found], [value for _, value in found])
    return format_interval(interval, measure.digits)


def _number(row: Row, key: str) -> float | None:
    value = row.get(key)
    return float(value) if isinstance(value, (int, float)) else None


def _copied(row: Row, key: str) -> float | None:
    return _number(row, key + BASELINE_SUFFIX)


def _difference(row: Row, key: str) -> float | None:
    ours, copied = _number(row, key), _copied(row, key)
    return None if ours is None or copied is None else ours - copied


def _median(values: Sequence[float], measure: Measure) -> str:
    return format_number(float(np.median(values)) if values else None, measure.digits)


def _reached(measure: Measure, values: Sequence[float]) -> str:
    if not measure.target:
        return ""
    return f"{measure.target}: {'yes' if measure.holds(float(np.median(values))) else 'no'}"


def _control_title(suffix: str) -> tuple[str, ...]:
    return (TITLES[suffix],) if suffix else ()


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _rows_of(path: Path) -> list[Row]:
    content = _json(path)
    rows = content.get("rows") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "item" in row for row in rows):
        raise InputError(f"{path} holds no rows of `likeness evaluate`: run it again")
    return rows


def _settings_of(path: Path) -> Mapping[str, Any]:
    """The options of a run; empty where its file is missing."""
    if not path.is_file():
        return {}
    header = _json(path, is_first_line=True)
    settings = header.get("settings") if isinstance(header, dict) else None
    return settings if isinstance(settings, dict) else {}


def _json(path: Path, *, is_first_line: bool = False) -> Any:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is larger than any results: name another folder with --out")
    try:
        with path.open("rb") as file:
            return json.loads(file.readline() if is_first_line else file.read())
    except ValueError as error:  # no JSON, or no text
        raise InputError(f"{path} is damaged: run `likeness evaluate` again") from error
