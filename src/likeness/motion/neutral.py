"""A person's own neutral face: what the fitted numbers are when nothing is expressed, from a clip, a stream or one photo.

Every frame is weighed by how restful it looks (lips together, corners and brows near the identity's own place), region by
region; little evidence falls back to the prior: coefficients zero, lips sealed. The order of the frames plays no part.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.heads.model import HeadModel
from likeness.motion.face_points import LIP_PAIRS, MIDDLE_PAIRS, FacePoints, face_points, lip_gaps, lip_points
from likeness.motion.record import Motion, MotionFrame
from likeness.motion.strength import expression_region

REGIONS = ("mouth", "brows", "eyes")
# Landmarks whose distance from the identity's own place tells whether a region expresses something. Those of the mouth
# hardly move when the jaw opens: the lip gap speaks for that.
WITNESSES = {
    "mouth": (61, 291, 0, 37, 267),
    "brows": (105, 66, 107, 334, 296, 336),
    "eyes": (145, 153, 374, 380),
}
WITNESS_DEVIATION = {"mouth": 4.0e-3, "brows": 4.0e-3, "eyes": 2.0e-3}  # m, root mean square, of neutral faces
LIP_GAP_DECAY = 1.2e-3  # m: an opening by this much makes a frame e times less restful
PRIOR_WEIGHT = 0.02  # mean restfulness at which evidence and prior count alike
STREAM_PRIOR_FRAMES = 25.0  # a stream starts as if it had seen so many frames without evidence
SEAL_DEVIATION = 0.3e-3  # m: how exactly sealed lips touch
JAW_DEVIATIONS = np.radians([6.0, 0.5, 0.5])  # of the jaw's axis-angle when lips are brought together

OPEN_LID_QUANTILE = 0.65  # of the lid apertures: above it are raised lids, below it blinks and lowered looks
APERTURE_BINS = np.linspace(0.0, 0.8, 321)  # lid gap / eye width
GAZE_BINS = np.radians(np.linspace(-60.0, 60.0, 481))


@dataclass(frozen=True, kw_only=True, slots=True)
class Neutral:
    """One person's face at rest."""

    expression: Float[np.ndarray, " E"]
    jaw: Float[np.ndarray, "3"]  # axis-angle, radians
    lids: Float[np.ndarray, "2"]  # aperture of the open left and right eye: lid gap / eye width
    gaze: Float[np.ndarray, "3"]  # axis-angle, radians, mean of both eyes


@dataclass(frozen=True, kw_only=True, slots=True)
class NeutralPrior:
    """What is known before any frame: the sealed, otherwise unmoved face of an identity, and how to judge frames."""

    expression: Float[np.ndarray, " E"]
    jaw: Float[np.ndarray, "3"]
    lips: FacePoints
    witnesses: dict[str, FacePoints]
    members: dict[str, Float[np.ndarray, " E"]]  # 1 for the coefficients of a region


def neutral_prior(head: HeadModel, shape: Float[np.ndarray, " S"]) -> NeutralPrior:
    """The prior of a person with these identity coefficients."""
    lips = lip_points(head, shape)
    expression, jaw = sealed(head, lips, np.zeros(head.num_expression), np.zeros(3))
    regions = [expression_region(name) for name in head.expression_names]
    return NeutralPrior(
        expression=expression,
        jaw=jaw,
        lips=lips,
        witnesses={name: face_points(head, shape, WITNESSES[name]) for name in REGIONS},
        members={name: np.array([float(region == name) for region in regions]) for name in REGIONS},
    )


def sealed(
    head: HeadModel, lips: FacePoints, expression: Float[np.ndarray, " E"], jaw: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, " E"], Float[np.ndarray, "3"]]:
    """The likeliest face with touching lips near the given one: least change, in deviations, of mouth and jaw."""
    is_mouth = np.array([expression_region(name) == "mouth" for name in head.expression_names])
    deviations = np.concatenate([np.where(is_mouth, head.expression_deviations, 0.0), JAW_DEVIATIONS])
    expression, jaw = np.array(expression, dtype=np.float64), np.array(jaw, dtype=np.float64)
    for _ in range(3):  # the jaw's swing is not linear
        gaps = lip_gaps(lips, expression, jaw)
        scaled = _gap_jacobian(lips, expression, jaw) * deviations
        system = scaled @ scaled.T + SEAL_DEVIATION**2 * np.eye(len(LIP_PAIRS))
        change = deviations * (scaled.T @ np.linalg.solve(system, -gaps))
        expression = expression + change[:-3]
        jaw = jaw + change[-3:]
    return expression, jaw


def _gap_jacobian(
    lips: FacePoints, expression: Float[np.ndarray, " E"], jaw: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "G K"]:
    """Change of each lip gap (metres) per coefficient and per radian of the jaw, expression first."""
    pairs = len(LIP_PAIRS)
    still = lips.basis[:pairs, 1] - lips.basis[pairs:, 1]  # the jaw's turn of these displacements is left out
    step = 1e-3
    moved = [lip_gaps(lips, expression, jaw + step * axis) - lip_gaps(lips, expression, jaw) for axis in np.eye(3)]
    return np.concatenate([still, np.stack(moved, axis=1) / step], axis=1)


def restfulness(
    prior: NeutralPrior, expression: Float[np.ndarray, "T E"], jaw: Float[np.ndarray, "T 3"]
) -> dict[str, Float[np.ndarray, " T"]]:
    """How restful each region looks in each frame, 0 to 1."""
    weights = {}
    for name in REGIONS:
        points = prior.witnesses[name]
        shift = points.positions(expression, jaw) - points.positions(prior.expression, prior.jaw)
        energy = (shift**2).sum(axis=-1).mean(axis=-1) / WITNESS_DEVIATION[name] ** 2
        weights[name] = np.exp(-0.5 * energy)
    gap = lip_gaps(prior.lips, expression, jaw)[:, MIDDLE_PAIRS].mean(axis=-1)
    weights["mouth"] = weights["mouth"] * np.exp(-np.maximum(gap, 0.0) / LIP_GAP_DECAY)
    return weights


