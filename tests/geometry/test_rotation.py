"""Laws of rotations, near the identity and near half a turn, and the signs of yaw, pitch and roll."""

import numpy as np
import pytest

from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import (
    axis_angle_from_matrix,
    cross_matrix,
    geodesic_angle,
    matrix_from_axis_angle,
    matrix_from_yaw_pitch_roll,
    yaw_pitch_roll_from_matrix,
)

ANGLES = [0.0, 1e-12, 1e-9, 1e-7, 1e-4, 0.3, 2.0, np.pi - 1e-4, np.pi - 1e-7]
FRONTAL = np.diag([1.0, -1.0, -1.0])  # head axes to camera axes, for a head that looks into the camera
NOSE, CROWN = np.array([0.0, 0.0, 0.1]), np.array([0.0, 0.15, 0.0])


def directions(count=20):
    vectors = np.random.default_rng(0).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("angle", [*ANGLES, np.pi])
def test_matrices_are_rotations_about_their_axis(angle):
    axis = directions()
    matrix = matrix_from_axis_angle(axis * angle)
    np.testing.assert_allclose(matrix @ np.swapaxes(matrix, -1, -2), np.broadcast_to(np.eye(3), (20, 3, 3)), atol=1e-14)
    np.testing.assert_allclose(np.linalg.det(matrix), 1.0)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", matrix, axis), axis, atol=1e-14)
    np.testing.assert_allclose(np.trace(matrix, axis1=-2, axis2=-1), 1.0 + 2.0 * np.cos(angle), atol=1e-14)


@pytest.mark.parametrize("angle", ANGLES)
def test_axis_angle_round_trip(angle):
    axis_angle = directions() * angle
    np.testing.assert_allclose(axis_angle_from_matrix(matrix_from_axis_angle(axis_angle)), axis_angle, atol=1e-9)


def test_half_a_turn_comes_back_up_to_sign():
    axis_angle = directions() * np.pi
    matrix = matrix_from_axis_angle(axis_angle)
    np.testing.assert_allclose(matrix_from_axis_angle(axis_angle_from_matrix(matrix)), matrix, atol=1e-9)


def test_a_quarter_turn_about_z_takes_x_to_y():
    matrix = matrix_from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    np.testing.assert_allclose(matrix @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-15)


def test_cross_matrix_is_the_cross_product():
    first, second = directions(), directions()[::-1]
    np.testing.assert_allclose(np.einsum("nij,nj->ni", cross_matrix(first), second), np.cross(first, second))


def test_opposite_angles_undo_each_other():
    axis_angle = directions() * 1.1
    product = matrix_from_axis_angle(axis_angle) @ matrix_from_axis_angle(-axis_angle)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), (20, 3, 3)), atol=1e-15)


@pytest.mark.parametrize("angle", [0.0, 1e-4, 0.3, 3.0])
def test_geodesic_angle(angle):
    base = matrix_from_axis_angle(directions() * 0.7)
    turned = base @ matrix_from_axis_angle(directions()[::-1] * angle)
    np.testing.assert_allclose(geodesic_angle(base, turned), angle, atol=3e-8)


def on_picture(rotation: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Pixel offset (x right, y down) from the picture's centre of a point of a frontal head turned by `rotation`."""
    camera = default_camera(200, 200)
    return camera.project(FRONTAL @ rotation @ point + [0.0, 0.0, 0.7]) - 100.0


def test_positive_yaw_moves_the_nose_to_the_subjects_left():
    offset = on_picture(matrix_from_yaw_pitch_roll(0.3, 0.0, 0.0), NOSE)
    assert offset[0] > 10.0  # the subject's left is on the right of the picture
    assert offset[1] == pytest.approx(0.0)


def test_positive_pitch_raises_the_nose():
    offset = on_picture(matrix_from_yaw_pitch_roll(0.0, 0.3, 0.0), NOSE)
    assert offset[1] < -10.0
    assert offset[0] == pytest.approx(0.0)


def test_positive_roll_tilts_the_crown_to_the_subjects_left_shoulder():
    offset = on_picture(matrix_from_yaw_pitch_roll(0.0, 0.0, 0.3), CROWN)
    assert offset[0] > 10.0
    assert offset[1] < 0.0


def test_pitch_comes_first_and_roll_last():
    parts = [matrix_from_yaw_pitch_roll(*angles) for angles in ((0.0, 0.0, 0.4), (0.3, 0.0, 0.0), (0.0, 0.2, 0.0))]
    np.testing.assert_allclose(matrix_from_yaw_pitch_roll(0.3, 0.2, 0.4), parts[0] @ parts[1] @ parts[2], atol=1e-15)


def test_yaw_pitch_roll_round_trip():
    for angles in np.random.default_rng(1).uniform(-1.4, 1.4, (50, 3)):
        np.testing.assert_allclose(yaw_pitch_roll_from_matrix(matrix_from_yaw_pitch_roll(*angles)), angles, atol=1e-12)
