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
    matrix = np.asarray(rotation, dtype=np.float64)
    if matrix.ndim == 2:
        return _vector_from_matrix(*matrix.ravel().tolist())
    flat = matrix.reshape(-1, 3, 3)
    # Four ways to the quaternion (x, y, z, w), each times four times one of its entries: the largest is exact.
    xx, yy, zz = flat[:, 0, 0], flat[:, 1, 1], flat[:, 2, 2]
    x, y, z = flat[:, 2, 1] - flat[:, 1, 2], flat[:, 0, 2] - flat[:, 2, 0], flat[:, 1, 0] - flat[:, 0, 1]
    xy, xz, yz = flat[:, 0, 1] + flat[:, 1, 0], flat[:, 0, 2] + flat[:, 2, 0], flat[:, 1, 2] + flat[:, 2, 1]
    scaled = np.array(
        [
            [1.0 + xx - yy - zz, xy, xz, x],
            [xy, 1.0 - xx + yy - zz, yz, y],
            [xz, yz, 1.0 - xx - yy + zz, z],
            [x, y, z, 1.0 + xx + yy + zz],
        ]
    )  # [4 4 N]
    best = np.argmax(np.einsum("iin->in", scaled), axis=0)
    quaternion = scaled[best, :, np.arange(len(flat))]
    sine = np.linalg.norm(quaternion[:, :3], axis=1)
    angle = 2.0 * np.arctan2(sine, np.abs(quaternion[:, 3]))
    size = np.linalg.norm(quaternion, axis=1)
    small = sine < _SMALL_ANGLE * size
    factor = np.where(small, 2.0 / size, angle / np.where(small, 1.0, sine))
    vectors = (np.where(quaternion[:, 3] < 0.0, -factor, factor))[:, None] * quaternion[:, :3]
    return vectors.reshape(matrix.shape[:-1])


def _vector_from_matrix(*entries: float) -> Float[np.ndarray, "3"]:
    """The same for one matrix, row by row, in plain floats."""
    xx, m01, m02, m10, yy, m12, m20, m21, zz = entries
    ways = (
        (1.0 + xx - yy - zz, m10 + m01, m20 + m02, m21 - m12),
        (m10 + m01, 1.0 - xx + yy - zz, m21 + m12, m02 - m20),
        (m20 + m02, m21 + m12, 1.0 - xx - yy + zz, m10 - m01),
        (m21 - m12, m02 - m20, m10 - m01, 1.0 + xx + yy + zz),
    )
    x, y, z, w = ways[max(range(4), key=lambda way: ways[way][way])]
    sine = math.sqrt(x * x + y * y + z * z)
    size = math.sqrt(x * x + y * y + z * z + w * w)
    factor = 2.0 / size if sine < _SMALL_ANGLE * size else 2.0 * math.atan2(sine, abs(w)) / sine
    factor = -factor if w < 0.0 else factor
    return np.array([factor * x, factor * y, factor * z])


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
