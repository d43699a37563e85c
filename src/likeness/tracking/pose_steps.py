"""Gauss-Newton on the six numbers of a head pose, compiled: from landmarks with relative depth, and from texture."""

import numpy as np
from numba import njit

from likeness.tracking.bounded import solve_positive
from likeness.tracking.rows import CENTIMETRES, turn_matrices

DAMPING = 1e-6


@njit(cache=True, nogil=True, error_model="numpy")
def pose_from_landmarks(  # noqa: PLR0913 - a kernel: plain arrays only
    points: np.ndarray,  # [N 3] head frame, metres
    rays: np.ndarray,  # [N 2] where they were seen: x/z, y/z
    depths: np.ndarray,  # [N] relative depth / z
    weights: np.ndarray,  # [N] of squared residuals
    rotation: np.ndarray,  # [3 3] head to camera, where the steps start
    translation: np.ndarray,  # [3] metres
    iterations: int,
    huber: float,  # centimetres at the head
    depth_weight: float,  # of a squared depth residual
) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and translation after some steps; the residuals are those of `fit.normal_equations`."""
    total = weights.sum()
    for _ in range(iterations):
        turned = _turned(points, rotation)
        x_mean = y_mean = z_mean = depth_mean = 0.0
        for i in range(len(points)):
            share = weights[i] / total
            x_mean += share * turned[i, 0]
            y_mean += share * turned[i, 1]
            z_mean += share * turned[i, 2]
            depth_mean += share * depths[i]
        scale = CENTIMETRES * (z_mean + translation[2])
        hessian, gradient = np.zeros((6, 6)), np.zeros(6)
        row = np.zeros(6)
        for i in range(len(points)):
            weight = _add_ray(hessian, gradient, row, turned[i], translation, rays[i], scale, weights[i], huber)
            row[0], row[1], row[2] = CENTIMETRES * (turned[i, 1] - y_mean), -CENTIMETRES * (turned[i, 0] - x_mean), 0.0
            row[3:] = 0.0
            residual = CENTIMETRES * (turned[i, 2] - z_mean) - scale * (depths[i] - depth_mean)
            _add_row(hessian, gradient, row, depth_weight * weight, residual)
        rotation, translation = _after_step(hessian, gradient, rotation, translation)
    return rotation, translation


@njit(cache=True, nogil=True, error_model="numpy")
def pose_from_texture(
    points: np.ndarray,  # [N 3] head frame, metres
    rays: np.ndarray,  # [N 2]
    weights: np.ndarray,  # [N]
    rotation: np.ndarray,  # [3 3]
    translation: np.ndarray,  # [3] metres
    iterations: int,
    huber: float,  # centimetres at the head
) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and translation that carry the points onto their rays, robustly."""
    for _ in range(iterations):
        turned = _turned(points, rotation)
        scale = CENTIMETRES * translation[2]
        hessian, gradient = np.zeros((6, 6)), np.zeros(6)
        row = np.zeros(6)
        for i in range(len(points)):
            _add_ray(hessian, gradient, row, turned[i], translation, rays[i], scale, weights[i], huber)
        rotation, translation = _after_step(hessian, gradient, rotation, translation)
    return rotation, translation


@njit(cache=True, nogil=True, error_model="numpy")
def _turned(points: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    result = np.empty((len(points), 3))
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for axis in range(3):
            result[i, axis] = rotation[axis, 0] * x + rotation[axis, 1] * y + rotation[axis, 2] * z
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def _add_ray(  # noqa: PLR0913 - a kernel: plain arrays only
    hessian: np.ndarray,
    gradient: np.ndarray,
    row: np.ndarray,
    turned: np.ndarray,
    translation: np.ndarray,
    ray: np.ndarray,
    scale: float,
    weight: float,
    huber: float,
) -> float:
    """Adds the two rows of a point over (rotation, translation in centimetres); returns its robust weight."""
    x, y, z = turned[0], turned[1], turned[2]
    depth = z + translation[2]
    u, v = (x + translation[0]) / depth, (y + translation[1]) / depth
    across, down = scale * (u - ray[0]), scale * (v - ray[1])
    size = np.sqrt(across * across + down * down)
    if size > huber:
        weight = weight * huber / size
    unit = scale / depth
    row[0], row[1], row[2] = -unit * u * y, unit * (z + u * x), -unit * y
    row[3], row[4], row[5] = unit / CENTIMETRES, 0.0, -unit * u / CENTIMETRES
    _add_row(hessian, gradient, row, weight, across)
    row[0], row[1], row[2] = -unit * (z + v * y), unit * v * x, unit * x
    row[3], row[4], row[5] = 0.0, unit / CENTIMETRES, -unit * v / CENTIMETRES
    _add_row(hessian, gradient, row, weight, down)
    return weight


@njit(cache=True, nogil=True, error_model="numpy")
def _add_row(hessian: np.ndarray, gradient: np.ndarray, row: np.ndarray, weight: float, residual: float) -> None:
    """The lower triangle alone."""
    for i in range(6):
        factor = weight * row[i]
        gradient[i] += factor * residual
        for j in range(i + 1):
            hessian[i, j] += factor * row[j]


@njit(cache=True, nogil=True, error_model="numpy")
def _after_step(
    hessian: np.ndarray, gradient: np.ndarray, rotation: np.ndarray, translation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    for i in range(6):
        hessian[i, i] += DAMPING
    step = -gradient
    solve_positive(hessian, step, 6)
    return turn_matrices(step[:3])[0] @ rotation, translation + step[3:] / CENTIMETRES
