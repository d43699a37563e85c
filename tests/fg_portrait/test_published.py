"""Published tables of FG-Portrait: rows that can be run, the numbers in their places, the report around them."""

from likeness.evaluation.ablation_report import ablation_report
from likeness.evaluation.published import paper_tables
from likeness.evaluation.report import to_markdown
from likeness.evaluation.variants import MAIN
from likeness.fg_portrait.published import PUBLISHED, TABLES
from likeness.fg_portrait.recipes import tiny
from likeness.fg_portrait.switches import SWITCHES, TABLE

MAIN_ROWS = [{"item": "main seed 0", "self_apd": 2.0}, {"item": "main seed 1", "self_apd": 4.0}]


def test_every_published_row_is_one_that_can_be_run() -> None:
    for table in TABLES:
        for name, numbers in table.values.items():
            switch, _, value = name.partition("=")
            assert value in SWITCHES[switch].values and switch in table.switches
            assert len(numbers) == len(table.columns)


def test_only_tables_with_rows_appear_and_the_main_row_takes_its_place() -> None:
    values = TABLE.values(tiny(1))
    rows = {MAIN: MAIN_ROWS, "N=10": [{"self_apd": 6.0}], "N=2+delta=0.05": MAIN_ROWS}
    (table,) = paper_tables(TABLES, rows, main_values=values)
    assert table.title == "Table 7: number of samples"
    assert table.rows == (
        ("N=4 (main)", "3.000 ± 1.414", "-"),
        ("N=10", "6.000 (x 2.00)", "2.724 (x 1.02)"),
        ("N=20", "-", "2.682"),
    )
    assert paper_tables(TABLES, {MAIN: MAIN_ROWS}, main_values=values) == ()


def test_the_report_names_what_failed_and_shows_baselines() -> None:
    report = ablation_report(
        title="Ablation",
        notes=("a note",),
        published=PUBLISHED,
        main_values=TABLE.values(tiny(1)),
        rows={MAIN: MAIN_ROWS, "cond=landmark": [{"item": "cond=landmark seed 0", "error": "no space"}]},
        baselines={"copying the source": [{"item": "copying the source", "self_apd": 9.0, "self_psnr": 20.0}]},
    )
    text = to_markdown(report)
    assert "- cond=landmark seed 0: no space" in text
    assert "| copying the source | 9.000 | 20.00 |" in text
    assert "| cond=flow3d (main) | 3.000 ± 1.414 | 2.682 |" in text
    assert "| cond=landmark | - | 4.001 (x 1.49) |" in text
