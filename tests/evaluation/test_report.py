import json

from likeness.evaluation.report import (
    Measure,
    Report,
    item_table,
    summary_table,
    to_markdown,
    without_item_tables,
    write_report,
)

ERROR = Measure(key="angle", title="error, %", most=2.0)
ROWS = [
    {"item": "a", "angle": 1.0, "angle_copy": 9.0},
    {"item": "b", "angle": 2.0, "angle_copy": 11.0},
    {"item": "c", "angle": 3.0, "angle_copy": 10.0},
    {"item": "d", "angle": None, "angle_copy": None},
]


def report() -> Report:
    tables = (summary_table(ROWS, [ERROR]), item_table(ROWS, [ERROR]))
    return Report(title="Test", notes=("A note.",), tables=tables, rows=tuple(ROWS))


def test_summary_has_median_quantiles_baseline_and_verdict():
    assert summary_table(ROWS, [ERROR]).rows == (
        ("error, %", "2.00", "-", "1.20", "2.80", "10.00", "<= 2", "yes", "3"),
    )


def test_intervals_and_floors_stand_beside():
    rows = [{"item": str(number), "angle": 1.5} for number in range(9)]
    table = summary_table(rows, [Measure(key="angle", title="angle", floor=0.4)])
    assert table.header[:3] == ("measure", "median", "95 %") and table.header[-2:] == ("floor", "items")
    assert table.rows[0][2] == "1.50 to 1.50" and table.rows[0][-2:] == ("0.40", "9")


def test_a_missed_target_says_no():
    strict = Measure(key="angle", title="error", least=0.5, most=1.5)
    assert summary_table(ROWS, [strict]).rows[0][6:8] == ("0.5 to 1.5", "no")


def test_nothing_measured_is_a_dash_and_not_a_success():
    assert summary_table([], [ERROR]).rows == (("error, %", "-", "-", "-", "-", "-", "<= 2", "", "0"),)


def test_items_carry_the_baseline_in_brackets():
    rows = item_table([*ROWS, {"item": "e", "error": "no face was found"}], [ERROR]).rows
    assert rows[0] == ("a", "1.00 (9.00)")
    assert rows[3] == ("d", "-")


def test_markdown():
    lines = to_markdown(report()).splitlines()
    assert lines[:3] == ["# Test", "", "- A note."]
    assert "| a | 1.00 (9.00) |" in lines
    assert lines[lines.index("## Items") + 3] == "| --- | --- |"
    assert "## Items" not in to_markdown(without_item_tables(report()))


def test_files(tmp_path):
    markdown, data, lines = write_report(report(), tmp_path, "test")
    assert markdown.read_text() == to_markdown(report())
    content = json.loads(data.read_text())
    assert content["rows"] == ROWS
    assert lines.read_text() == "item,angle,angle_copy\na,1.0,9.0\nb,2.0,11.0\nc,3.0,10.0\nd,,\n"
    assert content["tables"]["Items"][1] == {"item": "b", "error, %": "2.00 (11.00)"}
