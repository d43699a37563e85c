import numpy as np
import pytest

from likeness.evaluation import face_measures
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.builtin import builtin_head

UPRIGHT = np.diag([1.0, -1.0, -1.0])  # head axes to camera axes of a head that faces the camera


def face() -> np.ndarray:
    """Landmarks of the built-in head, seen from the front at 1000 pixels per metre; irises between the eye corners."""
    head = builtin_head()
    corners = head.template[head.faces[head.landmark_faces]]
    points = np.einsum("LCX,LC->LX", corners, head.landmark_barycentrics)
    irises = [
        np.repeat(points[[outer, inner]].mean(axis=0)[None], 5, axis=0) for outer, inner in ((33, 133), (263, 362))
    ]
    return 1000.0 * np.concatenate([points[:468], *irises]) @ UPRIGHT.T + np.array([256.0, 256.0, 0.0])


def test_landmark_error_of_a_shift():
    points = face()
    moved = points + np.array([3.0, 4.0, 9.0])
    assert face_measures.landmark_error(moved, points) == pytest.approx(100 * 5.0 / face_measures.eye_distance(points))


def test_a_missed_face_counts_fully_and_a_missing_truth_not_at_all():
    points, missed = face(), np.full((478, 3), np.nan)
    assert face_measures.landmark_error(missed, points) == 100.0
    assert np.isnan(face_measures.landmark_error(points, missed))


def test_rotation_of_known_landmarks():
    points = face()
    rotation = matrix_from_axis_angle(np.array([0.1, -0.3, 0.2]))
    turned = (points - 256.0) @ rotation.T * 1.3 + 100.0
    np.testing.assert_allclose(face_measures.head_rotation(points, turned), rotation, atol=1e-9)


def test_rotation_of_a_missed_face_is_nan():
    assert np.isnan(face_measures.head_rotation(face(), np.full((478, 3), np.nan))).all()


def test_relative_pose_error_forgets_where_each_head_began():
    points = face()
    driver = np.stack([points @ matrix_from_axis_angle(np.array([0.0, angle, 0.0])).T for angle in (0.0, 0.1, 0.3)])
    start = matrix_from_axis_angle(np.array([0.0, 0.2, 0.0]))
    np.testing.assert_allclose(
        face_measures.relative_pose_errors(driver @ start.T, driver, (1,))[[0, 2]], 0.0, atol=1e-5
    )
    still = np.stack([points] * 3)
    errors = face_measures.relative_pose_errors(still, driver, (0,))
    np.testing.assert_allclose(errors[1:], np.degrees([0.1, 0.3]), rtol=1e-6)
    assert np.isnan(errors[0])


def test_mouth_opening_and_aperture_are_ratios():
    points = face()
    opened = points.copy()
    opened[14, 1] = opened[13, 1] + 0.1 * np.linalg.norm(points[10, :2] - points[152, :2])
    opened[14, 0] = opened[13, 0]
    assert face_measures.mouth_opening(opened) == pytest.approx(0.1)
    assert face_measures.mouth_opening(3.0 * opened) == pytest.approx(0.1)
    closed = points.copy()
    closed[159] = closed[145]
    assert face_measures.eye_apertures(closed)[0] == pytest.approx(0.0)
    assert face_measures.eye_apertures(closed)[1] > 0.1


def test_gaze_points_to_the_subjects_left_and_up():
    points = face()
    np.testing.assert_allclose(face_measures.gaze(points), 0.0, atol=1e-9)
    moved = points.copy()
    for iris, outer, inner in ((468, 33, 133), (473, 263, 362)):
        line = points[outer] - points[inner]
        moved[iris, 0] += 0.2 * abs(line[0])  # the subject's left is on the right of the picture
        moved[iris, 1] -= 0.1 * abs(line[0])
    assert face_measures.gaze(moved)[0] == pytest.approx(0.2, abs=0.02)
    assert face_measures.gaze(moved)[1] == pytest.approx(0.1, abs=0.03)


def test_displacement_removes_pose_and_scale():
    points = face()
    rotation = matrix_from_axis_angle(np.array([0.1, 0.3, -0.2]))
    unit = np.linalg.norm(points[33] - points[263])
    smiling = points.copy()
    smiling[61, 1] -= 0.05 * unit  # a mouth corner goes up
    moved = face_measures.displacement(points, 0.8 * smiling @ rotation.T + 30.0)
    across, up, out = moved[61]
    assert np.hypot(up, out) == pytest.approx(5.0, abs=1e-6)
    assert up > 4.5 and abs(across) < 1e-6
    np.testing.assert_allclose(np.delete(moved, 61, axis=0), 0.0, atol=1e-6)


def test_displacement_is_not_misled_by_a_forehead_that_moves():
    points = face()
    raised = points.copy()
    raised[[10, 338, 297, 109, 67, 151, 162, 389], 1] -= 0.03 * np.linalg.norm(points[33] - points[263])
    moved = face_measures.displacement(points, raised)
    assert np.abs(moved[[1, 61, 152], :2]).max() < 0.1  # across and up; a plain fit gives up to 0.5
