"""Strength per region: 0 rests, 1 follows, 2 doubles, and regions do not touch each other."""

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.geometry.rotation import geodesic_angle, matrix_from_axis_angle
from likeness.motion.record import FRAME_FIELDS
from likeness.motion.strength import Strengths, expression_region, scale_regions
from tests.heads_for_tests import rest_frame, tiny_head, wiggled_motion

HEAD = tiny_head()
REST = rest_frame(HEAD)


def test_zero_is_rest_and_one_is_the_motion():
    motion = wiggled_motion(HEAD)
    assert scale_regions(motion, REST, Strengths()) is motion
    still = scale_regions(motion, REST, Strengths(head=0.0, mouth=0.0, eyes=0.0, brows=0.0, gaze=0.0))
    for name in FRAME_FIELDS:
        values, rest = getattr(still, name), np.broadcast_to(getattr(REST, name), getattr(still, name).shape)
        if name == "rotation":
            values, rest = matrix_from_axis_angle(values), matrix_from_axis_angle(rest)
        np.testing.assert_allclose(values, rest, atol=1e-9)


def test_head_turns_by_the_part():
    motion = wiggled_motion(HEAD)
    half = scale_regions(motion, REST, Strengths(head=0.5))
    rest = np.broadcast_to(matrix_from_axis_angle(REST.rotation), (len(motion), 3, 3))
    whole_angle = geodesic_angle(rest, matrix_from_axis_angle(motion.rotation))
    np.testing.assert_allclose(geodesic_angle(rest, matrix_from_axis_angle(half.rotation)), whole_angle / 2, atol=1e-7)
    np.testing.assert_allclose(half.translation - REST.translation, (motion.translation - REST.translation) / 2)
    for name in ("jaw", "eye_left", "expression", "lids"):
        np.testing.assert_allclose(getattr(half, name), getattr(motion, name), atol=1e-9)


def test_regions_by_name():
    motion = wiggled_motion(HEAD)
    louder = scale_regions(motion, REST, Strengths(brows=2.0, eyes=0.0))
    factors = {
        name: {"brows": 2.0, "eyes": 0.0, "mouth": 1.0}[expression_region(name)] for name in HEAD.expression_names
    }
    expected = motion.expression * np.array(list(factors.values()))
    np.testing.assert_allclose(louder.expression, expected, atol=1e-12)
    assert factors["browInnerUpLeft"] == 2.0 and factors["eyeBlinkLeft"] == 0.0 and factors["corrective00"] == 1.0
    np.testing.assert_allclose(louder.lids, 0.3)


@pytest.mark.parametrize("value", [-0.1, 3.5, np.nan])
def test_range(value):
    with pytest.raises(InputError, match="mouth"):
        Strengths(mouth=value)
