"""A person's own neutral face: what the fitted numbers are when nothing is expressed, from a clip, a stream or one
photo.

Every frame is weighed by how restful it looks (lips together, corners and brows near the identity's own place), region
by region; little evidence falls back to the prior: coefficients zero, lips sealed. The order of frames plays no part.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.heads.model import HeadModel
from likeness.motion.face_points import LIP_PAIRS, MIDDLE_PAIRS, FacePoints, SeenFace, face_points, lip_gaps, lip_points
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
CONTACT_GAPS = (2.5e-3, 5.0e-3)  # m: a lowest gap in the fit below the first means touching lips, above the second not
STREAM_PRIOR_FRAMES = 25.0  # a stream starts as if it had seen so many frames without evidence
SEAL_DEVIATION = 0.3e-3  # m: how exactly wanted lip gaps are met
HELD_DEVIATION = 1.0e-3  # m: how far each coordinate of a held landmark may move with the lips
SEAL_ITERATIONS = 3  # the jaw's swing is not linear
JAW_DEVIATIONS = np.radians([6.0, 0.5, 0.5])  # of the jaw's axis-angle when lips are brought together

OPEN_LID_QUANTILE = 0.65  # of the lid apertures: above it are raised lids, below it blinks and lowered looks
APERTURE_BINS = np.linspace(0.0, 0.8, 321)  # lid gap / eye width
GAZE_BINS = np.radians(np.linspace(-60.0, 60.0, 481))
TYPICAL_APERTURE = 0.19  # lid gap / eye width of an open eye: the median of many portraits
LEAST_APERTURE = 0.08  # no open eye is narrower; guards divisions
PHOTO_APERTURE_GAIN = 1.25  # half-closed eyes of a photo open by at most this factor


@dataclass(frozen=True, kw_only=True, slots=True)
class Neutral:
    """One person's face at rest."""

    expression: Float[np.ndarray, " E"]
    jaw: Float[np.ndarray, "3"]  # axis-angle, radians
    lids: Float[np.ndarray, "2"]  # aperture of the open left and right eye: lid gap / eye width
    gaze: Float[np.ndarray, "3"]  # axis-angle, radians, mean of both eyes
    lip_gaps: Float[np.ndarray, " G"]  # height between the fitted lips when they touch, at each of LIP_PAIRS, metres


@dataclass(frozen=True, kw_only=True, slots=True)
class NeutralPrior:
    """What is known before any frame: the sealed, otherwise unmoved face of an identity, and how to judge frames."""

    expression: Float[np.ndarray, " E"]
    jaw: Float[np.ndarray, "3"]
    lips: FacePoints
    seal: "LipSeal"
    witnesses: dict[str, FacePoints]
    members: dict[str, Float[np.ndarray, " E"]]  # 1 for the coefficients of a region


