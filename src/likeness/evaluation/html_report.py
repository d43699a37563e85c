"""The report of a protocol as one HTML page: tables with intervals, plots, items worst first, their pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from likeness.evaluation import html_page
from likeness.evaluation.html_page import Section
from likeness.evaluation.outside import problems
from likeness.evaluation.report import (
    BASELINE_SUFFIX,
    BASELINE_TITLE,
    Measure,
    Report,
    Table,
    item_table,
    measure_interval,
)
from likeness.evaluation.results import Row, numbers
from likeness.evaluation.svg_plots import intervals_plot, items_plot

MOST_SHEETS = 12  # items whose pictures stand in the page, the worst ones
MOST_MOVING = 8  # items that move in the page, the worst ones
MOST_MOVING_BYTES = 4_000_000  # of all of these together


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """What of a report's rows is plotted and shown."""

    measures: tuple[Measure, ...]  # the first one orders the items
    methods: Mapping[str, str] = field(default_factory=dict)  # titles by the suffix of their measures; "" is our own
    sheets: Mapping[str, Sequence[Path]] = field(default_factory=dict)  # pictures by item
    moving: Mapping[str, Path] = field(default_factory=dict)  # moving picture by item
    rows: tuple[Row, ...] | None = None  # in place of the report's own, where those are not of one kind
    larger_is_better: frozenset[str] = frozenset()  # keys


def report_page(report: Report, outline: Outline) -> str:
    """The page; items that failed stand first, then from the worst on."""
    methods = {**outline.methods, BASELINE_SUFFIX: BASELINE_TITLE}
    lead = outline.measures[0]
    rows = report.rows if outline.rows is None else outline.rows
    ordered = worst_first(rows, lead.key, larger_is_better=lead.key in outline.larger_is_better)
    sections = [
        Section(title="", body=html_page.notes(report.notes) + html_page.trouble(problems(report.rows))),
        *[
            Section(title=entry.title, body=html_page.table(entry.header, entry.rows))
            for entry in report.tables
            if not entry.is_by_item
        ],
        Section(title="Medians and their 95 % intervals", body=_interval_plots(rows, outline, methods)),
        Section(title="Item by item", body=_item_plots(rows, outline, methods)),
        Section(title=f"Items, worst {lead.title} first", body=_items(ordered, outline, methods)),
        Section(title="The worst items, moving", body=_moving(ordered, outline)),
        Section(title="Pictures of the worst items", body=_sheets(ordered, outline)),
    ]
    return html_page.page(report.title, [section for section in sections if section.body])


def worst_first(rows: Sequence[Row], key: str, *, larger_is_better: bool) -> list[Row]:
    """Rows without the measure first, then from the worst value to the best."""

    def rank(row: Row) -> float:
        value = row.get(key)
        if not isinstance(value, (int, float)):
            return -np.inf
        return float(value) if larger_is_better else -float(value)

    return sorted(rows, key=rank)


def _interval_plots(rows: Sequence[Row], outline: Outline, methods: Mapping[str, str]) -> str:
    plots = []
    for measure in outline.measures:
        entries = []
        for suffix, title in methods.items():
            values = numbers(rows, measure.key + suffix)
            if values:
                entries.append((title, float(np.median(values)), measure_interval(rows, measure.key + suffix)))
        if entries:
            plots.append(intervals_plot(measure.title, entries))
    return "".join(plots)


def _item_plots(rows: Sequence[Row], outline: Outline, methods: Mapping[str, str]) -> str:
    names = [str(row["item"]) for row in rows]
    plots = []
    for measure in outline.measures:
        series = {}
        for suffix, title in methods.items():
            values = [row.get(measure.key + suffix) for row in rows]
            if any(isinstance(value, (int, float)) for value in values):
                series[title] = [float(value) if isinstance(value, (int, float)) else None for value in values]
        if series:
            plots.append(items_plot(measure.title, names, series))
    return "".join(plots)


def _items(ordered: Sequence[Row], outline: Outline, methods: Mapping[str, str]) -> str:
    tables: list[tuple[str, Table]] = [("", item_table(ordered, outline.measures))]
    for suffix, title in methods.items():
        if suffix in ("", BASELINE_SUFFIX) or not any(numbers(ordered, m.key + suffix) for m in outline.measures):
            continue
        rows = [{"item": row["item"]} | {m.key: row.get(m.key + suffix) for m in outline.measures} for row in ordered]
        tables.append((title, item_table(rows, outline.measures)))
    return "".join(
        html_page.table(entry.header, entry.rows)
        if not title
        else html_page.folded(title, html_page.table(entry.header, entry.rows))
        for title, entry in tables
    )


def _moving(ordered: Sequence[Row], outline: Outline) -> str:
    """As many of the worst as their number and size allow; files that are missing are passed over."""
    pictures: list[str] = []
    left = MOST_MOVING_BYTES
    for row in ordered:
        path = outline.moving.get(str(row["item"]))
        if path is None or not path.is_file() or len(pictures) == MOST_MOVING:
            continue
        left -= path.stat().st_size
        if left < 0:
            break
        pictures.append(html_page.picture(path, str(row["item"])))
    return "".join(pictures)


def _sheets(ordered: Sequence[Row], outline: Outline) -> str:
    pictures: list[str] = []
    shown = [row for row in ordered if str(row["item"]) in outline.sheets][:MOST_SHEETS]
    for row in shown:
        item = str(row["item"])
        pictures += [html_page.picture(path, item) for path in outline.sheets[item]]
    return "".join(pictures)
