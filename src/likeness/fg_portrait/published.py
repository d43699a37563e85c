"""The paper's ablation tables with our numbers beside them (FG-Portrait, tables 4, 5, 7 and 8; VFHQ, 512 x 512).

Its APD and AED come from another estimator, on other data and at another size: only ratios to the main row compare.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from likeness.evaluation.report import Measure, Table, format_number
from likeness.evaluation.results import Row, numbers

RowsByVariant = Mapping[str, Sequence[Row]]  # by the row's name, one entry per seed


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTable:
    """One table of the paper: a switch, the measures, and what was published for the values."""

    title: str
    switches: tuple[str, ...]  # whose rows belong here
    measures: tuple[Measure, ...]
    main: str  # the paper's own value of the first switch
    values: Mapping[str, tuple[float | None, ...]]  # row name -> one number per measure
    note: str


S_APD = Measure(key="self_apd", title="S-APD", digits=3)
S_AED = Measure(key="self_aed", title="S-AED", digits=3)
C_APD = Measure(key="cross_apd", title="C-APD", digits=3)
C_AED = Measure(key="cross_aed", title="C-AED", digits=3)

PUBLISHED = (
    PublishedTable(
        title="Table 4: what guides",
        switches=("cond",),
        measures=(S_APD, S_AED, C_APD, C_AED),
        main="flow3d",
        values={
            "cond=flow3d": (2.682, 0.327, 7.764, 0.652),
            "cond=landmark": (4.001, 0.373, 8.588, 0.688),
            "cond=pred_flow": (4.232, 0.384, 12.430, 0.778),
            "cond=drive_rgb": (1.060, None, None, None),
        },
        note="drive_rgb (the paper's table 6) has the driver's picture and can copy it: see identity to the driver.",
    ),
    PublishedTable(
        title="Table 5: samples along the ray",
        switches=("sampling", "sampling_test"),
        measures=(S_APD, S_AED),
        main="depth",
        values={
            "sampling=depth": (2.682, 0.327),
            "sampling=uniform": (3.254, None),
            "sampling_test=uniform": (9.659, 0.730),
        },
        note="Two numbers are reported for uniform samples, 3.254 and 9.659; that the second was uniform in the test"
        " alone is our reading.",
    ),
    PublishedTable(
        title="Table 7: number of samples",
        switches=("N",),
        measures=(S_APD,),
        main="20",
        values={"N=10": (2.724,), "N=20": (2.682,)},
        note="",
    ),
    PublishedTable(
        title="Table 8: half thickness of the shell, metres",
        switches=("delta",),
        measures=(S_APD, S_AED),
        main="0.01",
        values={"delta=0.01": (2.682, 0.327)},
        note="0.01 was published as the best, 0.005 and 0.05 as slightly worse; their numbers are not known to us.",
    ),
)


def paper_tables(rows: RowsByVariant, *, main: str, main_values: Mapping[str, str]) -> tuple[Table, ...]:
    """The tables of which at least one row beside the main one was run.

    Args:
        main: name of the row of the preset as it is.
        main_values: the preset's value of each switch.
    """
    tables = []
    for table in PUBLISHED:
        names = [name for name in rows if name.split("=")[0] in table.switches and "+" not in name]
        if names:
            tables.append(_table(table, rows, names, main=main, main_value=main_values[table.switches[0]]))
    return tuple(tables)


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


def _table(table: PublishedTable, rows: RowsByVariant, names: list[str], *, main: str, main_value: str) -> Table:
    main_name = f"{table.switches[0]}={main_value}"
    reference = table.values[f"{table.switches[0]}={table.main}"]
    header = ["row"]
    for measure in table.measures:
        header += [measure.title, f"{measure.title} published"]
    cells = []
    for name in sorted({main_name, *names, *table.values}, key=_order):
        ours = rows[main] if name == main_name else rows.get(name, ())
        line = [f"{name} ({main})" if name == main_name else name]
        published = table.values.get(name, (None,) * len(table.measures))
        for measure, value, best in zip(table.measures, published, reference, strict=True):
            beside = () if name == main_name or main not in rows else rows[main]
            line += [spread_text(ours, measure, beside), _published(value, best, is_main=value == best)]
        cells.append(tuple(line))
    title = f"{table.title}. {table.note}" if table.note else table.title
    return Table(title=title, header=tuple(header), rows=tuple(cells))


def _published(value: float | None, best: float | None, *, is_main: bool) -> str:
    text = format_number(value, 3)
    return text if value is None or best is None or is_main else f"{text} (x {value / best:.2f})"


def _order(name: str) -> tuple[str, float, str]:
    """By switch, then by value, numbers as numbers."""
    switch, _, value = name.partition("=")
    try:
        return switch, float(value), ""
    except ValueError:
        return switch, 0.0, value
