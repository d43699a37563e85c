"""One person's head in a clip: identity estimated once from several frames, then frame after frame with it locked."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from likeness.geometry.camera import Camera
from likeness.geometry.rotation import axis_angle_from_matrix, geodesic_angle
from likeness.heads.model import HeadModel
from likeness.motion.neutral import LipSeal
from likeness.motion.record import MotionFrame
from likeness.tracking.basis import FitBasis, free_basis, lock_shape, rigid_rows
from likeness.tracking.eyes import EyeGeometry, eye_geometry, read_eyes
from likeness.tracking.fit import (
    FitState,
    Priors,
    Target,
    add_priors,
    bounded_step,
    fit,
    fit_expression,
    fit_pose,
    moved,
    normal_equations,
    reprojection_percent,
    similarity_start,
    target_from_landmarks,
)
from likeness.tracking.lips import measured_seal, with_seen_lips
from likeness.tracking.rows import FIRST_COEFFICIENT

SHAPE_PRIORS = Priors(expression_noise=0.35, shape_noise=0.15)  # several unknowns for one face: trust the deviations
SHAPE_ITERATIONS = 5
FIRST_ITERATIONS = 8
FIT_THREADS = 2  # frames that are fitted at once where they do not wait for each other
FAST_TURN = np.radians(4.0)  # between frames: the fit repeats its steps
GOOD_RESIDUAL, RESIDUAL_SCALE = 1.8, 3.0  # percent of the outer eye distance, where confidence begins to fall; how fast


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A head with its identity locked, seen by one camera."""

    head: HeadModel
    camera: Camera
    shape: Float[np.ndarray, " S"]
    basis: FitBasis
    rigid: FitBasis  # the landmarks that expressions hardly move
    eyes: EyeGeometry
    lips: LipSeal


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One frame as numbers."""

    state: FitState
    frame: MotionFrame
    residual: float  # percent of the outer eye distance
    confidence: float
    gaze_trust: float  # 0 where both eyes are shut


def person_with_shape(
    head: HeadModel, camera: Camera, shape: Float[np.ndarray, " S"], *, basis: FitBasis | None = None
) -> Person:
    """The person of that identity; `basis` is the head's free basis where it is at hand."""
    locked = lock_shape(free_basis(head) if basis is None else basis, shape)
    return Person(
        head=head,
        camera=camera,
        shape=shape,
        basis=locked,
        rigid=locked.subset(rigid_rows(locked)),
        eyes=eye_geometry(head, shape),
        lips=measured_seal(head, shape),
    )


def estimate_person(head: HeadModel, camera: Camera, landmarks: Sequence[Float[np.ndarray, "478 3"]]) -> Person:
    """The identity that explains several frames of one person together, each with its own pose and expression."""
    basis = free_basis(head)
    targets = [target_from_landmarks(points, camera, basis) for points in landmarks]
    return person_with_shape(head, camera, fit_shape(basis, targets), basis=basis)


def fit_shape(basis: FitBasis, targets: Sequence[Target]) -> Float[np.ndarray, " S"]:
    """Joint least squares over the frames: their own unknowns are eliminated from the equations of the shared shape."""

    def start(target: Target) -> FitState:
        return fit(basis, target, similarity_start(basis, target), iterations=2, priors=SHAPE_PRIORS)

    with ThreadPoolExecutor(FIT_THREADS) as workers:
        states = list(workers.map(start, targets))
        common = np.mean([state.coefficients[: basis.num_shape] for state in states], axis=0)
        states = [_with_shape(state, common) for state in states]
        for _ in range(SHAPE_ITERATIONS):
            systems = list(workers.map(partial(_frame_system, basis), targets, states))
            reduced, right = sum(system.reduced for system in systems), sum(system.right for system in systems)
            move = partial(_moved_given_shape, basis, shape_step=-np.linalg.solve(reduced, right))
            states = list(workers.map(move, states, systems))
    return states[0].coefficients[: basis.num_shape].copy()


