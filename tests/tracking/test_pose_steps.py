"""A head pose from exact points and rays, and in spite of wrong ones."""

import numpy as np

from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.tracking.pose_steps import pose_from_landmarks, pose_from_texture
from tests.tracking.faces import FACING, angle_degrees

POINTS = 0.07 * np.random.default_rng(0).standard_normal((60, 3))
START = np.array([0.0, 0.0, 1.0])
ROTATION = matrix_from_axis_angle(np.array([0.1, -0.2, 0.05])) @ FACING
TRANSLATION = np.array([0.03, -0.02, 1.1])
PLACED = POINTS @ ROTATION.T + TRANSLATION
RAYS = PLACED[:, :2] / PLACED[:, 2:]


def test_landmarks_give_the_pose():
    depths = (PLACED[:, 2] - 0.8) / PLACED[:, 2].mean()
    pose = pose_from_landmarks(POINTS, RAYS, depths, np.ones(60), FACING, START, 10, 0.5, 0.05)
    assert angle_degrees(pose[0], ROTATION) < 0.01
    np.testing.assert_allclose(pose[1], TRANSLATION, atol=1e-4)


def test_texture_gives_the_pose_in_spite_of_wrong_matches():
    rays = RAYS.copy()
    rays[:6] += 0.05
    pose = pose_from_texture(POINTS, rays, np.ones(60), FACING, START, 25, 0.01)
    assert angle_degrees(pose[0], ROTATION) < 0.3
    np.testing.assert_allclose(pose[1], TRANSLATION, atol=5e-3)
