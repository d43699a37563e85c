"""What a fit needs of a head model: its landmarks as linear functions of the coefficients, with the jaw's swing."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int

from likeness.geometry.rotation import cross_matrix
from likeness.heads.landmark_sets import (
    EYE_LEFT_RING,
    EYE_RIGHT_RING,
    LIPS_INNER,
    LIPS_OUTER,
    OVAL,
    RIGID,
)
from likeness.heads.model import JAW, HeadModel
from likeness.motion.face_points import landmark_correctives
from likeness.tracking.rows import landmark_positions

NUM_LANDMARKS = 468

# How much each landmark counts: lips and lids carry the expression, the oval slides along the cheek.
LIP_WEIGHT, EYE_WEIGHT, OVAL_WEIGHT = 6.0, 2.5, 2.0
RIGID_WEIGHT = 4.0  # factor on forehead, temples, nose bridge, eye corners

CONTROL_SLACK = 0.25  # a named shape may leave its range by this much: nobody's neutral is exactly the template's
# One picture cannot tell the size of a head from its distance, nor how a face sits in its own frame: identity may move,
# turn and scale the rigid landmarks by no more than this (metres, radians, logarithm of the size).
GAUGE_DEVIATIONS = np.repeat([5e-4, 5e-3, 5e-3], [3, 3, 1])
FREE_RANGE = 4.0  # other coefficients stay within this many deviations


@dataclass(frozen=True, kw_only=True, slots=True)
class FitBasis:
    """Landmarks before the pose: points + basis x + (R_jaw - 1) (swing_points + swing_basis x), metres, head frame;
    heads with pose correctives add correctives (R_jaw - 1).

    x holds the identity coefficients that are not locked, then the expression.
    """

    points: Float[np.ndarray, "L 3"]
    basis: Float32[np.ndarray, "L 3 K"]
    swing_points: Float[np.ndarray, "L 3"]  # jaw weight x (landmark - jaw pivot)
    swing_basis: Float32[np.ndarray, "L 3 K"]
    correctives: Float[np.ndarray, "L 3 C"]  # per entry of (R_jaw - 1), row by row: C is 9, or 0 without correctives
    deviations: Float[np.ndarray, " K"]
    lower: Float[np.ndarray, " K"]
    upper: Float[np.ndarray, " K"]
    jaw_coupling: Float[np.ndarray, "K 3"]  # expected coefficients per radian of the jaw's axis-angle
    gauge: Float[np.ndarray, "7 K"]  # how identity moves, turns and scales the rigid landmarks, in GAUGE_DEVIATIONS
    num_shape: int  # of the K coefficients, how many are identity
    weights: Float[np.ndarray, " L"]
    landmarks: Int[np.ndarray, " L"]  # which of the 468 these are

    def positions(self, coefficients: Float[np.ndarray, " K"], jaw: Float[np.ndarray, "3"]) -> Float[np.ndarray, "L 3"]:
        """Landmarks in the head frame (metres); `jaw` is axis-angle in radians."""
        return landmark_positions(
            self.points, self.basis, self.swing_points, self.swing_basis, self.correctives, jaw, coefficients
        )

    def subset(self, rows: Int[np.ndarray, " M"]) -> "FitBasis":
        """The same for some of the landmarks (rows of this basis)."""
        return replace(
            self,
            points=self.points[rows],
            basis=self.basis[rows],
            swing_points=self.swing_points[rows],
            swing_basis=self.swing_basis[rows],
            correctives=self.correctives[rows],
            weights=self.weights[rows],
            landmarks=self.landmarks[rows],
        )


def free_basis(head: HeadModel) -> FitBasis:
    """Basis in which identity and expression are both unknown."""
    lower, upper = _expression_bounds(head)
    return _embedded(
        head,
        directions=np.concatenate([head.shape_basis, head.expression_basis], axis=2),
        pivot_directions=np.concatenate([head.joint_shape_basis[JAW], _jaw_expression_basis(head)], axis=1),
        deviations=np.concatenate([head.shape_deviations, head.expression_deviations]),
        lower=np.concatenate([-FREE_RANGE * head.shape_deviations, lower]),
        upper=np.concatenate([FREE_RANGE * head.shape_deviations, upper]),
        jaw_coupling=np.concatenate([np.zeros((head.num_shape, 3)), _jaw_coupling(head)]),
        gauge=np.concatenate([_gauge(head), np.zeros((7, head.num_expression))], axis=1),
        num_shape=head.num_shape,
    )


def lock_shape(basis: FitBasis, shape: Float[np.ndarray, " S"]) -> FitBasis:
    """The basis of one person: identity folded into the points, expression alone unknown."""
    count = basis.num_shape
    return replace(
        basis,
        points=basis.points + basis.basis[:, :, :count] @ shape,
        basis=np.ascontiguousarray(basis.basis[:, :, count:]),
        swing_points=basis.swing_points + basis.swing_basis[:, :, :count] @ shape,
        swing_basis=np.ascontiguousarray(basis.swing_basis[:, :, count:]),
        deviations=basis.deviations[count:],
        lower=basis.lower[count:],
        upper=basis.upper[count:],
        jaw_coupling=basis.jaw_coupling[count:],
        gauge=basis.gauge[:, count:],
        num_shape=0,
    )


def rigid_rows(basis: FitBasis) -> Int[np.ndarray, " M"]:
    """Rows of the landmarks that expressions hardly move."""
    return np.flatnonzero(np.isin(basis.landmarks, RIGID))


def landmark_weights() -> Float[np.ndarray, "468"]:
    """Weight of each squared residual."""
    weights = np.ones(NUM_LANDMARKS)
    weights[[*LIPS_INNER, *LIPS_OUTER]] = LIP_WEIGHT
    weights[[*EYE_LEFT_RING, *EYE_RIGHT_RING]] = EYE_WEIGHT
    weights[list(OVAL)] = OVAL_WEIGHT
    weights[list(RIGID)] *= RIGID_WEIGHT
    return weights


def _embedded(
    head: HeadModel,
    *,
    directions: Float[np.ndarray, "V 3 K"],
    pivot_directions: Float[np.ndarray, "3 K"],
    deviations: Float[np.ndarray, " K"],
    lower: Float[np.ndarray, " K"],
    upper: Float[np.ndarray, " K"],
    jaw_coupling: Float[np.ndarray, "K 3"],
    gauge: Float[np.ndarray, "7 K"],
    num_shape: int,
) -> FitBasis:
    corners = head.faces[head.landmark_faces]  # [L 3]
    shares = head.landmark_barycentrics
    jaw_shares = shares * head.skin_weights[corners, JAW]
    jaw_weight = jaw_shares.sum(axis=1)
    pivot = head.joint_positions[JAW]
    swing_basis = np.einsum("lc,lcxk->lxk", jaw_shares, directions[corners])
    swing_basis -= jaw_weight[:, None, None] * pivot_directions
    return FitBasis(
        points=np.einsum("lc,lcx->lx", shares, head.template[corners]),
        basis=np.ascontiguousarray(np.einsum("lc,lcxk->lxk", shares, directions[corners]), dtype=np.float32),
        swing_points=np.einsum("lc,lcx->lx", jaw_shares, head.template[corners]) - jaw_weight[:, None] * pivot,
        swing_basis=np.ascontiguousarray(swing_basis, dtype=np.float32),
        correctives=landmark_correctives(head, np.arange(len(corners))),
        deviations=deviations,
        lower=lower,
        upper=upper,
        jaw_coupling=jaw_coupling,
        gauge=gauge,
        num_shape=num_shape,
        weights=landmark_weights(),
        landmarks=np.arange(NUM_LANDMARKS),
    )


def _jaw_expression_basis(head: HeadModel) -> Float[np.ndarray, "3 E"]:
    """How expression moves the jaw joint."""
    if head.joint_expression_basis is None:
        return np.zeros((3, head.num_expression))
    return head.joint_expression_basis[JAW]


def _expression_bounds(head: HeadModel) -> tuple[Float[np.ndarray, " E"], Float[np.ndarray, " E"]]:
    """Range of each coefficient: that of the control which moves it alone, with slack; else some deviations."""
    upper = FREE_RANGE * head.expression_deviations
    lower = -upper
    for control in head.controls:
        moved = control.coefficient
        if moved is not None and not control.joints.any():
            ends = control.expression[moved] * np.array([control.minimum, control.maximum])
            slack = CONTROL_SLACK * abs(control.expression[moved])
            lower[moved], upper[moved] = ends.min() - slack, ends.max() + slack
    return lower, upper


def _jaw_coupling(head: HeadModel) -> Float[np.ndarray, "E 3"]:
    """What the controls that rotate the jaw do to the expression meanwhile, per radian."""
    coupling = np.zeros((head.num_expression, 3))
    for control in head.controls:
        turn = control.joints[JAW]
        if turn.any() and control.expression.any():
            coupling += np.outer(control.expression, turn) / (turn @ turn)
    return coupling


def _gauge(head: HeadModel) -> Float[np.ndarray, "7 S"]:
    """The small similarity of the rigid landmarks that each identity coefficient amounts to, in deviations."""
    rows = np.array(RIGID)
    corners, shares = head.faces[head.landmark_faces[rows]], head.landmark_barycentrics[rows]
    points = np.einsum("lc,lcx->lx", shares, head.template[corners])
    moves = np.einsum("lc,lcxk->lxk", shares, head.shape_basis[corners])
    generators = np.empty((len(rows), 3, 7))
    generators[:, :, :3] = np.eye(3)
    generators[:, :, 3:6] = -cross_matrix(points - points.mean(axis=0))
    generators[:, :, 6] = points - points.mean(axis=0)
    similarity, *_ = np.linalg.lstsq(generators.reshape(-1, 7), moves.reshape(len(rows) * 3, -1), rcond=None)
    return similarity / GAUGE_DEVIATIONS[:, None]