def fit_frame(
    person: Person,
    points: Float[np.ndarray, "478 3"],
    previous: FitState | None,
    *,
    refine: Callable[[FitState], FitState] | None = None,
) -> FitState:
    """Pose, jaw and expression of a frame (landmarks in pixels), warm from the frame before.

    The pose comes from the rigid landmarks with the last expression, and then from `refine` where it is given; jaw
    and expression answer to that pose and cannot pull at it.
    """
    target = target_from_landmarks(points, person.camera, person.basis)
    rigid_target = target_from_landmarks(points, person.camera, person.rigid)
    state = previous
    if state is None:
        state = fit(person.basis, target, similarity_start(person.basis, target), iterations=FIRST_ITERATIONS)
    posed = fit_pose(person.rigid, rigid_target, state, iterations=2)
    if geodesic_angle(posed.rotation[None], state.rotation[None])[0] > FAST_TURN:
        state = fit_expression(person.basis, target, posed, iterations=1)
        posed = fit_pose(person.rigid, rigid_target, state, iterations=2)
    if refine is not None:
        posed = refine(posed)
    return fit_expression(person.basis, target, posed, iterations=1)


def fit_at_pose(person: Person, points: Float[np.ndarray, "478 3"], state: FitState) -> FitState:
    """Jaw and expression of a frame whose pose is known better than its own landmarks tell."""
    target = target_from_landmarks(points, person.camera, person.basis)
    return fit_expression(person.basis, target, state, iterations=1)


def reading(person: Person, points: Float[np.ndarray, "478 3"], state: FitState) -> Reading:
    """The numbers of a fitted frame; gaze, lids and the opening of the lips are read from its landmarks."""
    target = target_from_landmarks(points, person.camera, person.basis)
    fitted = person.basis.positions(state.coefficients, state.jaw)
    eyes = read_eyes(points, fitted, state.T_cam_head, person.camera, person.eyes)
    residual = reprojection_percent(person.basis, target, state, fitted)
    expression, jaw = with_seen_lips(
        person.lips, person.camera, state.T_cam_head, points, expression=state.coefficients, jaw=state.jaw
    )
    frame = MotionFrame(
        rotation=axis_angle_from_matrix(state.rotation),
        translation=state.translation,
        neck=np.zeros(3),
        jaw=jaw,
        eye_left=eyes.gaze[0],
        eye_right=eyes.gaze[1],
        expression=expression,
        lids=eyes.lids,
    )
    confidence = float(np.exp(-(max(residual - GOOD_RESIDUAL, 0.0) / RESIDUAL_SCALE)))
    return Reading(state=state, frame=frame, residual=residual, confidence=confidence, gaze_trust=eyes.trust)


def _with_shape(state: FitState, shape: Float[np.ndarray, " S"]) -> FitState:
    return replace(state, coefficients=np.concatenate([shape, state.coefficients[len(shape) :]]))


@dataclass(frozen=True, kw_only=True, slots=True)
class _FrameSystem:
    """The equations of one frame, and what they say about the shape once the frame's own unknowns are eliminated."""

    hessian: Float[np.ndarray, "N N"]
    gradient: Float[np.ndarray, " N"]
    reduced: Float[np.ndarray, "S S"]
    right: Float[np.ndarray, " S"]


def _frame_system(basis: FitBasis, target: Target, state: FitState) -> _FrameSystem:
    hessian, gradient = normal_equations(basis, target, state, huber=SHAPE_PRIORS.huber)
    add_priors(hessian, gradient, basis, state, SHAPE_PRIORS)
    own = _own_unknowns(basis)
    coupling = hessian[np.ix_(own, ~own)]
    solved = np.linalg.solve(hessian[np.ix_(own, own)], np.column_stack([coupling, gradient[own]]))
    return _FrameSystem(
        hessian=hessian,
        gradient=gradient,
        reduced=hessian[np.ix_(~own, ~own)] - coupling.T @ solved[:, :-1],
        right=gradient[~own] - coupling.T @ solved[:, -1],
    )


def _own_unknowns(basis: FitBasis) -> Bool[np.ndarray, " N"]:
    """All but the shared shape."""
    own = np.ones(FIRST_COEFFICIENT + len(basis.deviations), dtype=bool)
    own[FIRST_COEFFICIENT : FIRST_COEFFICIENT + basis.num_shape] = False
    return own


def _moved_given_shape(
    basis: FitBasis, state: FitState, system: _FrameSystem, *, shape_step: Float[np.ndarray, " S"]
) -> FitState:
    """A frame's own step, its identity taking the shared one; ranges are kept as in a single fit."""
    own = _own_unknowns(basis)
    gradient = system.gradient + system.hessian[:, ~own] @ shape_step
    hessian = system.hessian.copy()
    hessian[~own, :] = 0.0
    hessian[:, ~own] = 0.0
    hessian[~own, ~own] = 1.0
    gradient[~own] = -shape_step
    return moved(state, bounded_step(hessian, gradient, basis, state), basis)
