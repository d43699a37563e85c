"""Head rotations told as yaw, pitch and roll against a head that looks straight into the camera."""

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import matrix_from_axis_angle, yaw_pitch_roll_from_matrix

FRONTAL = np.diag([1.0, -1.0, -1.0])  # head to camera for a face that looks into the camera


def turn_from_frontal(rotation: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Head-frame rotation matrices that lead from a frontal head to the given ones (axis-angle, head to camera)."""
    return FRONTAL.T @ matrix_from_axis_angle(rotation)


def frontal_angles(rotation: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Yaw, pitch, roll in radians of heads (axis-angle, head to camera); all zero for a frontal head."""
    return yaw_pitch_roll_from_matrix(turn_from_frontal(rotation))
