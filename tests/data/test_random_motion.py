from dataclasses import replace

import numpy as np
import pytest

from likeness.data.random_motion import MotionRange, closed_lips, mouth_gap, random_moment, uncrossed_lips
from likeness.heads.builtin import builtin_head
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.pose import frontal_angles
from likeness.tracking.lips import person_seal
from tests.heads_for_tests import rest_frame

HEAD = builtin_head()
SEAL = person_seal(HEAD, np.zeros(HEAD.num_shape))
REST = rest_frame(HEAD)
OPEN = apply_edit(REST, HeadEdit(controls={"jawOpen": 0.6}), HEAD)


@pytest.fixture(scope="module")
def moments():
    return [random_moment(OPEN, HEAD, SEAL, MotionRange(), np.random.default_rng(seed)) for seed in range(300)]


def test_poses_follow_the_ranges(moments):
    angles = np.degrees(frontal_angles(np.array([moment.rotation for moment in moments])))
    assert (np.abs(angles) < [26.0, 14.0, 12.0]).all()
    assert (np.abs(angles).max(axis=0) > [22.0, 10.0, 8.0]).all()
    small = np.abs(angles[:, 0]) <= 5.0
    assert 0.3 < small.mean() < 0.5  # a quarter by choice, and a fifth of the others
    assert abs(angles[:, 0].mean()) < 3.0


def test_open_mouths_are_mostly_closed():
    ranges = MotionRange(expressions=0)
    moments = [random_moment(OPEN, HEAD, SEAL, ranges, np.random.default_rng(seed)) for seed in range(200)]
    gaps = np.array([mouth_gap(moment, SEAL) for moment in moments])
    assert mouth_gap(OPEN, SEAL) > 8e-3
    assert 0.55 < (np.abs(gaps) < 1e-3).mean() < 0.75
    assert (gaps[np.abs(gaps) > 1e-3] > 8e-3).all()


def test_lids_close_in_part(moments):
    part = np.array([moment.lids[0] for moment in moments]) / REST.lids[0]
    assert 0.17 < (part < 0.7).mean() < 0.33 and part.min() >= 0.0


def test_lips(moments):
    assert abs(mouth_gap(closed_lips(OPEN, SEAL), SEAL)) < 5e-4
    crossed = replace(REST, jaw=np.radians([-4.0, 0.0, 0.0]))
    assert mouth_gap(crossed, SEAL) < -2e-3 and mouth_gap(uncrossed_lips(crossed, SEAL), SEAL) > -3e-4


def test_the_same_seed_gives_the_same_moment(moments):
    again = random_moment(OPEN, HEAD, SEAL, MotionRange(), np.random.default_rng(7))
    np.testing.assert_array_equal(again.expression, moments[7].expression)
    np.testing.assert_array_equal(again.rotation, moments[7].rotation)
