"""Synthetic landmarks of the built-in head, and public photographs, for the tracking tests."""

from dataclasses import dataclass

import numpy as np

from likeness.geometry.camera import Camera, default_camera
from likeness.geometry.rotation import matrix_from_axis_angle, matrix_from_yaw_pitch_roll
from likeness.heads.builtin import builtin_head
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JAW
from likeness.heads.skinning import joint_transforms, landmark_points, posed_vertices

FACING = matrix_from_axis_angle(np.array([np.pi, 0.0, 0.0]))  # a head that looks into the camera
IRIS_DEPTH = 0.0125  # metres from the eyeball's centre to the iris


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Parameters from which landmarks are made."""

    shape: np.ndarray
    expression: np.ndarray
    jaw: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    gaze: np.ndarray  # [2 3] left, right
    camera: Camera


def truth(
    *, yaw=0.0, pitch=0.0, roll=0.0, jaw=(0.0, 0.0, 0.0), shape_size=0.0, named=None, gaze=(0.0, 0.0, 0.0), seed=0
) -> Truth:
    """Degrees for the pose, radians for jaw and gaze; `named` maps expression names to coefficients."""
    head = builtin_head()
    generator = np.random.default_rng(seed)
    expression = np.zeros(head.num_expression)
    for name, value in (named or {}).items():
        expression[head.expression_names.index(name)] = value
    turn = matrix_from_yaw_pitch_roll(*np.radians([yaw, pitch, roll]))
    return Truth(
        shape=shape_size * head.shape_deviations * generator.standard_normal(head.num_shape),
        expression=expression,
        jaw=np.array(jaw),
        rotation=FACING @ turn,
        translation=np.array([0.02, -0.03, 1.4]),
        gaze=np.tile(gaze, (2, 1)),
        camera=default_camera(640, 480),
    )


def landmarks(true: Truth) -> np.ndarray:
    """The 478 landmarks that an exact detector would give: x, y in pixels, z relative."""
    head = builtin_head()
    joints = np.zeros((5, 3))
    joints[JAW] = true.jaw
    joints[EYE_LEFT], joints[EYE_RIGHT] = true.gaze
    face = landmark_points(head, posed_vertices(head, true.shape, true.expression, joints))
    rotations, _ = joint_transforms(head, true.shape, joints)
    positions = head.joint_positions + head.joint_shape_basis @ true.shape
    irises = np.zeros((10, 3))
    for first, joint in ((0, EYE_RIGHT), (5, EYE_LEFT)):
        irises[first : first + 5] = positions[joint] + rotations[joint] @ np.array([0.0, 0.0, IRIS_DEPTH])
    points = np.concatenate([face, irises]) @ true.rotation.T + true.translation
    pixels = true.camera.project(points)
    relative = (points[:, 2] - true.translation[2]) * true.camera.focal_pixels[0] / true.translation[2]
    return np.concatenate([pixels, relative[:, None]], axis=1)


def angle_degrees(first: np.ndarray, second: np.ndarray) -> float:
    """Between two rotations."""
    return float(np.degrees(np.arccos(np.clip((np.trace(first.T @ second) - 1.0) / 2.0, -1.0, 1.0))))


def astronaut() -> np.ndarray:
    """A public-domain portrait, 512 x 512, face 110 pixels high."""
    from skimage.data import astronaut as picture

    return picture()
