"""A paper's tables beside our numbers: means, spreads, ratios and the order of rows, all by hand."""

import math

from likeness.evaluation.published import (
    Column,
    PublishedMethods,
    PublishedTable,
    methods_table,
    paper_tables,
    range_table,
    score_table,
    spread_text,
)
from likeness.evaluation.report import Measure
from likeness.evaluation.variants import MAIN

ERROR = Measure(key="error_mean", title="error", digits=1)
LIKENESS = Measure(key="like", title="distance", digits=2)
ROWS = {
    MAIN: [{"item": "a", "error_mean": 2.0, "like": 0.5}, {"item": "b", "error_mean": 4.0}],
    "depth=12": [{"item": "c", "error_mean": 5.0, "like": 0.25}, {"item": "d", "error_mean": 7.0}],
}
TABLE = PublishedTable(
    title="Table 1: depth",
    switches=("depth",),
    columns=(Column(measure=ERROR), Column(measure=LIKENESS, published="similarity", has_ratio=False)),
    main="6",
    values={"depth=6": (1.0, 0.8), "depth=3": (2.0, None)},
    note="A note.",
)


def test_mean_spread_ratio_and_star() -> None:
    assert spread_text(ROWS[MAIN], ERROR) == f"3.0 ± {math.sqrt(2):.1f}"
    assert spread_text(ROWS["depth=12"], ERROR, ROWS[MAIN]).endswith("(x 2.00*)")  # 5 and 7 lie beyond 2 and 4
    assert spread_text(ROWS["depth=12"][:1], ERROR, ROWS[MAIN]) == "5.0 (x 1.67)"
    assert spread_text([], ERROR, ROWS[MAIN]) == "-"


def test_columns_of_another_kind_have_no_ratio_and_rows_are_in_order() -> None:
    (table,) = paper_tables((TABLE,), ROWS, main_values={"depth": "4"})
    assert table.title == "Table 1: depth. A note."
    assert table.header == ("row", "error", "error published", "distance", "similarity published")
    assert table.rows == (
        ("depth=3", "-", "2.000 (x 2.00)", "-", "-"),
        ("depth=4 (main)", "3.0 ± 1.4", "-", "0.50", "-"),
        ("depth=6", "-", "1.000", "-", "0.800"),
        ("depth=12", "6.0 ± 1.4 (x 2.00*)", "-", "0.25", "-"),
    )
    assert paper_tables((TABLE,), {MAIN: ROWS[MAIN], "width=2": []}, main_values={"depth": "4"}) == ()


def test_methods_stand_beside_ours_and_the_baselines() -> None:
    methods = PublishedMethods(
        title="Methods", columns=TABLE.columns, own="Ours", values={"Other": (9.0, 0.1), "Ours": (1.0, 0.8)}, note=""
    )
    table = methods_table(methods, ROWS[MAIN], {"copying": [{"item": "copying", "error_mean": 8.0}]})
    assert table.title == "Methods"
    assert table.rows == (
        ("Other", "-", "9.000", "-", "0.100"),
        ("Ours (main)", "3.0 ± 1.4", "1.000", "0.50", "0.800"),
        ("copying", "8.0", "-", "-", "-"),
    )


def test_baselines_come_first_and_empty_measures_are_left_out() -> None:
    empty = Measure(key="nothing", title="nothing")
    baselines = {"copying": [{"item": "copying", "error_mean": 8.0}]}
    table = score_table("Scores", (ERROR, empty), ROWS, baselines, with_ratio={ERROR})
    assert table.header == ("row", "error")
    assert table.rows == (("copying", "8.0"), (MAIN, "3.0 ± 1.4"), ("depth=12", "6.0 ± 1.4 (x 2.00*)"))
    failed = {**ROWS, "depth=1": [{"item": "e", "error": "no space"}]}
    ranges = range_table("Rows", (ERROR,), failed)
    assert ranges.rows == ((MAIN, "2", "2.0 to 4.0"), ("depth=12", "2", "5.0 to 7.0"), ("depth=1", "0", "-"))
