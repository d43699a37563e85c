"""What tells an expression: sizes, units, and who is refused."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.export3d.expression import (
    JAW_UNIT,
    expression_of_frame,
    expression_of_motion,
    expression_size,
    gaze_of_frame,
    inputs_of_frame,
    without_gaze,
)
from likeness.motion.edit import HeadEdit, apply_edit
from tests.export3d.models import HEAD, settings
from tests.heads_for_tests import rest_frame, tiny_head, wiggled_motion


def test_the_built_in_head_tells_coefficients_jaw_and_lids():
    assert expression_size(HEAD) == HEAD.num_expression + 3 + 2
    frame = rest_frame(HEAD)
    numbers = expression_of_frame(HEAD, frame)
    assert numbers.shape == (expression_size(HEAD),)
    opened = expression_of_frame(HEAD, replace(frame, jaw=np.array([JAW_UNIT, 0.0, 0.0])))
    assert np.flatnonzero(opened != numbers).tolist() == [HEAD.num_expression]
    assert opened[HEAD.num_expression] == pytest.approx(1.0)


def test_coefficients_count_in_their_deviations():
    frame = rest_frame(HEAD)
    moved = replace(frame, expression=frame.expression + HEAD.expression_deviations)
    difference = expression_of_frame(HEAD, moved) - expression_of_frame(HEAD, frame)
    np.testing.assert_allclose(difference[: HEAD.num_expression], 1.0, atol=1e-5)


def test_pose_neck_and_gaze_are_no_part_of_it():
    frame = rest_frame(HEAD)
    turned = replace(frame, rotation=frame.rotation + 0.3, translation=frame.translation + 0.1, neck=np.full(3, 0.1))
    looking = replace(turned, eye_left=np.full(3, 0.2))
    np.testing.assert_array_equal(expression_of_frame(HEAD, frame), expression_of_frame(HEAD, looking))


def test_gaze_counts_to_the_subjects_left_and_up():
    frame = rest_frame(HEAD)
    moved = gaze_of_frame(apply_edit(frame, HeadEdit(gaze_yaw=10.0, gaze_pitch=5.0), HEAD)) - gaze_of_frame(frame)
    np.testing.assert_allclose(np.degrees(moved), [10.0, 5.0, 10.0, 5.0], atol=0.5)


def test_inputs_hold_the_gaze_last_and_only_if_asked():
    frame = replace(rest_frame(HEAD), eye_left=np.array([0.1, 0.2, 0.0]))
    plain, both = (inputs_of_frame(settings(gaze=gaze), HEAD, frame) for gaze in (False, True))
    np.testing.assert_array_equal(without_gaze(settings(gaze=True), both), plain)
    np.testing.assert_allclose(both[-4:-2], [0.2, -0.1], atol=1e-6)


def test_other_heads_are_refused():
    other = tiny_head()
    with pytest.raises(InputError, match="tiny"):
        inputs_of_frame(settings(), other, rest_frame(other))
    motion = wiggled_motion(other, 3)
    assert expression_of_motion(other, motion).shape == (3, expression_size(other))
    with pytest.raises(InputError, match="track the clip"):
        expression_of_motion(HEAD, motion)
