"""Timelines and sweeps: exact at keys, no overshoot, strict reading."""

import copy
import json

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.geometry.camera import default_camera
from likeness.motion.edit import HeadEdit
from likeness.motion.file import motion_problem
from likeness.motion.pose import frontal_angles
from likeness.motion.timeline import Key, load_timeline, parse_timeline, sample_track, sweep, timeline_motion
from tests.heads_for_tests import rest_frame, tiny_head

HEAD = tiny_head()
REST = rest_frame(HEAD)
PORTRAIT = {"shape": np.zeros(2), "camera": default_camera(640, 480)}
CONTENT = {
    "version": 1,
    "fps": 25,
    "duration": 2.0,
    "tracks": {
        "yaw": [{"time": 0, "value": 0}, {"time": 1, "value": 20}, {"time": 2, "value": -10}],
        "mouthSmile": [{"time": 0.5, "value": 0.8, "ease": "hold"}, {"time": 1.5, "value": 0.0}],
    },
}


def test_motion_of_a_timeline(tmp_path):
    path = tmp_path / "nod.json"
    path.write_text(json.dumps(CONTENT))
    motion = timeline_motion(load_timeline(path, HEAD), REST, HEAD, **PORTRAIT)
    assert motion_problem(motion) is None and len(motion) == 51 and motion.image_size == (640, 480)
    yaw = np.degrees(frontal_angles(motion.rotation))[:, 0]
    np.testing.assert_allclose(yaw[[0, 25, 50]], [0, 20, -10], atol=1e-9)
    np.testing.assert_allclose(motion.expression[[0, 30, 38, 50], 0], [0.8, 0.8, 0, 0], atol=1e-12)


def test_smooth_tracks_do_not_overshoot_and_rest_at_turns():
    keys = [Key(time=t, value=v) for t, v in ((0.0, 0.0), (1.0, 1.0), (1.3, 1.0), (2.0, 5.0), (4.0, 6.0), (5.0, -2.0))]
    times = np.linspace(-1, 6, 7001)
    values = sample_track(keys, times)
    assert values[0] == 0.0 and values[-1] == -2.0
    np.testing.assert_allclose(sample_track(keys, np.array([key.time for key in keys])), [key.value for key in keys])
    for first, second in zip(keys, keys[1:], strict=False):
        part = values[(times >= first.time) & (times <= second.time)]
        assert part.min() >= min(first.value, second.value) - 1e-12
        assert part.max() <= max(first.value, second.value) + 1e-12
        assert (np.diff(part) * np.sign(second.value - first.value) >= -1e-12).all()
    assert np.abs(np.diff(values, 2)).max() < 1e-4  # no kinks: the slope is continuous
    line = sample_track([Key(time=0.0, value=1.0, ease="linear"), Key(time=2.0, value=3.0)], np.array([0.5, 1.0]))
    np.testing.assert_allclose(line, [1.5, 2.0])
    assert (sample_track([Key(time=3.0, value=7.0)], times) == 7).all()


def test_sweep_goes_and_comes_back():
    edit = HeadEdit(yaw=-20.0, controls={"jawOpen": 1.0})
    motion = sweep(edit, REST, HEAD, seconds=2.0, fps=30.0, **PORTRAIT)
    yaw = np.degrees(frontal_angles(motion.rotation))[:, 0]
    np.testing.assert_allclose(yaw[[0, 30, 60]], [0, -20, 0], atol=1e-9)
    assert len(motion) == 61 and yaw.min() > -20 - 1e-9
    np.testing.assert_allclose(motion.translation[[0, 60]], np.stack([REST.translation] * 2), atol=1e-12)
    with pytest.raises(InputError, match="fps"):
        sweep(edit, REST, HEAD, seconds=2.0, fps=0.0, **PORTRAIT)


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (("version",), 2, "update likeness"),
        (("version",), "1", "version"),
        (("fps",), 0, "fps"),
        (("fps",), True, "fps"),
        (("duration",), 1e9, "duration"),
        (("extra",), 1, "unknown extra"),
        (("tracks",), [], "tracks"),
        (("tracks", "yawn"), [{"time": 0, "value": 0}], "did you mean yaw"),
        (("tracks", "yaw"), [], "list of 1"),
        (("tracks", "yaw"), [{"time": 0}], "lacks value"),
        (("tracks", "yaw"), [{"time": 0, "value": 0, "curve": 1}], "curve"),
        (("tracks", "yaw"), [{"time": 0, "value": 0, "ease": "bouncy"}], "smooth, linear, hold"),
        (("tracks", "yaw"), [{"time": 0, "value": float("nan")}], "value"),
        (("tracks", "yaw"), [{"time": 0, "value": 120}], "-90 to 90"),
        (("tracks", "yaw"), [{"time": 3, "value": 0}], "time"),
        (("tracks", "yaw"), [{"time": 1, "value": 0}, {"time": 1, "value": 1}], "increasing"),
        (("tracks", "yaw"), ["x"], "object"),
    ],
)
def test_slips_are_named(where, value, words):
    content = copy.deepcopy(CONTENT)
    target = content
    for name in where[:-1]:
        target = target[name]
    target[where[-1]] = value
    with pytest.raises(InputError, match=words):
        parse_timeline(content, HEAD)


def test_files_that_are_no_timelines(tmp_path):
    for name, content in (("a.json", b"{"), ("b.json", b"\xff\xfe\x00"), ("c.json", b"[" * 100_000), ("d.json", b"[]")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as caught:
            load_timeline(tmp_path / name, HEAD)
        assert "\n" not in str(caught.value) and name in str(caught.value)
    for path in (tmp_path, tmp_path / "missing.json"):
        with pytest.raises(InputError, match="cannot read"):
            load_timeline(path, HEAD)