def neutral_prior(head: HeadModel, shape: Float[np.ndarray, " S"]) -> NeutralPrior:
    """The prior of a person with these identity coefficients."""
    lips = lip_points(head, shape)
    seal = lip_seal(head, lips, np.zeros(head.num_expression), np.zeros(3))
    expression, jaw = with_lip_gaps(seal, np.zeros(head.num_expression), np.zeros(3), np.zeros(len(LIP_PAIRS)))
    regions = [expression_region(name) for name in head.expression_names]
    return NeutralPrior(
        expression=expression,
        jaw=jaw,
        lips=lips,
        seal=seal,
        witnesses={name: face_points(head, shape, WITNESSES[name]) for name in REGIONS},
        members={name: np.array([float(region == name) for region in regions]) for name in REGIONS},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LipSeal:
    """How a person's lips are brought to wanted gaps with the least change, in deviations, of mouth and jaw."""

    lips: FacePoints
    response: Float[np.ndarray, "K G"]  # coefficients, then the jaw's axis-angle, per metre of each gap


def lip_seal(
    head: HeadModel,
    lips: FacePoints,
    expression: Float[np.ndarray, " E"],
    jaw: Float[np.ndarray, "3"],
    *,
    held: FacePoints | None = None,
) -> LipSeal:
    """The seal around one face; landmarks in `held` stay in place as far as the lips let them."""
    is_mouth = np.array([expression_region(name) == "mouth" for name in head.expression_names])
    deviations = np.concatenate([np.where(is_mouth, head.expression_deviations, 0.0), JAW_DEVIATIONS])
    scaled = _gap_jacobian(lips, expression, jaw) * deviations
    spread = scaled  # covariance of what may change, times the gaps' derivatives
    if held is not None:
        moves = _point_jacobian(held, expression, jaw) * deviations / HELD_DEVIATION
        spread = np.linalg.solve(moves.T @ moves + np.eye(len(deviations)), scaled.T).T
    system = spread @ scaled.T + SEAL_DEVIATION**2 * np.eye(len(LIP_PAIRS))
    return LipSeal(lips=lips, response=deviations[:, None] * np.linalg.solve(system, spread).T)


def with_lip_gaps(
    seal: LipSeal,
    expression: Float[np.ndarray, "*batch E"],
    jaw: Float[np.ndarray, "*batch 3"],
    wanted: Float[np.ndarray, "*batch G"],
) -> tuple[Float[np.ndarray, "*batch E"], Float[np.ndarray, "*batch 3"]]:
    """The faces with their lips at the wanted gaps (metres at each of LIP_PAIRS)."""
    for _ in range(SEAL_ITERATIONS):
        change = (wanted - lip_gaps(seal.lips, expression, jaw)) @ seal.response.T
        expression = expression + change[..., :-3]
        jaw = jaw + change[..., -3:]
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


def _point_jacobian(
    points: FacePoints, expression: Float[np.ndarray, " E"], jaw: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "N K"]:
    """Change of all coordinates (metres) per coefficient and per radian of the jaw, as in `_gap_jacobian`."""
    step = 1e-3
    rest = points.positions(expression, jaw)
    moved = [points.positions(expression, jaw + step * axis) - rest for axis in np.eye(3)]
    still = points.basis.reshape(-1, points.basis.shape[-1])
    return np.concatenate([still, np.stack(moved, axis=-1).reshape(-1, 3) / step], axis=1)


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
    return weights


def _middle(gaps: Float[np.ndarray, "*batch G"]) -> Float[np.ndarray, "*batch"]:
    """Mean gap in the middle of the mouth."""
    return np.asarray(gaps[..., MIDDLE_PAIRS].mean(axis=-1))


class NeutralEstimator:
    """Running estimate of a driver's neutral for streams: add frames as they come, ask at any time.

    Memory is constant. Frames without a face are not to be added.
    """

    def __init__(self, head: HeadModel, shape: Float[np.ndarray, " S"], *, prior_frames: float = STREAM_PRIOR_FRAMES):
        self._prior = neutral_prior(head, shape)
        self._frames = prior_frames
        self._contact_weight = 0.0
        self._contact_sums = np.zeros(len(LIP_PAIRS))
        self._weights = dict.fromkeys(REGIONS, 0.0)
        self._sums = {name: np.zeros(head.num_expression + 3) for name in REGIONS}  # above the prior
        self._apertures = [_Histogram(APERTURE_BINS) for _ in range(2)]
        self._gazes = [_Histogram(GAZE_BINS) for _ in range(3)]

    def add(self, frame: MotionFrame) -> None:
        """Take one more frame into account."""
        gaze = mean_gaze(frame.eye_left, frame.eye_right)
        self.add_all(frame.expression[None], frame.jaw[None], frame.lids[None], gaze[None])

    def add_all(
        self,
        expression: Float[np.ndarray, "T E"],
        jaw: Float[np.ndarray, "T 3"],
        lids: Float[np.ndarray, "T 2"],
        gaze: Float[np.ndarray, "T 3"],
    ) -> None:
        """Take many frames into account; their order does not matter."""
        gaps = lip_gaps(self._prior.lips, expression, jaw)
        contact = np.exp(-_middle(gaps) / LIP_GAP_DECAY)
        self._contact_weight += float(contact.sum())
        self._contact_sums += contact @ gaps
        weights = restfulness(self._prior, expression, jaw)
        weights["mouth"] = weights["mouth"] * contact
        above = np.concatenate([expression - self._prior.expression, jaw - self._prior.jaw], axis=1)
        for name in REGIONS:
            self._weights[name] += float(weights[name].sum())
            self._sums[name] += weights[name] @ above
        self._frames += len(expression)
        for histogram, values in zip([*self._apertures, *self._gazes], [*lids.T, *gaze.T], strict=True):
            histogram.add(values)

    @property
    def neutral(self) -> Neutral:
        """The estimate so far; before the first frame the prior, with typical lids and a straight look."""
        gaps, sealed = self._contact_gaps(), self._prior
        # Against the clip's own contact, since fits of lips that touch differ from person to person.
        scales = dict.fromkeys(REGIONS, 1.0) | {"mouth": float(np.exp(_middle(gaps) / LIP_GAP_DECAY))}
        expression, jaw = sealed.expression.copy(), sealed.jaw
        for name in REGIONS:
            evidence = scales[name] * self._weights[name] + PRIOR_WEIGHT * self._frames
            mean = scales[name] * self._sums[name] / max(evidence, 1e-12)
            expression += sealed.members[name] * mean[:-3]
            if name == "mouth":
                jaw = jaw + mean[-3:]
        expression, jaw = with_lip_gaps(sealed.seal, expression, jaw, gaps)
        return Neutral(
            expression=expression,
            jaw=jaw,
            lip_gaps=gaps,
            lids=np.array([each.quantile(OPEN_LID_QUANTILE, TYPICAL_APERTURE) for each in self._apertures]),
            gaze=np.array([each.quantile(0.5, 0.0) for each in self._gazes]),
        )

    def _contact_gaps(self) -> Float[np.ndarray, " G"]:
        """The lowest lip gaps seen, unless even they are too wide to be lips that touch."""
        if self._contact_weight == 0.0:
            return np.zeros(len(LIP_PAIRS))
        lowest = self._contact_sums / self._contact_weight
        sure, unlikely = CONTACT_GAPS
        doubt = np.clip((_middle(lowest) - sure) / (unlikely - sure), 0.0, 1.0)
        return lowest * (1.0 - doubt)


def clip_neutral(motion: Motion, head: HeadModel) -> Neutral:
    """The neutral of the person in a clip, from all frames with a face alike."""
    estimator = NeutralEstimator(head, motion.shape, prior_frames=0.0)
    seen = motion.valid if motion.valid.any() else np.ones(len(motion), dtype=bool)
    gaze = mean_gaze(motion.eye_left, motion.eye_right)
    estimator.add_all(motion.expression[seen], motion.jaw[seen], motion.lids[seen], gaze[seen])
    return estimator.neutral


def photo_neutral(
    rest: MotionFrame,
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    seen: SeenFace | None = None,
) -> Neutral:
    """The neutral of the person in a photo: what looks like a habit stays, other expression goes, the lips meet.

    A photo's gaze is kept; its half-closed eyes open a little. `seen`: what the photo's landmarks show; without it the
    fit is believed.
    """
    prior = neutral_prior(head, shape)
    fitted = lip_gaps(prior.lips, rest.expression, rest.jaw)
    opened = np.maximum(fitted if seen is None else seen.lip_gaps, 0.0)
    contact = float(np.exp(-_middle(opened) / LIP_GAP_DECAY))
    gaps = fitted - opened
    weights = restfulness(prior, rest.expression[None], rest.jaw[None])
    weights["mouth"] = weights["mouth"] * contact
    expression, jaw = prior.expression.copy(), prior.jaw
    for name in REGIONS:
        share = float(weights[name][0] / (weights[name][0] + PRIOR_WEIGHT))
        expression += share * prior.members[name] * (rest.expression - prior.expression)
        if name == "mouth":
            jaw = jaw + share * (rest.jaw - prior.jaw)
    expression, jaw = with_lip_gaps(prior.seal, expression, jaw, gaps)
    return Neutral(
        expression=expression,
        jaw=jaw,
        lip_gaps=gaps,
        lids=np.clip(TYPICAL_APERTURE, rest.lids, PHOTO_APERTURE_GAIN * np.maximum(rest.lids, LEAST_APERTURE)),
        gaze=mean_gaze(rest.eye_left, rest.eye_right),
    )


def mean_gaze(
    eye_left: Float[np.ndarray, "*batch 3"], eye_right: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Where both eyes look together (axis-angle, radians)."""
    return 0.5 * (eye_left + eye_right)


class _Histogram:
    """Counts and sums over fixed bins: quantiles in constant memory, exact for values that repeat."""

    def __init__(self, bins: Float[np.ndarray, " N"]):
        self._bins = bins
        self._counts = np.zeros(len(bins) - 1)
        self._sums = np.zeros(len(bins) - 1)

    def add(self, values: Float[np.ndarray, " T"]) -> None:
        inside = np.clip(values, self._bins[0], self._bins[-1])
        self._counts += np.histogram(inside, self._bins)[0]
        self._sums += np.histogram(inside, self._bins, weights=inside)[0]

    def quantile(self, part: float, otherwise: float) -> float:
        """Mean of the values in the bin where the quantile lies; `otherwise` of an empty histogram."""
        total = self._counts.sum()
        if total == 0:
            return otherwise
        place = int(np.searchsorted(self._counts.cumsum(), part * total))
        return float(self._sums[place] / self._counts[place])
