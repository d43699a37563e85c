"""Texture followed from keyframes: known shifts of a picture, and what counts as another pose."""

import numpy as np

from likeness.tracking.rigid_points import RigidMatcher, pose_changes
from tests.tracking.faces import astronaut, landmarks, truth


def test_the_same_pose_under_a_similarity_is_no_change():
    face = landmarks(truth())
    turn = 1.3 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    moved = np.concatenate([face[:, :2] @ turn.T + [30.0, -12.0], face[:, 2:]], axis=1)
    turned = landmarks(truth(yaw=25))
    same, other = pose_changes(np.stack([face, turned]), moved)
    assert same < 1e-9
    assert other > 1.0


def test_texture_is_followed_through_a_shift():
    picture = astronaut()
    pixels = np.array([222.0, 110.0])  # middle of the face in that picture
    face = landmarks(truth())
    size = np.linalg.norm(face[10, :2] - face[152, :2])
    face[:, :2] = (face[:, :2] - face[:468, :2].mean(axis=0)) * (110.0 / size) + pixels
    matcher = RigidMatcher()
    first = matcher.match(picture, face, 0)
    shifted = np.roll(picture, (5, -3), axis=(0, 1))
    second = matcher.match(shifted, face + [-3.0 + 0.4, 5.0, 0.0], 1)  # landmarks are less exact than texture
    assert second.keyframe == 0 and second.found.mean() > 0.8
    moves = second.points[second.found] - first.points[second.found]
    np.testing.assert_allclose(np.median(moves, axis=0), [-3.0, 5.0], atol=0.05)
