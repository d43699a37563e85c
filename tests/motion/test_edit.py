"""Edits: exact angles, a still pivot, lids obeyed by one truth, and names that help."""

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.geometry.rotation import matrix_from_axis_angle, yaw_pitch_roll_from_matrix
from likeness.heads.model import NECK
from likeness.motion.edit import (
    HeadEdit,
    apply_edit,
    apply_edit_to_motion,
    control_names,
    edit_warnings,
    parse_controls,
)
from likeness.motion.pose import frontal_angles
from likeness.motion.record import FRAME_FIELDS
from tests.heads_for_tests import JAW_OPEN_RADIANS, rest_frame, tiny_head, wiggled_motion

HEAD = tiny_head()
REST = rest_frame(HEAD)


def test_nothing_changes_nothing():
    frame = wiggled_motion(HEAD).frame(20)
    edited = apply_edit(frame, HeadEdit(), HEAD)
    np.testing.assert_allclose(edited.T_cam_head.rotation, frame.T_cam_head.rotation, atol=1e-12)
    for name in ("translation", "neck", "jaw", "eye_left", "eye_right", "expression", "lids"):
        np.testing.assert_allclose(getattr(edited, name), getattr(frame, name), atol=1e-12)


def test_angles_are_degrees_against_the_frontal_head():
    edited = apply_edit(REST, HeadEdit(yaw=15.0, pitch=-8.0, roll=5.0, gaze_yaw=10.0, gaze_pitch=4.0), HEAD)
    np.testing.assert_allclose(np.degrees(frontal_angles(edited.rotation)), [15, -8, 5], atol=1e-9)
    gaze = np.degrees(yaw_pitch_roll_from_matrix(matrix_from_axis_angle(edited.eye_left)))
    np.testing.assert_allclose(gaze, [10, 4, 0], atol=1e-9)


def test_directions_on_screen():
    """The nose of a frontal head: subject's left is the picture's right, up is up."""
    nose = np.array([0.0, 0.0, 0.1])
    still = REST.T_cam_head.apply(nose)
    assert apply_edit(REST, HeadEdit(yaw=10.0), HEAD).T_cam_head.apply(nose)[0] > still[0] + 0.01
    assert apply_edit(REST, HeadEdit(pitch=10.0), HEAD).T_cam_head.apply(nose)[1] < still[1] - 0.01
    crown = np.array([0.0, 0.12, 0.0])
    assert (
        apply_edit(REST, HeadEdit(roll=10.0), HEAD).T_cam_head.apply(crown)[0] > REST.T_cam_head.apply(crown)[0] + 0.01
    )


def test_the_neck_stays():
    edited = apply_edit(REST, HeadEdit(yaw=30.0, pitch=10.0, roll=-10.0), HEAD)
    pivot = HEAD.joint_positions[NECK]
    np.testing.assert_allclose(edited.T_cam_head.apply(pivot), REST.T_cam_head.apply(pivot), atol=1e-12)


def test_controls_move_what_they_name():
    edited = apply_edit(REST, HeadEdit(controls={"mouthSmile": 0.6, "mouthSmileRight": 0.2, "jawOpen": 0.5}), HEAD)
    np.testing.assert_allclose(edited.expression, [0.6, 0.2, 0, 0, 0, 0, 0.1], atol=1e-12)
    np.testing.assert_allclose(edited.jaw, [0.5 * JAW_OPEN_RADIANS, 0, 0])
    np.testing.assert_array_equal(edited.lids, REST.lids)


def test_lids_are_the_one_truth_of_the_eyes():
    edited = apply_edit(REST, HeadEdit(controls={"eyeBlinkLeft": 0.75, "eyeWideRight": 1.0}), HEAD)
    np.testing.assert_allclose(edited.lids, [0.3 * 0.25, 0.3 * 1.35])
    np.testing.assert_array_equal(edited.expression, REST.expression)
    assert (apply_edit(REST, HeadEdit(controls={"eyeBlink": 1.5}), HEAD).lids == 0).all()


def test_unknown_names_are_answered_with_close_ones():
    with pytest.raises(InputError, match="did you mean mouthSmile"):
        apply_edit(REST, HeadEdit(controls={"mouthsmille": 1.0}), HEAD)
    assert {"mouthSmile", "eyeBlink", "eyeWide", "jawOpen", "browInnerUp"} <= set(control_names(HEAD))


@pytest.mark.parametrize(
    "edit", [HeadEdit(yaw=np.nan), HeadEdit(pitch=91.0), HeadEdit(controls={"jawOpen": np.inf})], ids=str
)
def test_impossible_numbers(edit):
    with pytest.raises(InputError):
        apply_edit(REST, edit, HEAD)


def test_settings_and_warnings():
    assert parse_controls(["mouthSmile=0.6", " jawOpen = 1 "], HEAD) == {"mouthSmile": 0.6, "jawOpen": 1.0}
    for text in ("mouthSmile", "mouthSmile=", "=1", "x=1", "jawOpen=nan", "jawOpen=1=2"):
        with pytest.raises(InputError):
            parse_controls([text], HEAD)
    assert edit_warnings(HeadEdit(yaw=20.0, controls={"jawOpen": 1.0}), HEAD) == ()
    assert len(edit_warnings(HeadEdit(yaw=-40.0, controls={"jawOpen": 1.2, "eyeBlink": 2.0}), HEAD)) == 4


def test_a_whole_motion_is_edited_frame_by_frame():
    motion = wiggled_motion(HEAD)
    edit = HeadEdit(yaw=12.0, gaze_pitch=5.0, controls={"jawOpen": 0.5, "eyeBlink": 0.3, "mouthSmile": 0.4})
    edited = apply_edit_to_motion(motion, edit, HEAD)
    for index in (0, 17, 49):
        frame, expected = edited.frame(index), apply_edit(motion.frame(index), edit, HEAD)
        for name in FRAME_FIELDS:
            np.testing.assert_allclose(getattr(frame, name), getattr(expected, name), atol=1e-12)


def test_gaze_adds_to_what_the_eye_does():
    looking = apply_edit(REST, HeadEdit(gaze_yaw=7.0, gaze_pitch=-3.0), HEAD)
    further = apply_edit(looking, HeadEdit(gaze_yaw=5.0, gaze_pitch=6.0), HEAD)
    gaze = np.degrees(yaw_pitch_roll_from_matrix(matrix_from_axis_angle(further.eye_right)))
    np.testing.assert_allclose(gaze, [12, 3, 0], atol=1e-9)
