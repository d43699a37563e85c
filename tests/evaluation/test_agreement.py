"""Asked versus achieved on motions whose difference is known."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.evaluation.agreement import JITTER_TOLERANCE, agree, at_times, range_warnings
from likeness.evaluation.noise_floor import JITTER
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_yaw_pitch_roll
from likeness.motion.pose import FRONTAL
from tests.heads_for_tests import still_motion, tiny_head

FRAMES = 100
TIMES = np.arange(FRAMES) / 25.0
YAW = 15.0 * np.sin(2 * np.pi * 0.5 * TIMES)


def turned(yaw: np.ndarray, pitch: float = 0.0):
    rotation = np.stack(
        [
            axis_angle_from_matrix(FRONTAL @ matrix_from_yaw_pitch_roll(*np.radians([angle, pitch, 0.0]).tolist()))
            for angle in yaw
        ]
    )
    motion = still_motion(tiny_head(), FRAMES)
    lids = np.full((FRAMES, 2), 0.3)
    return motion.with_frames(rotation=rotation, lids=lids, times=TIMES)


def quantity(found, name):
    return next(entry for entry in found.quantities if entry.name == name)


def compare(asked, achieved, *, ignores_offsets=False):
    return agree(asked, achieved, tiny_head(), rest=None, ignores_offsets=ignores_offsets)


def test_the_same_motion_follows():
    found = compare(turned(YAW), turned(YAW))
    assert quantity(found, "rotation").median == pytest.approx(0.0, abs=1e-5)
    assert quantity(found, "rotation").gain == pytest.approx(1.0)
    assert found.verdict.startswith("follows")
    assert set(found.curves) == {"yaw", "pitch", "roll", "gaze yaw", "gaze pitch", "lids", "jaw"}


def test_a_result_that_stands_still_misses_everything():
    found = compare(turned(YAW), turned(np.zeros(FRAMES)))
    rotation = quantity(found, "rotation")
    assert rotation.share == pytest.approx(1.0, abs=0.02)
    assert rotation.gain == pytest.approx(0.0, abs=1e-6) and not rotation.is_good
    assert found.verdict.startswith("does not follow: rotation misses")


def test_too_little_movement_is_no_praise():
    nearly = turned(0.01 * YAW)
    assert compare(nearly, turned(np.zeros(FRAMES))).verdict.startswith("cannot be told")


def test_a_constant_difference_is_told_apart_from_the_movement():
    found = compare(turned(YAW), turned(YAW, pitch=5.0))
    rotation = quantity(found, "rotation")
    assert rotation.median == pytest.approx(5.0, abs=0.1)
    assert np.nanmedian(rotation.moving) < 1.2 and rotation.is_good
    ignored = quantity(compare(turned(YAW), turned(YAW, pitch=5.0), ignores_offsets=True), "rotation")
    np.testing.assert_allclose(ignored.error, rotation.moving)


def test_jitter_is_found():
    shaken = YAW + 1.5 * (JITTER_TOLERANCE + JITTER + 0.3) * (-1.0) ** np.arange(FRAMES)
    found = compare(turned(YAW), turned(shaken))
    assert found.excess_jitter > JITTER_TOLERANCE + JITTER
    assert "jitters" in found.verdict


def test_missing_faces_are_told():
    achieved = replace(turned(YAW), valid=np.arange(FRAMES) % 3 > 0)
    found = compare(turned(YAW), achieved)
    assert "no face is found in 34 % of the frames" in found.verdict
    assert np.isnan(found.curves["yaw"][1][0]) and np.isfinite(found.curves["yaw"][0][0])
    nothing = compare(turned(YAW), replace(turned(YAW), valid=np.zeros(FRAMES, dtype=bool)))
    assert np.isnan(quantity(nothing, "rotation").median) and "100 %" in nothing.verdict


def test_turns_and_controls_beyond_the_trusted_range_are_named():
    asked = turned(40.0 * np.sin(2 * np.pi * 0.5 * TIMES))
    expression = asked.expression.copy()
    expression[10, asked.expression_names.index("mouthSmileLeft")] = 1.6
    lines = range_warnings(asked.with_frames(expression=expression), tiny_head(), None)
    assert any(line.startswith("yaw goes beyond 25 degrees: ") for line in lines)
    assert "mouthSmileLeft leaves its range 0 to 1: 1 frames, up to 1.6, first at 0.40 s" in lines
    assert range_warnings(turned(YAW), tiny_head(), None) == ()


def test_other_rates_are_matched_by_time():
    asked = turned(YAW)
    half = at_times(asked, TIMES[::2] + 0.004)
    np.testing.assert_array_equal(half.rotation, asked.rotation[::2])
    assert len(at_times(asked, np.array([99.0]))) == 1