class NeutralEstimator:
    """Running estimate of a driver's neutral for streams: add frames as they come, ask at any time.

    Memory is constant. Frames without a face are not to be added.
    """

    def __init__(self, head: HeadModel, shape: Float[np.ndarray, " S"], *, prior_frames: float = STREAM_PRIOR_FRAMES):
        self._prior = neutral_prior(head, shape)
        self._frames = prior_frames
        self._weights = dict.fromkeys(REGIONS, 0.0)
        self._sums = {name: np.zeros(head.num_expression + 3) for name in REGIONS}  # above the prior
        self._apertures = np.zeros((2, len(APERTURE_BINS) - 1))
        self._gazes = np.zeros((3, len(GAZE_BINS) - 1))

    def add(self, frame: MotionFrame) -> None:
        """Take one more frame into account."""
        self.add_all(frame.expression[None], frame.jaw[None], frame.lids[None], mean_gaze(frame.eye_left, frame.eye_right)[None])

    def add_all(
        self,
        expression: Float[np.ndarray, "T E"],
        jaw: Float[np.ndarray, "T 3"],
        lids: Float[np.ndarray, "T 2"],
        gaze: Float[np.ndarray, "T 3"],
    ) -> None:
        """Take many frames into account; their order does not matter."""
        above = np.concatenate([expression - self._prior.expression, jaw - self._prior.jaw], axis=1)
        for name, weights in restfulness(self._prior, expression, jaw).items():
            self._weights[name] += float(weights.sum())
            self._sums[name] += weights @ above
        self._frames += len(expression)
        for side in range(2):
            self._apertures[side] += _counts(lids[:, side], APERTURE_BINS)
        for axis in range(3):
            self._gazes[axis] += _counts(gaze[:, axis], GAZE_BINS)

    @property
    def neutral(self) -> Neutral:
        """The estimate so far; before the first frame the prior, with typical lids and a straight look."""
        expression, jaw = self._prior.expression.copy(), self._prior.jaw
        for name in REGIONS:
            mean = self._sums[name] / max(self._weights[name] + PRIOR_WEIGHT * self._frames, 1e-12)
            expression += self._prior.members[name] * mean[:-3]
            if name == "mouth":
                jaw = jaw + mean[-3:]
        return Neutral(
            expression=expression,
            jaw=jaw,
            lids=np.array([_quantile(counts, APERTURE_BINS, OPEN_LID_QUANTILE, TYPICAL_APERTURE) for counts in self._apertures]),
            gaze=np.array([_quantile(counts, GAZE_BINS, 0.5, 0.0) for counts in self._gazes]),
        )


TYPICAL_APERTURE = 0.19  # lid gap / eye width of an open eye: the median of many portraits
LEAST_APERTURE = 0.08  # no open eye is narrower; guards divisions
PHOTO_APERTURE_GAIN = 1.25  # half-closed eyes of a photo open by at most this factor


def clip_neutral(motion: Motion, head: HeadModel) -> Neutral:
    """The neutral of the person in a clip, from all frames with a face alike."""
    estimator = NeutralEstimator(head, motion.shape, prior_frames=0.0)
    seen = motion.valid if motion.valid.any() else np.ones(len(motion), dtype=bool)
    gaze = mean_gaze(motion.eye_left, motion.eye_right)
    estimator.add_all(motion.expression[seen], motion.jaw[seen], motion.lids[seen], gaze[seen])
    return estimator.neutral


def photo_neutral(rest: MotionFrame, head: HeadModel, shape: Float[np.ndarray, " S"]) -> Neutral:
    """The neutral of the person in a photo: what of its expression looks like a habit stays, the rest goes, the lips meet.

    A photo's gaze is kept; its half-closed eyes open a little.
    """
    prior = neutral_prior(head, shape)
    expression = prior.expression.copy()
    jaw = np.array(prior.jaw)
    for name, weights in restfulness(prior, rest.expression[None], rest.jaw[None]).items():
        share = float(weights[0] / (weights[0] + PRIOR_WEIGHT))
        expression += share * prior.members[name] * (rest.expression - prior.expression)
        if name == "mouth":
            jaw = jaw + share * (rest.jaw - prior.jaw)
    return Neutral(
        expression=expression,
        jaw=jaw,
        lids=np.clip(TYPICAL_APERTURE, rest.lids, PHOTO_APERTURE_GAIN * np.maximum(rest.lids, LEAST_APERTURE)),
        gaze=mean_gaze(rest.eye_left, rest.eye_right),
    )


def mean_gaze(
    eye_left: Float[np.ndarray, "*batch 3"], eye_right: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Where both eyes look together (axis-angle, radians)."""
    return 0.5 * (eye_left + eye_right)


def _counts(values: Float[np.ndarray, " T"], bins: Float[np.ndarray, " N"]) -> Float[np.ndarray, " M"]:
    return np.histogram(np.clip(values, bins[0], bins[-1]), bins)[0].astype(np.float64)


def _quantile(counts: Float[np.ndarray, " M"], bins: Float[np.ndarray, " N"], part: float, otherwise: float) -> float:
    """Quantile of a histogram, linear within the bin."""
    total = counts.sum()
    if total == 0:
        return otherwise
    return float(np.interp(part * total, np.concatenate([[0.0], counts.cumsum()]), bins))
