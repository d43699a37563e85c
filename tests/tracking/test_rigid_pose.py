"""Texture matches on a real face that was moved by a known similarity, and the pose they give."""

import cv2
import numpy as np
import pytest

from likeness.geometry.rotation import geodesic_angle, matrix_from_yaw_pitch_roll
from likeness.tracking.fit import FitState
from likeness.tracking.rigid_points import RigidMatcher
from likeness.tracking.rigid_pose import lift_points, refine_pose, texture_weights, to_rays
from tests.flow_warp.portraits import portrait


def moved_picture(turn_degrees: float, scale: float, shift: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The portrait's photo and landmarks under a similarity about the face."""
    image, landmarks = portrait().image, portrait().landmarks.copy()
    centre = landmarks[:468, :2].mean(0)
    angle = np.radians(turn_degrees)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = centre + np.array(shift) - matrix @ centre
    numbers = offset + matrix @ np.array([0.5, 0.5]) - 0.5  # OpenCV counts pixel centres as integers
    moved = cv2.warpAffine(
        image,
        np.column_stack([matrix, numbers]),
        image.shape[1::-1],
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    landmarks[:, :2] = landmarks[:, :2] @ matrix.T + offset
    return moved, landmarks


@pytest.mark.parametrize(
    ("turn", "scale", "shift"), [(0.0, 1.0, (6.4, -3.7)), (7.0, 1.0, (0.0, 0.0)), (0.0, 1.08, (2.0, 5.0))]
)
def test_points_follow_a_known_motion(turn: float, scale: float, shift: tuple[float, float]) -> None:
    matcher = RigidMatcher()
    matcher.match(portrait().image, portrait().landmarks, 0)
    image, landmarks = moved_picture(turn, scale, shift)
    noisy = landmarks + np.random.default_rng(0).normal(scale=0.4, size=landmarks.shape)
    matches = matcher.match(image, noisy, 1)
    assert matches.keyframe == 0 and matches.found.mean() > 0.6
    start = matcher.keyframes[0].points.astype(np.float64)
    centre = portrait().landmarks[:468, :2].mean(0)
    angle = np.radians(turn)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = (start - centre) @ matrix.T + centre + np.array(shift)
    error = np.linalg.norm(matches.points - expected, axis=1)[matches.found]
    assert np.median(error) < 0.12


def test_points_lie_on_the_person_above_the_nose() -> None:
    matcher = RigidMatcher()
    matcher.match(portrait().image, portrait().landmarks, 0)
    points = matcher.keyframes[0].points
    assert len(points) > 30
    assert (points[:, 1] < portrait().landmarks[2, 1] + 2).all()  # upright photo
    assert (points[:, 0] < 0.75 * portrait().image.shape[1]).all()  # flag and shuttle stand on the right


def test_an_unlike_pose_becomes_a_keyframe() -> None:
    matcher = RigidMatcher()
    matcher.match(portrait().image, portrait().landmarks, 0)
    other = portrait().landmarks.copy()
    other[:, 0] = other[:, 0].mean() + 0.8 * (other[:, 0] - other[:, 0].mean())  # as if turned away
    matcher.match(portrait().image, other, 1)
    assert len(matcher.keyframes) == 2


def test_pose_is_recovered_from_lifted_points() -> None:
    subject = portrait()
    state = FitState(
        rotation=subject.rest.T_cam_head.rotation,
        translation=subject.rest.translation,
        jaw=subject.rest.jaw,
        coefficients=subject.rest.expression,
    )
    pixels = subject.landmarks[[10, 151, 9, 8, 168, 6, 197, 33, 263, 127, 356, 162, 389, 1], :2]
    lifted = lift_points(
        pixels, subject.camera, subject.head, shape=subject.shape, expression=subject.rest.expression, state=state
    )
    np.testing.assert_allclose(subject.camera.project(state.T_cam_head.apply(lifted.points)), pixels, atol=1e-6)
    turned = FitState(
        rotation=state.rotation @ matrix_from_yaw_pitch_roll(0.06, -0.04, 0.03),
        translation=state.translation * np.array([1.0, 1.0, 1.05]) + np.array([0.01, -0.02, 0.0]),
        jaw=state.jaw,
        coefficients=state.coefficients,
    )
    seen = subject.camera.project(turned.T_cam_head.apply(lifted.points))
    found = refine_pose(
        state,
        texture=lifted.points,
        texture_trust=texture_weights(lifted, state),
        texture_rays=to_rays(subject.camera, seen),
        landmarks=np.zeros((0, 3)),
        landmark_rays=np.zeros((0, 2)),
        iterations=20,
    )
    assert np.degrees(geodesic_angle(found.rotation, turned.rotation)) < 0.05
    np.testing.assert_allclose(found.translation, turned.translation, rtol=1e-3, atol=1e-4)
