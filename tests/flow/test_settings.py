"""Settings of the flow condition: names of the channels, refusals."""

import pytest

from likeness.errors import InputError
from likeness.flow.settings import FlowSettings


def test_channels_and_names():
    assert FlowSettings().channels == 60  # the paper's 3 N
    assert FlowSettings(encoding="slope6").channels == 6
    assert FlowSettings(encoding="centre3").channels == 3
    assert FlowSettings(encoding="flow2d").names == ("flow2d.x", "flow2d.y")
    everything = FlowSettings(samples=4, extras=("gaze", "mask", "visibility", "normals", "depth", "flow2d"))
    assert everything.channels == 12 + 1 + 1 + 3 + 1 + 2 + 3
    assert everything.names[:4] == ("flow00.x", "flow00.y", "flow00.z", "flow01.x")
    assert everything.names[12:14] == ("mask", "visibility") and everything.names[-1] == "gaze.lid"


@pytest.mark.parametrize(
    "wrong",
    [
        {"resolution": 0}, {"samples": 0}, {"samples": True}, {"delta": 0.0}, {"delta": float("nan")}, {"scale": -1.0},
        {"extras": ("mask", "mask")}, {"encoding": "flow2d", "extras": ("flow2d",)},
    ],
)  # fmt: skip
def test_refuses_what_has_no_meaning(wrong):
    with pytest.raises(InputError, match="flow"):
        FlowSettings(**wrong)
