"""One page of results from files of rows: medians, intervals and paired differences that are known."""

import json
from pathlib import Path

import pytest

from likeness.app.cli import main
from likeness.errors import InputError
from likeness.evaluation.benchmark_tables import benchmark_page, comparison_table
from likeness.evaluation.report import Measure

ERROR, SHARE = Measure(key="angle", title="error", most=2.0, floor=0.8), Measure(key="share", title="share", digits=1)
ROWS = [
    {"item": f"clip{number}", "angle": 1.0 + number, "angle_copy": 4.0 + number, "angle_blur": 1.0}
    for number in range(5)
] + [{"item": "broken", "error": "no face"}]


def test_a_measure_stands_beside_copying_with_intervals_and_its_floor():
    table = comparison_table(ROWS, [ERROR, SHARE], title="Motion", method="flow-warp", control="_blur")
    (row,) = table.rows  # a measure without numbers is left out
    cells = dict(zip(table.header, row, strict=True))
    assert (cells["Motion"], cells["flow-warp"], cells["copying the first frame"]) == ("error", "3.00", "6.00")
    assert cells["difference, 95 %"] == "-3.00 to -3.00"  # of each item: no spread
    assert (cells["flow-warp blurred"], cells["noise floor"], cells["items"]) == ("1.00", "0.80", "5")
    assert cells["wanted"] == "<= 2: no"
    low, high = (float(word) for word in row[2].split(" to "))
    assert 1.0 <= low < 3.0 < high <= 5.0


def test_columns_without_numbers_are_left_out():
    rows = [{"item": "a", "share": 0.25}]
    assert comparison_table(rows, [SHARE], title="x", method="m").header == ("x", "m", "items")


def write(folder: Path, name: str, rows: list, settings: dict) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"title": name, "rows": rows}))
    (folder / f"{name}.jsonl").write_text(json.dumps({"settings": settings}) + "\n")


def test_the_command_writes_one_page_of_what_is_there(tmp_path: Path, capsys):
    rows = [{"item": f"v{number}", "landmark": 1.5, "landmark_copy": 9.0, "fit_aed": 0.3} for number in range(6)]
    write(tmp_path, "self", rows + [{"item": "v9", "error": "no face"}], {"method": "export3d", "frames": 60})
    write(tmp_path, "edits", [{"item": "p1/pose", "yaw+15 error": 1.0}, {"item": "p1/smile"}], {})
    assert main(["evaluate", "tables", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "tables.md").read_text()
    assert page in capsys.readouterr().out
    assert "7 items, of which 1 failed, `--frames 60`" in page and "| export3d |" in page
    assert "| landmark error, % of outer-eye distance | 1.50 | 1.50 to 1.50 | 9.00 |" in page
    assert "`likeness evaluate edits`: 1 items" in page and "Cross" not in page


def test_nothing_or_damaged_files_are_one_line(tmp_path: Path):
    with pytest.raises(InputError, match="holds no results"):
        benchmark_page(tmp_path)
    for content in ("{", "[]", json.dumps({"rows": [3]})):
        (tmp_path / "self.json").write_text(content)
        with pytest.raises(InputError, match=r"self\.json"):
            benchmark_page(tmp_path)
