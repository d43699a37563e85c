"""Gauss-Newton fit of any head model to face landmarks: pose, jaw, expression and, for a photo, identity.

Residuals are centimetres at the head: reprojection, relative depth, and ridge priors on the coefficients.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32

from likeness.geometry.camera import Camera
from likeness.geometry.transform import RigidTransform
from likeness.heads.landmark_sets import OUTER_EYE_CORNERS
from likeness.tracking.basis import FitBasis
from likeness.tracking.bounded import step_in_ranges
from likeness.tracking.pose_steps import pose_from_landmarks
from likeness.tracking.rows import CENTIMETRES, FIRST_COEFFICIENT, JAW, POSE, turn_matrices, weighted_rows

DEPTH_WEIGHT = 0.15  # of a squared relative-depth residual against a squared reprojection residual
HUBER_CENTIMETRES = 0.35  # larger reprojection residuals count linearly
RIGID_HUBER_CENTIMETRES = 0.2  # the same among the rigid landmarks
EXPRESSION_NOISE = 0.15  # centimetres; a ridge is (noise / deviation)^2
SHAPE_NOISE = 0.1
JAW_DEVIATIONS = np.radians([12.0, 2.5, 1.5])  # opening about +x, sideways about +y, roll about +z
JAW_NOISE = 0.25
JAW_LOWER, JAW_UPPER = np.radians([-3.0, -12.0, -8.0]), np.radians([35.0, 12.0, 8.0])
_POSE_DAMPING = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class FitState:
    """One estimate. `coefficients` are those of the basis in use: identity that is not locked, then expression."""

    rotation: Float[np.ndarray, "3 3"]  # head to camera
    translation: Float[np.ndarray, "3"]  # metres
    jaw: Float[np.ndarray, "3"]  # axis-angle, radians
    coefficients: Float[np.ndarray, " K"]

    @property
    def T_cam_head(self) -> RigidTransform:
        """Head frame to camera frame."""
        return RigidTransform(rotation=self.rotation, translation=self.translation)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Measured landmarks as rays: x/z, y/z, and relative depth/z, so that a fit does not depend on the resolution."""

    rays: Float[np.ndarray, "L 2"]
    depths: Float[np.ndarray, " L"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Priors:
    """What is believed before a fit: ridge strengths (a larger noise trusts the deviations more)."""

    expression_noise: float = EXPRESSION_NOISE
    shape_noise: float = SHAPE_NOISE
    huber: float = HUBER_CENTIMETRES


def target_from_landmarks(points: Float[np.ndarray, "N 3"], camera: Camera, basis: FitBasis) -> Target:
    """Landmarks in pixels (x, y, relative z) as rays of a camera; only those of the basis."""
    chosen = points[basis.landmarks]
    return Target(
        rays=(chosen[:, :2] - camera.centre_pixels) / camera.focal_pixels,
        depths=chosen[:, 2] / camera.focal_pixels[0],
    )


def similarity_start(basis: FitBasis, target: Target) -> FitState:
    """A first pose from the 3D similarity between the landmarks and the undeformed head."""
    weights = basis.weights / basis.weights.sum()
    measured = np.concatenate([target.rays, target.depths[:, None]], axis=1)
    centre, middle = weights @ basis.points, weights @ measured
    covariance = (weights[:, None] * (measured - middle)).T @ (basis.points - centre)
    left, sizes, right = np.linalg.svd(covariance)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left * signs) @ right
    scale = (sizes * signs).sum() / (weights @ ((basis.points - centre) ** 2).sum(axis=1))  # rays per metre
    depth = 1.0 / scale
    translation = np.array([middle[0] * depth, middle[1] * depth, depth]) - rotation @ centre
    return FitState(
        rotation=rotation, translation=translation, jaw=np.zeros(3), coefficients=np.zeros(len(basis.deviations))
    )


def fit(basis: FitBasis, target: Target, start: FitState, *, iterations: int, priors: Priors = Priors()) -> FitState:
    """All unknowns together: pose, jaw, and every coefficient of the basis."""
    state = start
    for _ in range(iterations):
        hessian, gradient = normal_equations(basis, target, state, huber=priors.huber)
        add_priors(hessian, gradient, basis, state, priors)
        state = moved(state, bounded_step(hessian, gradient, basis, state), basis)
    return state


def fit_pose(basis: FitBasis, target: Target, start: FitState, *, iterations: int) -> FitState:
    """The pose alone; jaw and coefficients stay."""
    rotation, translation = pose_from_landmarks(
        basis.positions(start.coefficients, start.jaw),
        target.rays,
        target.depths,
        basis.weights,
        start.rotation,
        start.translation,
        iterations,
        RIGID_HUBER_CENTIMETRES,
        DEPTH_WEIGHT,
    )
    return replace(start, rotation=rotation, translation=translation)


def fit_expression(
    basis: FitBasis, target: Target, start: FitState, *, iterations: int, priors: Priors = Priors()
) -> FitState:
    """Jaw and coefficients alone; the pose stays."""
    state = start
    prior = prior_hessian(basis, priors)
    lower, upper = np.concatenate([JAW_LOWER, basis.lower]), np.concatenate([JAW_UPPER, basis.upper])
    for _ in range(iterations):
        rows, residuals = _rows(basis, target, state, huber=priors.huber)
        rows = rows[:, JAW.start :]
        values = np.concatenate([state.jaw, state.coefficients])
        hessian = (rows.T @ rows) + prior
        gradient = residuals @ rows + prior @ values
        values = np.clip(values + step_in_ranges(hessian, gradient, lower - values, upper - values), lower, upper)
        state = replace(state, jaw=values[:3], coefficients=values[3:])
    return state


