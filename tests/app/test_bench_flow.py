"""The bench's lines about the flow condition."""

from likeness.app import bench_flow
from likeness.app.bench_flow import flow_lines
from tests.flow_warp.portraits import portrait


def test_one_line_per_resolution(monkeypatch):
    monkeypatch.setattr(bench_flow, "ROUNDS", {16: 2, 24: 1})
    lines = flow_lines(portrait(), [portrait().rest] * 3, 44)
    assert [line[:26] for line in lines] == ["3D flow condition, 16 x 16", "3D flow condition, 24 x 24"]
    milliseconds, rate = (float(value) for value in lines[0][44:].split("(")[0].split())
    assert milliseconds > 0.0 and abs(milliseconds * rate - 1000.0) < 0.1 * 1000.0
