"""A paper's tables with our numbers beside them. Data, size and estimators differ: ratios to the main row compare."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from likeness.evaluation.report import Measure, Table, format_number
from likeness.evaluation.results import Row, numbers
from likeness.evaluation.variants import MAIN

RowsByVariant = Mapping[str, Sequence[Row]]  # by the row's name, one entry per seed


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One measure of ours, and what the paper measured in its place."""

    measure: Measure
    published: str = ""  # what the paper calls its own number; empty: as ours
    has_ratio: bool = True  # to the main row

    @property
    def titles(self) -> tuple[str, str]:
        """Of our number and of the published one."""
        return self.measure.title, f"{self.published or self.measure.title} published"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTable:
    """One table of a paper's ablations: a switch, the measures, and what was published for the values."""

    title: str
    switches: tuple[str, ...]  # whose rows belong here
    columns: tuple[Column, ...]
    main: str  # the paper's own value of the first switch
    values: Mapping[str, tuple[float | None, ...]]  # row name -> one number per column
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedMethods:
    """One table of a paper that compares methods."""

    title: str
    columns: tuple[Column, ...]
    own: str  # the method that our main row is
    values: Mapping[str, tuple[float | None, ...]]  # method -> one number per column
    note: str


def paper_tables(
    published: Sequence[PublishedTable], rows: RowsByVariant, *, main_values: Mapping[str, str]
) -> tuple[Table, ...]:
    """The tables of which at least one row beside the main one was run.

    Args:
        main_values: the preset's value of each switch.
    """
    tables = []
    for table in published:
        names = [name for name in rows if name.split("=")[0] in table.switches and "+" not in name]
        if names:
            tables.append(_table(table, rows, names, main_value=main_values[table.switches[0]]))
    return tuple(tables)


def methods_table(methods: PublishedMethods, main: Sequence[Row], baselines: RowsByVariant) -> Table:
    """Published methods, our main row in the place of the paper's own, and our baselines."""
    ours = {methods.own: main, **baselines}
    cells = []
    for name in (*methods.values, *baselines):
        published = methods.values.get(name, (None,) * len(methods.columns))
        line = [f"{name} ({MAIN})" if name == methods.own else name]
        for column, value in zip(methods.columns, published, strict=True):
            line += [spread_text(ours.get(name, ()), column.measure), format_number(value, 3)]
        cells.append(tuple(line))
    return Table(title=_titled(methods.title, methods.note), header=_header(methods.columns), rows=tuple(cells))


def score_table(
    title: str,
    measures: Sequence[Measure],
    rows: RowsByVariant,
    baselines: RowsByVariant,
    *,
    with_ratio: Collection[Measure],
) -> Table:
    """Baselines, then rows; measures without any number are left out.

    Args:
        with_ratio: measures that are also given as ratios to the main row.
    """
    groups = (*rows.values(), *baselines.values())
    shown = [measure for measure in measures if any(numbers(group, measure.key) for group in groups)]
    cells = [(name, *(spread_text(group, measure) for measure in shown)) for name, group in baselines.items()]
    for name, group in rows.items():
        besides = [rows[MAIN] if measure in with_ratio and name != MAIN else () for measure in shown]
        cells.append(
            (name, *(spread_text(group, measure, beside) for measure, beside in zip(shown, besides, strict=True)))
        )
    return Table(title=title, header=("row", *(measure.title for measure in shown)), rows=tuple(cells))


def range_table(title: str, measures: Sequence[Measure], rows: RowsByVariant) -> Table:
    """How much each row has learned, from the least to the most of its seeds: rows that end by the clock differ."""
    shown = [measure for measure in measures if any(numbers(group, measure.key) for group in rows.values())]
    cells = []
    for name, group in rows.items():
        found = [row for row in group if "error" not in row]
        cells.append((name, str(len(found)), *(_range(found, measure) for measure in shown)))
    return Table(title=title, header=("row", "seeds", *(measure.title for measure in shown)), rows=tuple(cells))


def spread_text(rows: Sequence[Row], measure: Measure, beside: Sequence[Row] = ()) -> str:
    """Mean and standard deviation over seeds, and the ratio to the mean of `beside` where that is given.

    A star marks a row whose every seed lies on one side of every seed of `beside`, two seeds or more each.
    """
    values = numbers(rows, measure.key)
    if not values:
        return "-"
    text = format_number(float(np.mean(values)), measure.digits)
    if len(values) > 1:
        text += f" ± {format_number(float(np.std(values, ddof=1)), measure.digits)}"
    others = numbers(beside, measure.key)
    if not others or np.mean(others) == 0.0:
        return text
    is_apart = min(len(values), len(others)) > 1 and (max(values) < min(others) or min(values) > max(others))
    return f"{text} (x {np.mean(values) / np.mean(others):.2f}{'*' if is_apart else ''})"


def _range(rows: Sequence[Row], measure: Measure) -> str:
    values = numbers(rows, measure.key)
    if not values:
        return "-"
    low, high = format_number(min(values), measure.digits), format_number(max(values), measure.digits)
    return low if low == high else f"{low} to {high}"


def _table(table: PublishedTable, rows: RowsByVariant, names: list[str], *, main_value: str) -> Table:
    main_name = f"{table.switches[0]}={main_value}"
    reference = table.values[f"{table.switches[0]}={table.main}"]
    cells = []
    for name in sorted({main_name, *names, *table.values}, key=_order):
        ours = rows.get(MAIN, ()) if name == main_name else rows.get(name, ())
        line = [f"{name} ({MAIN})" if name == main_name else name]
        published = table.values.get(name, (None,) * len(table.columns))
        for column, value, best in zip(table.columns, published, reference, strict=True):
            beside = rows[MAIN] if column.has_ratio and name != main_name and MAIN in rows else ()
            line += [spread_text(ours, column.measure, beside), _published(value, best if column.has_ratio else None)]
        cells.append(tuple(line))
    return Table(title=_titled(table.title, table.note), header=_header(table.columns), rows=tuple(cells))


def _titled(title: str, note: str) -> str:
    return f"{title}. {note}" if note else title


def _header(columns: Sequence[Column]) -> tuple[str, ...]:
    return ("row", *(title for column in columns for title in column.titles))


def _published(value: float | None, best: float | None) -> str:
    text = format_number(value, 3)
    return text if value is None or best is None or value == best else f"{text} (x {value / best:.2f})"


def _order(name: str) -> tuple[str, list[str | float]]:
    """By switch, then by value, numbers as numbers."""
    switch, _, value = name.partition("=")
    pieces = re.split(r"(\d+(?:\.\d+)?)", value)  # words and numbers take turns
    return switch, [float(piece) if index % 2 else piece for index, piece in enumerate(pieces)]
