"""Jacobian of the landmark residuals over pose, jaw and coefficients, as one compiled pass over the bases."""

import numpy as np
from numba import njit

POSE, JAW, FIRST_COEFFICIENT = slice(0, 6), slice(6, 9), 9  # columns of the unknowns
CENTIMETRES = 100.0  # per metre


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def fill_rows(  # noqa: PLR0913 - a kernel: plain arrays only
    rows: np.ndarray,  # [3 L N] float32, written
    camera: np.ndarray,  # [L 3] landmarks in the camera frame, metres
    turned: np.ndarray,  # [L 3] the same without the translation
    jaw_turned: np.ndarray,  # [L 3] what the jaw has turned, in the head frame, metres
    rotation: np.ndarray,  # [3 3] head to camera
    swing: np.ndarray,  # [3 3] rotation x (jaw rotation - 1)
    jaw_columns: np.ndarray,  # [3 3] rotation vector of the jaw per unit of its axis-angle
    basis: np.ndarray,  # [L 3 K] float32
    swing_basis: np.ndarray,  # [L 3 K] float32
    scale: float,  # rays to centimetres
    roots: np.ndarray,  # [3 L] square roots of the weights of the residuals
    shares: np.ndarray,  # [L] weights of the mean depth, sum 1
) -> None:
    """Writes root weight x d(residual)/d(unknown); residuals are across, down, and depth above the mean depth."""
    num_landmarks = basis.shape[0]
    width = rows.shape[2]
    mean = np.zeros(width, dtype=np.float32)
    turn = np.zeros((3, 6))  # d(camera point) / d(rotation, translation in centimetres)
    jaw_turn = np.zeros((3, 3))
    to_rows = np.zeros((3, 3))
    pose = np.zeros((3, 6))
    jaw_part, jaw, plain, swung = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
    for axis in range(3):
        turn[axis, 3 + axis] = 1.0 / CENTIMETRES
    for point in range(num_landmarks):
        depth = camera[point, 2]
        for axis in range(2):
            to_rows[axis, axis] = roots[axis, point] * scale / depth
            to_rows[axis, 2] = -to_rows[axis, axis] * camera[point, axis] / depth
        to_rows[2, 2] = CENTIMETRES
        x, y, z = turned[point]
        turn[0, 1], turn[0, 2], turn[1, 0], turn[1, 2], turn[2, 0], turn[2, 1] = z, -y, -z, x, y, -x
        x, y, z = jaw_turned[point]
        jaw_turn[0, 1], jaw_turn[0, 2], jaw_turn[1, 0], jaw_turn[1, 2], jaw_turn[2, 0], jaw_turn[2, 1] = (
            z, -y, -z, x, y, -x,
        )  # fmt: skip
        _product(pose, to_rows, turn)
        _product(plain, to_rows, rotation)
        _product(swung, to_rows, swing)
        _product(jaw_part, plain, jaw_turn)
        _product(jaw, jaw_part, jaw_columns)
        for axis in range(3):
            row = rows[axis, point]
            row[:6] = pose[axis]
            row[6:9] = jaw[axis]
            _combine(row[9:], plain[axis], basis[point], swung[axis], swing_basis[point])
        _add(mean, np.float32(shares[point]), rows[2, point])
    for point in range(num_landmarks):
        root = np.float32(roots[2, point])
        row = rows[2, point]
        for k in range(width):
            row[k] = root * (row[k] - mean[k])


@njit(cache=True, nogil=True, error_model="numpy")
def turn_matrices(axis_angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation matrix of one axis-angle vector, and its left Jacobian: the small turn per change of the vector."""
    x, y, z = axis_angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    square = cross @ cross
    angle = np.sqrt(x * x + y * y + z * z)
    if angle < 1e-5:
        return np.eye(3) + cross, np.eye(3) + 0.5 * cross
    sine, rise = np.sin(angle) / angle, (1.0 - np.cos(angle)) / angle**2
    return np.eye(3) + sine * cross + rise * square, np.eye(3) + rise * cross + (1.0 - sine) / angle**2 * square


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _combine(row: np.ndarray, first: np.ndarray, basis: np.ndarray, second: np.ndarray, swing: np.ndarray) -> None:
    """row = first @ basis + second @ swing."""
    a, b, c = np.float32(first[0]), np.float32(first[1]), np.float32(first[2])
    for k in range(row.shape[0]):
        row[k] = a * basis[0, k] + b * basis[1, k] + c * basis[2, k]
    a, b, c = np.float32(second[0]), np.float32(second[1]), np.float32(second[2])
    for k in range(row.shape[0]):
        row[k] += a * swing[0, k] + b * swing[1, k] + c * swing[2, k]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _product(result: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """result = left @ right, for matrices too small for a library call."""
    for i in range(left.shape[0]):
        for j in range(right.shape[1]):
            result[i, j] = left[i, 0] * right[0, j] + left[i, 1] * right[1, j] + left[i, 2] * right[2, j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _add(total: np.ndarray, factor: np.float32, row: np.ndarray) -> None:
    for k in range(row.shape[0]):
        total[k] += factor * row[k]
