"""Residuals of landmarks and their Jacobian over pose, jaw and coefficients, as compiled passes over the bases."""

import numpy as np
from numba import njit

POSE, JAW, FIRST_COEFFICIENT = slice(0, 6), slice(6, 9), 9  # columns of the unknowns
CENTIMETRES = 100.0  # per metre
_LEAST_SIZE = 1e-9  # centimetres, of a residual


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def weighted_rows(  # noqa: PLR0913 - a kernel: plain arrays only
    rows: np.ndarray,  # [3 L 9+K] float32, written: root weight x d(residual)/d(unknown)
    residuals: np.ndarray,  # [3 L] float32, written: root weight x residual
    points: np.ndarray,  # [L 3] landmarks without expression, head frame, metres
    basis: np.ndarray,  # [L 3 K] float32
    swing_points: np.ndarray,  # [L 3] what the jaw acts on, metres
    swing_basis: np.ndarray,  # [L 3 K] float32
    correctives: np.ndarray,  # [L 3 9] metres per entry of (R_jaw - 1), row by row; [L 3 0] for none
    weights: np.ndarray,  # [L] of the squared residuals
    rays: np.ndarray,  # [L 2] measured x/z, y/z
    depths: np.ndarray,  # [L] measured relative depth / z
    rotation: np.ndarray,  # [3 3] head to camera
    translation: np.ndarray,  # [3] metres
    jaw: np.ndarray,  # [3] axis-angle, radians
    coefficients: np.ndarray,  # [K]
    huber: float,  # centimetres; larger reprojection residuals count linearly
    depth_weight: float,  # of a squared depth residual against a squared reprojection residual
) -> None:
    """Residuals are across, down, and depth above the mean depth, in centimetres at the head.

    Deviation: the scale from rays to centimetres, and the robust weights, count as constants in one step.
    """
    jaw_rotation, jaw_columns = turn_matrices(jaw)
    shares = weights / weights.sum()
    swung = np.empty((len(points), 3))  # what the jaw has turned, head frame
    turned = np.empty((len(points), 3))  # landmarks in the camera frame without the translation
    small = coefficients.astype(np.float32)
    _place(turned, swung, points, basis, swing_points, swing_basis, correctives, small, jaw_rotation)
    slopes = _rotation_slopes(jaw_rotation, jaw_columns)
    for point in range(len(points)):
        _turn(turned[point], rotation)
    roots = np.empty(len(points))
    scale = _residuals(residuals, roots, turned, translation, rays, depths, weights, shares, huber, depth_weight)
    swing = np.zeros((3, 3))
    _product(swing, rotation, jaw_rotation)
    swing -= rotation
    to_rows = np.zeros((3, 3))
    turn, jaw_turn = np.zeros((3, 6)), np.zeros((3, 3))
    pose, jaw_part, jaw_rows = np.zeros((3, 6)), np.zeros((3, 3)), np.zeros((3, 3))
    corrective = np.zeros((3, 3))
    plain, swinging = np.zeros((3, 3), dtype=np.float32), np.zeros((3, 3), dtype=np.float32)
    mean = np.zeros(rows.shape[2], dtype=np.float32)
    for axis in range(3):
        turn[axis, 3 + axis] = 1.0 / CENTIMETRES
    for point in range(len(points)):
        depth = turned[point, 2] + translation[2]
        for axis in range(2):
            to_rows[axis, axis] = roots[point] * scale / depth
            to_rows[axis, 2] = -to_rows[axis, axis] * (turned[point, axis] + translation[axis]) / depth
        to_rows[2, 2] = CENTIMETRES
        _cross(turn, turned[point])
        _cross(jaw_turn, swung[point])
        _product(pose, to_rows, turn)
        _product(plain, to_rows, rotation)
        _product(swinging, to_rows, swing)
        _product(jaw_part, plain, jaw_turn)
        _product(jaw_rows, jaw_part, jaw_columns)
        if correctives.shape[2] > 0:
            corrective[:] = 0.0
            for axis in range(3):
                for entry in range(9):
                    for k in range(3):
                        corrective[axis, k] += correctives[point, axis, entry] * slopes[entry, k]
            _product(jaw_part, plain, corrective)
            jaw_rows += jaw_part
        for axis in range(3):
            for k in range(6):
                rows[axis, point, k] = pose[axis, k]
            for k in range(3):
                rows[axis, point, 6 + k] = jaw_rows[axis, k]
        _combine(rows, point, plain, basis, swinging, swing_basis)
        _add(mean, np.float32(shares[point]), rows[2, point])
    for point in range(len(points)):
        _centre(rows[2, point], mean, np.float32(np.sqrt(depth_weight) * roots[point]))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def landmark_positions(
    points: np.ndarray,
    basis: np.ndarray,
    swing_points: np.ndarray,
    swing_basis: np.ndarray,
    correctives: np.ndarray,
    jaw: np.ndarray,
    coefficients: np.ndarray,
) -> np.ndarray:
    """Landmarks [L 3] in the head frame, metres; the arguments are those of `weighted_rows`."""
    placed, swung = np.empty((len(points), 3)), np.empty((len(points), 3))
    small = coefficients.astype(np.float32)
    _place(placed, swung, points, basis, swing_points, swing_basis, correctives, small, turn_matrices(jaw)[0])
    return placed


