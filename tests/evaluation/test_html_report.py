import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from likeness.evaluation.html_page import table
from likeness.evaluation.html_report import Outline, report_page, worst_first
from likeness.evaluation.report import Measure, Report, item_table, summary_table
from likeness.evaluation.svg_plots import intervals_plot, items_plot, line_plot
from likeness.media.images import write_image

ERROR, GAIN = Measure(key="angle", title="error, %", most=2.0), Measure(key="gain", title="gain < 1 & more")
ROWS = [
    {"item": f"clip{number}", "angle": float(number), "angle_copy": 9.0, "angle@Other": number / 2, "gain": 0.5}
    for number in range(6)
] + [{"item": "broken", "error": "no face <in> it"}]
SVG = "{http://www.w3.org/2000/svg}"


def test_a_page_needs_nothing_else_and_escapes_text(tmp_path: Path):
    write_image(tmp_path / "clip5.jpg", np.zeros((16, 16, 3), np.uint8))
    tables = (summary_table(ROWS, [ERROR, GAIN]), item_table(ROWS, [ERROR, GAIN]))
    report = Report(title="Test <1>", notes=("A & B",), tables=tables, rows=tuple(ROWS))
    outline = Outline(
        measures=(ERROR, GAIN), methods={"": "ours", "@Other": "Other"},
        sheets={"clip5": (tmp_path / "clip5.jpg",), "clip4": (tmp_path / "missing.jpg",)},
    )  # fmt: skip
    page = report_page(report, outline)
    assert "<title>Test &lt;1&gt;</title>" in page and "A &amp; B" in page and "no face &lt;in&gt; it" in page
    assert "<script" not in page and not re.search(r'(src|href)="(?!data:)', page)
    assert page.count("data:image/jpeg;base64,") == 1
    assert page.index("broken") < page.index("<td>clip5<") < page.index("<td>clip0<")
    assert 'class="no"' in page and "1 problems" in page


def test_worst_first():
    order = [row["item"] for row in worst_first(ROWS, "angle", larger_is_better=False)]
    assert order[:2] == ["broken", "clip5"] and order[-1] == "clip0"
    assert worst_first(ROWS, "angle", larger_is_better=True)[1]["item"] == "clip0"


def test_every_point_stands_where_its_number_says():
    text = items_plot("dots", ["a", "b", "c"], {"ours": [3.0, 1.0, None], "theirs": [2.0, 2.0, 2.0]})
    root = ElementTree.fromstring(text)
    dots = [dot for dot in root.iter(f"{SVG}circle") if dot.find(f"{SVG}title") is not None]
    by_name = {dot.find(f"{SVG}title").text: (float(dot.get("cx")), float(dot.get("cy"))) for dot in dots}
    assert set(by_name) == {"a: 3", "b: 1", "a: 2", "b: 2", "c: 2"}
    assert by_name["b: 1"][0] < by_name["a: 3"][0] < by_name["c: 2"][0]  # in the order of the first series
    assert by_name["a: 3"][1] < by_name["a: 2"][1] < by_name["b: 1"][1]  # up is more


def test_a_gap_ends_a_line():
    y = np.array([0.0, 1.0, np.nan, 3.0, 4.0])
    root = ElementTree.fromstring(line_plot("line", np.arange(5.0), {"y": y}, x_title="s", marks=(2.0,)))
    lines = [line.get("points").split() for line in root.iter(f"{SVG}polyline")]
    assert [len(line) for line in lines] == [2, 2]


def test_intervals_and_constant_numbers_draw():
    for rows in ([("ours", 1.0, (0.5, 1.5)), ("copy", 4.0, None)], [("zero", 0.0, None)]):
        ElementTree.fromstring(intervals_plot("medians", rows))
    ElementTree.fromstring(line_plot("flat", np.arange(3.0), {"y": np.full(3, np.nan)}, x_title="s"))


def test_cells_are_escaped():
    assert "<td>a &lt; b</td>" in table(("x",), [("a < b",)])
