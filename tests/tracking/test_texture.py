"""How landmarks and texture are weighed against each other over a clip."""

import numpy as np

from likeness.geometry.transform import RigidTransform
from likeness.tracking.fit import FitState
from likeness.tracking.texture import FRAMES_OF_ONE_ERROR, LINK_WEIGHT, _corrected, _corrections, _Link, _offset


def state(axis_angle, translation):
    pose = RigidTransform.from_axis_angle(np.array(axis_angle), np.array(translation))
    return FitState(rotation=pose.rotation, translation=pose.translation, jaw=np.zeros(3), coefficients=np.zeros(2))


def test_one_keyframe_takes_the_usual_offset_of_its_frames():
    generator = np.random.default_rng(0)
    error = np.array([0.01, -0.02, 0.005, 0.001, 0.0, 0.02])
    seen = error + 0.005 * generator.standard_normal((200, 6))
    seen[:20] += 0.5  # some frames are hopeless
    correction = _corrections(1, {0: list(seen)}, [])
    np.testing.assert_allclose(correction[0], error, atol=2e-3)


def test_a_rarely_seen_keyframe_follows_its_link():
    link = np.full(6, 0.01)
    many, few = [np.zeros(6)] * int(40 * FRAMES_OF_ONE_ERROR), [np.full(6, 0.07)]
    corrections = _corrections(2, {0: many, 1: few}, [_Link(later=1, earlier=0, offset=link)])
    expected = (0.07 + LINK_WEIGHT * 0.01) / (1.0 + LINK_WEIGHT)
    np.testing.assert_allclose(corrections[0], 0.0, atol=2e-3)
    np.testing.assert_allclose(corrections[1], expected, atol=2e-3)


def test_offset_and_correction_undo_each_other():
    one, other = state((2.9, 0.1, 0.0), (0.0, 0.1, 1.0)), state((3.0, 0.0, 0.1), (0.02, 0.1, 1.1))
    result = _corrected(one, _offset(one, other))
    np.testing.assert_allclose(result.rotation, other.rotation, atol=1e-9)
    np.testing.assert_allclose(result.translation, other.translation, atol=1e-9)
