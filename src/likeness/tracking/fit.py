"""Gauss-Newton fit of any head model to face landmarks: pose, jaw, expression and, for a photo, identity.

Residuals are centimetres at the head: reprojection, relative depth, and ridge priors on the coefficients.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.geometry.camera import Camera
from likeness.geometry.transform import RigidTransform
from likeness.heads.landmark_sets import OUTER_EYE_CORNERS
from likeness.tracking.basis import FitBasis
from likeness.tracking.rows import CENTIMETRES, FIRST_COEFFICIENT, JAW, POSE, fill_rows, turn_matrices

DEPTH_WEIGHT = 0.05  # of a squared relative-depth residual against a squared reprojection residual
HUBER_CENTIMETRES = 0.35  # larger reprojection residuals count linearly
RIGID_HUBER_CENTIMETRES = 0.2  # the same among the rigid landmarks
EXPRESSION_NOISE = 0.25  # centimetres; a ridge is (noise / deviation)^2
SHAPE_NOISE = 0.1
JAW_DEVIATIONS = np.radians([12.0, 2.5, 1.5])  # opening about +x, sideways about +y, roll about +z
JAW_NOISE = 0.25
JAW_LOWER, JAW_UPPER = np.radians([-3.0, -12.0, -8.0]), np.radians([35.0, 12.0, 8.0])
_POSE_DAMPING = 1e-6
_BOUND_ROUNDS = 4


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
    state = start
    for _ in range(iterations):
        hessian, gradient = normal_equations(basis, target, state, huber=RIGID_HUBER_CENTIMETRES)
        step = np.zeros(len(gradient))
        step[POSE] = -np.linalg.solve(hessian[POSE, POSE] + _POSE_DAMPING * np.eye(6), gradient[POSE])
        state = moved(state, step, basis)
    return state


def fit_expression(
    basis: FitBasis, target: Target, start: FitState, *, iterations: int, priors: Priors = Priors()
) -> FitState:
    """Jaw and coefficients alone; the pose stays."""
    state = start
    for _ in range(iterations):
        hessian, gradient = normal_equations(basis, target, state, huber=priors.huber)
        add_priors(hessian, gradient, basis, state, priors)
        hessian[POSE, :] = hessian[:, POSE] = 0.0
        hessian[POSE, POSE] = np.eye(6)
        gradient[POSE] = 0.0
        state = moved(state, bounded_step(hessian, gradient, basis, state), basis)
    return state


def normal_equations(
    basis: FitBasis, target: Target, state: FitState, *, huber: float
) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, " N"]]:
    """J^T W J and J^T W r over pose (rotation, translation in cm), jaw and coefficients, without priors.

    Deviation: the scale from rays to centimetres, and the robust weights, count as constants in one step.
    """
    jaw, jaw_columns = turn_matrices(state.jaw)
    swing = basis.swing(state.coefficients)
    turned = (basis.unswung(state.coefficients) + swing @ (jaw - np.eye(3)).T) @ state.rotation.T
    camera = turned + state.translation
    shares = basis.weights / basis.weights.sum()
    scale = CENTIMETRES * float(shares @ camera[:, 2])
    residuals = _residuals(camera, target, scale, shares)
    size = np.sqrt((residuals[:2] ** 2).sum(axis=0))
    roots = np.sqrt(basis.weights * np.minimum(1.0, huber / np.maximum(size, 1e-9)))
    roots = np.stack([roots, roots, np.sqrt(DEPTH_WEIGHT) * roots])
    rows = np.empty((3, len(camera), FIRST_COEFFICIENT + len(state.coefficients)), dtype=np.float32)
    fill_rows(
        rows,
        camera,
        turned,
        swing @ jaw.T,
        state.rotation,
        state.rotation @ (jaw - np.eye(3)),
        jaw_columns,
        basis.basis,
        basis.swing_basis,
        scale,
        roots,
        shares,
    )
    flat = rows.reshape(-1, rows.shape[2])
    gradient = (residuals * roots).reshape(-1).astype(np.float32) @ flat
    return (flat.T @ flat).astype(np.float64), gradient.astype(np.float64)


def add_priors(
    hessian: Float[np.ndarray, "N N"],
    gradient: Float[np.ndarray, " N"],
    basis: FitBasis,
    state: FitState,
    priors: Priors,
) -> None:
    """Adds the ridges of jaw and coefficients to the normal equations, in place."""
    noise = np.full(len(basis.deviations), priors.expression_noise)
    noise[: basis.num_shape] = priors.shape_noise
    ridge = (noise / basis.deviations) ** 2
    coupling = basis.jaw_coupling
    surprise = ridge * (state.coefficients - coupling @ state.jaw)
    gradient[FIRST_COEFFICIENT:] += surprise
    gradient[JAW] += (JAW_NOISE / JAW_DEVIATIONS) ** 2 * state.jaw - coupling.T @ surprise
    blocks = hessian[JAW, FIRST_COEFFICIENT:], hessian[FIRST_COEFFICIENT:, JAW]
    blocks[0][...] -= (ridge[:, None] * coupling).T
    blocks[1][...] -= ridge[:, None] * coupling
    hessian[JAW, JAW] += np.diag((JAW_NOISE / JAW_DEVIATIONS) ** 2) + coupling.T @ (ridge[:, None] * coupling)
    if basis.num_shape:
        hessian[FIRST_COEFFICIENT:, FIRST_COEFFICIENT:] += basis.gauge.T @ basis.gauge
        gradient[FIRST_COEFFICIENT:] += basis.gauge.T @ (basis.gauge @ state.coefficients)
    diagonal = np.einsum("ii->i", hessian)
    diagonal[POSE] += _POSE_DAMPING
    diagonal[FIRST_COEFFICIENT:] += ridge


def bounded_step(
    hessian: Float[np.ndarray, "N N"], gradient: Float[np.ndarray, " N"], basis: FitBasis, state: FitState
) -> Float[np.ndarray, " N"]:
    """The Gauss-Newton step inside the ranges: what would leave its range waits at its end while the others answer.

    A few rounds of an active-set method; unknowns at an end are let go when the equations pull them back inside.
    """
    values = np.concatenate([np.zeros(6), state.jaw, state.coefficients])
    lower = np.concatenate([np.full(6, -np.inf), JAW_LOWER, basis.lower]) - values
    upper = np.concatenate([np.full(6, np.inf), JAW_UPPER, basis.upper]) - values
    step = _solve(hessian, -gradient)
    held = np.zeros(len(step), dtype=bool)
    for _ in range(_BOUND_ROUNDS):
        beyond = (step < lower) | (step > upper)
        pull = -(gradient + hessian @ step)
        back = held & np.where(step <= lower, pull > 0.0, pull < 0.0)
        if not (beyond.any() or back.any()):
            break
        step = np.clip(step, lower, upper)
        held = (held & ~back) | beyond
        free = ~held
        right = -gradient[free] - hessian[np.ix_(free, held)] @ step[held]
        step[free] = _solve(hessian[np.ix_(free, free)], right)
    return np.clip(step, lower, upper)


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
    points = state.T_cam_head.apply(basis.positions(state.coefficients, state.jaw))
    rays = points[:, :2] / points[:, 2:]
    outer = [int(np.flatnonzero(basis.landmarks == corner)[0]) for corner in OUTER_EYE_CORNERS]
    width = np.linalg.norm(target.rays[outer[0]] - target.rays[outer[1]])
    return float(100.0 * np.sqrt(((rays - target.rays) ** 2).sum(axis=1).mean()) / max(width, 1e-9))


def _residuals(
    camera: Float[np.ndarray, "L 3"], target: Target, scale: float, shares: Float[np.ndarray, " L"]
) -> Float[np.ndarray, "3 L"]:
    """Centimetres at the head: across, down, and depth; each depth is taken above the mean depth."""
    residuals = np.empty((3, len(camera)))
    residuals[:2] = (scale * (camera[:, :2] / camera[:, 2:] - target.rays)).T
    depth = CENTIMETRES * camera[:, 2] - scale * target.depths
    residuals[2] = depth - shares @ depth
    return residuals


def _solve(hessian: Float[np.ndarray, "N N"], right: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    from scipy.linalg import cho_factor, cho_solve

    return cho_solve(cho_factor(hessian, lower=True, check_finite=False), right, check_finite=False)