def normal_equations(
    basis: FitBasis, target: Target, state: FitState, *, huber: float
) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, " N"]]:
    """J^T W J and J^T W r over pose (rotation, translation in cm), jaw and coefficients, without priors."""
    rows, residuals = _rows(basis, target, state, huber=huber)
    return (rows.T @ rows).astype(np.float64), (residuals @ rows).astype(np.float64)


def add_priors(
    hessian: Float[np.ndarray, "N N"],
    gradient: Float[np.ndarray, " N"],
    basis: FitBasis,
    state: FitState,
    priors: Priors,
) -> None:
    """Adds the ridges of jaw and coefficients to the normal equations, in place."""
    prior = prior_hessian(basis, priors)
    hessian[JAW.start :, JAW.start :] += prior
    gradient[JAW.start :] += prior @ np.concatenate([state.jaw, state.coefficients])
    np.einsum("ii->i", hessian)[POSE] += _POSE_DAMPING


def prior_hessian(basis: FitBasis, priors: Priors) -> Float[np.ndarray, "M M"]:
    """The quadratic cost of jaw and coefficients (3 + K) around zero: ridges, the coefficients' around what the jaw's
    turn makes them expect; identity also pays for moving, turning and scaling the rigid landmarks.
    """
    noise = np.full(len(basis.deviations), priors.expression_noise)
    noise[: basis.num_shape] = priors.shape_noise
    ridge = (noise / basis.deviations) ** 2
    coupling = ridge[:, None] * basis.jaw_coupling
    prior = np.empty((3 + len(ridge), 3 + len(ridge)))
    prior[:3, :3] = np.diag((JAW_NOISE / JAW_DEVIATIONS) ** 2) + basis.jaw_coupling.T @ coupling
    prior[3:, :3] = -coupling
    prior[:3, 3:] = -coupling.T
    prior[3:, 3:] = basis.gauge.T @ basis.gauge if basis.num_shape else 0.0
    np.einsum("ii->i", prior)[3:] += ridge
    return prior


def bounded_step(
    hessian: Float[np.ndarray, "N N"], gradient: Float[np.ndarray, " N"], basis: FitBasis, state: FitState
) -> Float[np.ndarray, " N"]:
    """The Gauss-Newton step inside the ranges of jaw and coefficients."""
    values = np.concatenate([np.zeros(6), state.jaw, state.coefficients])
    lower = np.concatenate([np.full(6, -np.inf), JAW_LOWER, basis.lower]) - values
    upper = np.concatenate([np.full(6, np.inf), JAW_UPPER, basis.upper]) - values
    return step_in_ranges(hessian, gradient, lower, upper)


def moved(state: FitState, step: Float[np.ndarray, " N"], basis: FitBasis) -> FitState:
    """The state after one step; coefficients and jaw stay within their ranges."""
    return FitState(
        rotation=turn_matrices(step[:3])[0] @ state.rotation,
        translation=state.translation + step[3:6] / CENTIMETRES,
        jaw=np.clip(state.jaw + step[JAW], JAW_LOWER, JAW_UPPER),
        coefficients=np.clip(state.coefficients + step[FIRST_COEFFICIENT:], basis.lower, basis.upper),
    )


def residual_percent(basis: FitBasis, target: Target, state: FitState) -> float:
    """Root mean square reprojection error in percent of the distance of the outer eye corners, in the picture."""
    return reprojection_percent(basis, target, state, basis.positions(state.coefficients, state.jaw))


def reprojection_percent(
    basis: FitBasis, target: Target, state: FitState, positions: Float[np.ndarray, "L 3"]
) -> float:
    """`residual_percent` where the state's landmarks in the head frame are at hand."""
    points = state.T_cam_head.apply(positions)
    rays = points[:, :2] / points[:, 2:]
    outer = [int(np.flatnonzero(basis.landmarks == corner)[0]) for corner in OUTER_EYE_CORNERS]
    width = np.linalg.norm(target.rays[outer[0]] - target.rays[outer[1]])
    return float(100.0 * np.sqrt(((rays - target.rays) ** 2).sum(axis=1).mean()) / max(width, 1e-9))


def _rows(
    basis: FitBasis, target: Target, state: FitState, *, huber: float
) -> tuple[Float32[np.ndarray, "R N"], Float32[np.ndarray, " R"]]:
    """Weighted Jacobian over pose, jaw and coefficients, and weighted residuals; three rows per landmark."""
    count = len(basis.points)
    rows = np.empty((3, count, FIRST_COEFFICIENT + len(state.coefficients)), dtype=np.float32)
    residuals = np.empty((3, count), dtype=np.float32)
    weighted_rows(
        rows,
        residuals,
        basis.points,
        basis.basis,
        basis.swing_points,
        basis.swing_basis,
        basis.correctives,
        basis.weights,
        target.rays,
        target.depths,
        state.rotation,
        state.translation,
        state.jaw,
        state.coefficients,
        huber,
        DEPTH_WEIGHT,
    )
    return rows.reshape(3 * count, -1), residuals.reshape(-1)
