"""Rotations as axis-angle vectors and matrices (Rodrigues' formula and its inverse), in radians."""

import math

import numpy as np
from jaxtyping import Float

_SMALL_ANGLE = 1e-8  # radians; below it the series is exact in float64


def matrix_from_axis_angle(axis_angle: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Rotation matrices of axis-angle vectors (radians)."""
    vector = np.asarray(axis_angle, dtype=np.float64)
    if vector.ndim == 1:
        return _matrix_from_vector(*vector.tolist())
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    safe = np.maximum(angle, _SMALL_ANGLE)
    cross = cross_matrix(vector)
    sine_ratio = np.where(angle < _SMALL_ANGLE, 1.0, np.sin(safe) / safe)
    cosine_ratio = np.where(angle < _SMALL_ANGLE, 0.5, (1.0 - np.cos(safe)) / safe**2)
    return np.eye(3) + sine_ratio * cross + cosine_ratio * (cross @ cross)


def _matrix_from_vector(x: float, y: float, z: float) -> Float[np.ndarray, "3 3"]:
    """Rodrigues' formula for one vector in plain floats: a tenth of the time of the array form."""
    square = x * x + y * y + z * z
    angle = math.sqrt(square)
    if angle < _SMALL_ANGLE:
        sine, cosine = 1.0, 0.5
    else:
        sine, cosine = math.sin(angle) / angle, (1.0 - math.cos(angle)) / square
    return np.array(
        [
            [1.0 - cosine * (y * y + z * z), cosine * x * y - sine * z, cosine * x * z + sine * y],
            [cosine * x * y + sine * z, 1.0 - cosine * (x * x + z * z), cosine * y * z - sine * x],
            [cosine * x * z - sine * y, cosine * y * z + sine * x, 1.0 - cosine * (x * x + y * y)],
        ]
    )


def axis_angle_from_matrix(rotation: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Axis-angle vectors (radians, length at most pi) of rotation matrices; stable up to half a turn."""
    from scipy.spatial.transform import Rotation

    matrix = np.asarray(rotation, dtype=np.float64)
    flat = Rotation.from_matrix(matrix.reshape(-1, 3, 3)).as_rotvec()
    return flat.reshape(matrix.shape[:-1])


def cross_matrix(vector: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Matrices C with C @ p = vector x p."""
    x, y, z = np.moveaxis(np.asarray(vector, dtype=np.float64), -1, 0)
    zero = np.zeros_like(x)
    rows = [
        np.stack([zero, -z, y], axis=-1),
        np.stack([z, zero, -x], axis=-1),
        np.stack([-y, x, zero], axis=-1),
    ]
    return np.stack(rows, axis=-2)


def matrix_from_yaw_pitch_roll(yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Rotation in the head frame, radians: about its fixed axes pitch first, then yaw, then roll.

    Positive yaw turns the face to the subject's left (+x), positive pitch raises the chin, positive roll tilts
    the head toward the subject's left shoulder.
    """
    turn = matrix_from_axis_angle(np.array([0.0, yaw, 0.0]))
    nod = matrix_from_axis_angle(np.array([-pitch, 0.0, 0.0]))
    tilt = matrix_from_axis_angle(np.array([0.0, 0.0, -roll]))
    return tilt @ turn @ nod


def yaw_pitch_roll_from_matrix(rotation: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Yaw, pitch, roll (radians) of head-frame rotations; inverse of `matrix_from_yaw_pitch_roll`."""
    matrix = np.asarray(rotation, dtype=np.float64)
    # R = Rz(-roll) Ry(yaw) Rx(-pitch)
    yaw = np.arcsin(np.clip(-matrix[..., 2, 0], -1.0, 1.0))
    pitch = -np.arctan2(matrix[..., 2, 1], matrix[..., 2, 2])
    roll = -np.arctan2(matrix[..., 1, 0], matrix[..., 0, 0])
    return np.stack([yaw, pitch, roll], axis=-1)


def geodesic_angle(
    first: Float[np.ndarray, "*batch 3 3"], second: Float[np.ndarray, "*batch 3 3"]
) -> Float[np.ndarray, "*batch"]:
    """Angle in radians of the rotation that takes one matrix to the other."""
    relative = np.swapaxes(first, -1, -2) @ second
    trace = np.trace(relative, axis1=-2, axis2=-1)
    return np.asarray(np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0)))
