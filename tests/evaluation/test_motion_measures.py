from dataclasses import replace

import numpy as np
import pytest

from likeness.evaluation.motion_measures import (
    angle_differences,
    average_expression_distance,
    average_pose_distance,
    gaze_error,
    lid_error,
    motion_errors,
    relative_rotation,
    rotation_error,
    seen_in_both,
)
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_yaw_pitch_roll
from likeness.motion.pose import FRONTAL
from tests.heads_for_tests import still_motion, tiny_head


def rotation(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    return axis_angle_from_matrix(FRONTAL @ matrix_from_yaw_pitch_roll(*np.radians([yaw, pitch, roll]).tolist()))


def test_apd_of_known_angles():
    made = np.stack([rotation(6.0, -3.0, 1.5), rotation(0.0)])
    wanted = np.stack([rotation(0.0), rotation(0.0)])
    np.testing.assert_allclose(np.degrees(angle_differences(made, wanted))[0], [6.0, -3.0, 1.5], atol=1e-9)
    np.testing.assert_allclose(average_pose_distance(made, wanted), [100 * np.radians(3.5), 0.0], atol=1e-9)


def test_the_geodesic_angle_of_a_turn_is_the_turn():
    made, wanted = rotation(0.0, 0.0, 25.0)[None], rotation(0.0)[None]
    assert rotation_error(made, wanted)[0] == pytest.approx(25.0)


def test_angles_beyond_half_a_turn_come_back():
    difference = angle_differences(rotation(0.0, 0.0, 179.0)[None], rotation(0.0, 0.0, -179.0)[None])
    assert abs(np.degrees(difference[0, 2])) == pytest.approx(2.0)


def test_relative_rotation_begins_at_the_reference():
    turns = np.stack([rotation(5.0), rotation(15.0)])
    relative = relative_rotation(turns, 0)
    np.testing.assert_allclose(relative[0], np.eye(3), atol=1e-12)
    assert np.degrees(np.arccos((np.trace(relative[1]) - 1) / 2)) == pytest.approx(10.0)


def test_aed_counts_deviations():
    made = np.array([[0.4, -0.2, 0.0]])
    deviations = np.array([0.4, 0.1, 5.0])
    assert average_expression_distance(made, np.zeros((1, 3)), deviations)[0] == pytest.approx((1.0 + 2.0 + 0.0) / 3)
    with pytest.raises(ValueError, match="positive"):
        average_expression_distance(made, made, np.zeros(3))


def test_gaze_counts_only_where_irises_show():
    wanted = still_motion(tiny_head(), 3)
    wanted = wanted.with_frames(lids=np.full((3, 2), 0.3))
    made = wanted.with_frames(
        eye_left=wanted.eye_left + np.array([0.0, np.radians(10.0), 0.0]),
        lids=np.array([[0.3, 0.3], [0.3, 0.05], [0.4, 0.3]]),
    )
    error = gaze_error(made, wanted)
    np.testing.assert_allclose(error, [5.0, np.nan, 5.0])  # one eye of two is off by 10 degrees
    np.testing.assert_allclose(lid_error(made, wanted), [0.0, 0.125, 0.05])


def test_frames_without_a_face_do_not_count():
    wanted = still_motion(tiny_head(), 4)
    made = replace(wanted, valid=np.array([True, False, True, True]))
    errors = motion_errors(made, wanted, np.ones(len(wanted.expression_names)))
    assert set(errors) == {"apd", "rotation", "aed", "jaw", "gaze", "lids"}
    for key in ("apd", "rotation", "aed", "jaw", "lids"):
        assert np.isnan(errors[key]).tolist() == [False, True, False, False], key
        assert np.nanmax(errors[key]) == pytest.approx(0.0, abs=1e-6)


def test_motions_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="one head and length"):
        seen_in_both(still_motion(tiny_head(), 4), still_motion(tiny_head(), 5))