@njit(cache=True, nogil=True, error_model="numpy")
def turn_matrices(axis_angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation matrix of one axis-angle vector, and its left Jacobian: the small turn per change of the vector."""
    x, y, z = axis_angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    square = np.empty((3, 3))
    _product(square, cross, cross)
    angle = np.sqrt(x * x + y * y + z * z)
    if angle < 1e-5:
        return np.eye(3) + cross, np.eye(3) + 0.5 * cross
    sine, rise = np.sin(angle) / angle, (1.0 - np.cos(angle)) / angle**2
    return np.eye(3) + sine * cross + rise * square, np.eye(3) + rise * cross + (1.0 - sine) / angle**2 * square


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _place(  # noqa: PLR0913 - a kernel: plain arrays only
    placed: np.ndarray,  # [L 3] written: landmarks, head frame
    swung: np.ndarray,  # [L 3] written: what the jaw has turned
    points: np.ndarray,
    basis: np.ndarray,
    swing_points: np.ndarray,
    swing_basis: np.ndarray,
    correctives: np.ndarray,
    coefficients: np.ndarray,  # float32
    jaw_rotation: np.ndarray,
) -> None:
    turned = jaw_rotation - np.eye(3)
    for point in range(len(points)):
        for axis in range(3):
            placed[point, axis] = points[point, axis] + _dot(basis[point, axis], coefficients)
            swung[point, axis] = swing_points[point, axis] + _dot(swing_basis[point, axis], coefficients)
            placed[point, axis] -= swung[point, axis]
        _turn(swung[point], jaw_rotation)
        for axis in range(3):
            placed[point, axis] += swung[point, axis]
            for entry in range(correctives.shape[2]):
                placed[point, axis] += correctives[point, axis, entry] * turned[entry // 3, entry % 3]


@njit(cache=True, nogil=True, error_model="numpy")
def _rotation_slopes(rotation: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Change [9 3] of a rotation matrix, row by row, per entry of its axis-angle vector; `columns`: left Jacobian."""
    slopes, turn, change = np.empty((9, 3)), np.zeros((3, 3)), np.empty((3, 3))
    for k in range(3):
        _cross(turn, -columns[:, k])  # turn @ p = columns[:, k] x p
        _product(change, turn, rotation)
        for entry in range(9):
            slopes[entry, k] = change[entry // 3, entry % 3]
    return slopes


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _residuals(  # noqa: PLR0913 - a kernel: plain arrays only
    residuals: np.ndarray,
    roots: np.ndarray,  # [L] written: square roots of the weights
    turned: np.ndarray,
    translation: np.ndarray,
    rays: np.ndarray,
    depths: np.ndarray,
    weights: np.ndarray,
    shares: np.ndarray,
    huber: float,
    depth_weight: float,
) -> float:
    """Residuals times their roots; returns the scale from rays to centimetres."""
    mean_depth = mean_measured = 0.0
    for point in range(len(turned)):
        mean_depth += shares[point] * (turned[point, 2] + translation[2])
        mean_measured += shares[point] * depths[point]
    scale = CENTIMETRES * mean_depth
    for point in range(len(turned)):
        depth = turned[point, 2] + translation[2]
        across = scale * ((turned[point, 0] + translation[0]) / depth - rays[point, 0])
        down = scale * ((turned[point, 1] + translation[1]) / depth - rays[point, 1])
        size = max(np.sqrt(across * across + down * down), _LEAST_SIZE)
        root = np.sqrt(weights[point] * min(1.0, huber / size))
        behind = CENTIMETRES * (depth - mean_depth) - scale * (depths[point] - mean_measured)
        residuals[0, point] = root * across
        residuals[1, point] = root * down
        residuals[2, point] = root * np.sqrt(depth_weight) * behind
        roots[point] = root
    return scale


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _combine(
    rows: np.ndarray, point: int, first: np.ndarray, basis: np.ndarray, second: np.ndarray, swing: np.ndarray
) -> None:
    """Columns of the coefficients in the three rows of a point: first @ basis + second @ swing."""
    a0, a1, a2, a3, a4 = first[0, 0], first[0, 1], first[0, 2], first[1, 0], first[1, 1]
    a5, a6, a7, a8 = first[1, 2], first[2, 0], first[2, 1], first[2, 2]
    b0, b1, b2, b3, b4 = second[0, 0], second[0, 1], second[0, 2], second[1, 0], second[1, 1]
    b5, b6, b7, b8 = second[1, 2], second[2, 0], second[2, 1], second[2, 2]
    for k in range(basis.shape[2]):
        x, y, z = basis[point, 0, k], basis[point, 1, k], basis[point, 2, k]
        u, v, w = swing[point, 0, k], swing[point, 1, k], swing[point, 2, k]
        rows[0, point, FIRST_COEFFICIENT + k] = a0 * x + a1 * y + a2 * z + b0 * u + b1 * v + b2 * w
        rows[1, point, FIRST_COEFFICIENT + k] = a3 * x + a4 * y + a5 * z + b3 * u + b4 * v + b5 * w
        rows[2, point, FIRST_COEFFICIENT + k] = a6 * x + a7 * y + a8 * z + b6 * u + b7 * v + b8 * w


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _dot(first: np.ndarray, second: np.ndarray) -> np.float32:
    total = np.float32(0.0)
    for k in range(first.shape[0]):
        total += first[k] * second[k]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _turn(point: np.ndarray, rotation: np.ndarray) -> None:
    """Rotate one point in place."""
    x, y, z = point
    for axis in range(3):
        point[axis] = rotation[axis, 0] * x + rotation[axis, 1] * y + rotation[axis, 2] * z


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _cross(matrix: np.ndarray, point: np.ndarray) -> None:
    """First three columns: matrix @ turn = turn x point."""
    x, y, z = point
    matrix[0, 1], matrix[0, 2], matrix[1, 0] = z, -y, -z
    matrix[1, 2], matrix[2, 0], matrix[2, 1] = x, y, -x


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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _centre(row: np.ndarray, mean: np.ndarray, root: np.float32) -> None:
    for k in range(row.shape[0]):
        row[k] = root * (row[k] - mean[k])
