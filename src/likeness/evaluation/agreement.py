"""Asked versus achieved: the motion a result was to show, beside the motion found again in it, frame by frame.

Every quantity is judged against a result that stands still: what share of the asked movement is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from likeness.evaluation.metrics import median, response
from likeness.evaluation.motion_measures import OPEN_LIDS, seen_in_both
from likeness.evaluation.noise_floor import JITTER, MOVEMENT_ERRORS
from likeness.evaluation.temporal import jitter
from likeness.geometry.rotation import geodesic_angle, matrix_from_axis_angle, yaw_pitch_roll_from_matrix
from likeness.heads.model import HeadModel
from likeness.motion.describe import gaze_angles
from likeness.motion.edit import TRUSTED_ANGLES
from likeness.motion.pose import FRONTAL, frontal_angles
from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame

GOOD_SHARE = 0.4  # of the asked movement may be missing in the median frame
STILL_FLOORS = 2.0  # times the tracker's own noise: movement below it cannot be judged
CONTROL_SLACK = 0.3  # above a control's range, in units of it, as retargeting allows; below it a whole range
JITTER_TOLERANCE = 0.15  # degrees, root mean square above 6 Hz more than asked and than the tracker's own
_LEAST_SEEN = 0.9  # of the frames; below it the verdict says so

# Of each quantity: unit and digits.
_UNITS = {
    "rotation": ("degrees", 2),
    "expression": ("deviations", 3),
    "gaze": ("degrees", 2),
    "lids": ("aperture", 3),
    "jaw": ("degrees", 2),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """One thing that was asked: how far off it is in each frame, and how far off a still result would be."""

    name: str
    unit: str
    digits: int
    error: Float[np.ndarray, " T"]  # as it stands; NaN where it cannot be seen
    moving: Float[np.ndarray, " T"]  # without the constant difference: does it follow?
    still: Float[np.ndarray, " T"]  # what a result that holds the asked middle would be off by
    floor: float  # error where nothing is wrong
    gain: float  # regression slope of achieved on asked; NaN where hardly anything was asked

    @property
    def median(self) -> float:
        """Of the error, over the frames in which it is seen; NaN if there are none."""
        return median(self.error)

    @property
    def share(self) -> float:
        """Median error in movement over that of a still result; NaN where too little was asked to tell."""
        asked = median(self.still[np.isfinite(self.moving)])
        return float("nan") if not asked > STILL_FLOORS * self.floor else median(self.moving) / asked

    @property
    def is_good(self) -> bool:
        """Whether it follows, as far as that can be told."""
        return not self.share > GOOD_SHARE or median(self.moving) <= STILL_FLOORS * self.floor


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """The comparison of two motions of T frames."""

    times: Float[np.ndarray, " T"]  # seconds
    seen: Bool[np.ndarray, " T"]
    quantities: tuple[Quantity, ...]
    curves: Mapping[str, tuple[Float[np.ndarray, " T"], Float[np.ndarray, " T"]]]  # asked, achieved; degrees, apertures
    jitter: tuple[float, float]  # asked, achieved: degrees above 6 Hz
    warnings: tuple[str, ...]

    @property
    def excess_jitter(self) -> float:
        """Achieved beyond asked, degrees; NaN for short clips."""
        asked, achieved = self.jitter
        return float(np.sqrt(max(achieved**2 - asked**2, 0.0))) if np.isfinite(achieved) else float("nan")

    @property
    def verdict(self) -> str:
        """One line."""
        faults = [
            f"{entry.name} misses {100 * entry.share:.0f} % of its movement ({median(entry.moving):.{entry.digits}f} "
            f"{entry.unit})"
            for entry in self.quantities
            if not entry.is_good
        ]
        if self.excess_jitter > JITTER + JITTER_TOLERANCE:
            faults.append(f"the head jitters by {self.excess_jitter:.2f} degrees")
        if self.seen.mean() < _LEAST_SEEN:
            faults.append(f"no face is found in {100 * (1 - self.seen.mean()):.0f} % of the frames")
        rotation = next(entry for entry in self.quantities if entry.name == "rotation")
        if faults:
            return "does not follow: " + "; ".join(faults)
        if all(np.isnan(entry.share) for entry in self.quantities):
            return "cannot be told: what was asked moves less than twice what the tracker is off by"
        little = " (too little turning was asked to tell more)" if np.isnan(rotation.share) else ""
        return f"follows: rotation within {rotation.median:.1f} degrees in the median frame{little}, no visible jitter"


def agree(
    asked: Motion, achieved: Motion, head: HeadModel, *, rest: MotionFrame | None, ignores_offsets: bool
) -> Agreement:
    """Compares a motion with what is found again.

    Args:
        rest: the photo's own pose; turns beyond what pictures bear are told from there. None: from the asked middle.
        ignores_offsets: constant differences of pose and expression do not count (other person or camera).

    Raises:
        ValueError: lengths or head models differ.
    """
    seen = seen_in_both(achieved, asked)
    if not seen.any():
        nothing = np.full(len(asked), np.nan)
        empty = tuple(_quantity(name, nothing, nothing, nothing, float("nan")) for name in _UNITS)
        return Agreement(
            times=asked.times, seen=seen, quantities=empty, curves={}, jitter=(float("nan"), float("nan")), warnings=()
        )
    turns = [matrix_from_axis_angle(motion.rotation) for motion in (asked, achieved)]
    aligned = _mean_rotation((turns[0] @ np.swapaxes(turns[1], -1, -2))[seen]) @ turns[1]
    shown = aligned if ignores_offsets else turns[1]
    angles = [np.degrees(yaw_pitch_roll_from_matrix(FRONTAL.T @ turn)) for turn in (turns[0], shown)]
    middle = np.broadcast_to(_mean_rotation(turns[0][seen]), turns[0].shape)
    errors = [np.where(seen, np.degrees(geodesic_angle(turns[0], turn)), np.nan) for turn in (shown, aligned)]
    still = np.degrees(geodesic_angle(turns[0], middle))
    quantities = [_quantity("rotation", errors[0], errors[1], still, _gain(angles, seen))]
    signals = _signals(asked, achieved, head)
    is_open = (asked.lids.min(axis=1) > OPEN_LIDS) & (achieved.lids.min(axis=1) > OPEN_LIDS)
    for name, (wanted, made) in signals.items():
        where = seen & is_open if name == "gaze" and (seen & is_open).any() else seen
        moved = made + np.median((wanted - made)[where], axis=0)
        made = moved if ignores_offsets else made
        held = np.broadcast_to(np.median(wanted[where], axis=0), wanted.shape)
        errors = [np.where(where, _distance(name, wanted, each), np.nan) for each in (made, moved)]
        gain = _gain((wanted, made), where)
        quantities.append(_quantity(name, errors[0], errors[1], _distance(name, wanted, held), gain))
        signals[name] = [wanted, np.where(where[:, None], made, np.nan)]
    fps = 1.0 / max(float(np.median(np.diff(asked.times))), 1e-6) if len(asked) > 1 else asked.fps
    angles[1] = np.where(seen[:, None], angles[1], np.nan)
    return Agreement(
        times=asked.times,
        seen=seen,
        quantities=tuple(quantities),
        curves=_curves(angles, signals),
        jitter=(jitter(angles[0], fps), jitter(angles[1], fps)),
        warnings=range_warnings(asked, head, rest),
    )


def _signals(asked: Motion, achieved: Motion, head: HeadModel) -> dict[str, list[Float[np.ndarray, "T D"]]]:
    """Asked and achieved: expression in deviations, gaze in degrees, mean aperture of the lids, jaw in degrees."""
    both = (asked, achieved)
    return {
        "expression": [motion.expression / head.expression_deviations for motion in both],
        "gaze": [np.degrees(gaze_angles(motion)) for motion in both],
        "lids": [motion.lids.mean(axis=1, keepdims=True) for motion in both],
        "jaw": [np.degrees(motion.jaw[:, :1]) for motion in both],
    }


def _curves(
    angles: Sequence[np.ndarray], signals: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, tuple[Float[np.ndarray, " T"], Float[np.ndarray, " T"]]]:
    """What is drawn over time."""
    columns = {name: (angles, axis) for axis, name in enumerate(("yaw", "pitch", "roll"))}
    columns |= {name: (signals["gaze"], axis) for axis, name in enumerate(("gaze yaw", "gaze pitch"))}
    columns |= {name: (signals[name], 0) for name in ("lids", "jaw")}
    return {name: (pair[0][:, axis], pair[1][:, axis]) for name, (pair, axis) in columns.items()}


def range_warnings(asked: Motion, head: HeadModel, rest: MotionFrame | None) -> tuple[str, ...]:
    """A sentence for everything that was asked beyond what pictures are known to bear, and in how many frames."""
    angles = np.degrees(frontal_angles(asked.rotation))
    start = np.median(angles, axis=0) if rest is None else np.degrees(frontal_angles(rest.rotation[None]))[0]
    turned = {name: angles[:, axis] - start[axis] for axis, name in enumerate(("yaw", "pitch", "roll"))}
    gazes = np.degrees(gaze_angles(asked))
    looked = {"gaze_yaw": gazes[:, 0], "gaze_pitch": gazes[:, 1]}
    lines = []
    for name, values in (turned | looked).items():
        limit = TRUSTED_ANGLES[name]
        lines += _warning(asked, np.abs(values) > limit, f"{name} goes beyond {limit:g} degrees", np.abs(values))
    for control in head.controls:
        chosen = np.flatnonzero(control.expression)
        if len(chosen) != 1 or control.expression[chosen[0]] != 1.0:
            continue
        values = asked.expression[:, chosen[0]]
        width = control.maximum - control.minimum
        outside = (values < control.minimum - width) | (values > control.maximum + CONTROL_SLACK * width)
        text = f"{control.name} leaves its range {control.minimum:g} to {control.maximum:g}"
        lines += _warning(asked, outside, text, np.abs(values))
    return tuple(lines)


def at_times(motion: Motion, times: Float[np.ndarray, " T"]) -> Motion:
    """The motion's frames nearest to these times (seconds), so that clips of other rates can be compared."""
    places = np.clip(np.searchsorted(motion.times, times), 1, max(len(motion) - 1, 1))
    later = np.minimum(places, len(motion) - 1)
    is_earlier = np.abs(motion.times[places - 1] - times) <= np.abs(motion.times[later] - times)
    index = np.where(is_earlier, places - 1, later)
    arrays = {name: getattr(motion, name)[index] for name in (*FRAME_FIELDS, "confidence", "valid")}
    return motion.with_frames(**arrays, times=np.asarray(times, dtype=np.float64))


def _quantity(name: str, error: np.ndarray, moving: np.ndarray, still: np.ndarray, gain: float) -> Quantity:
    unit, digits = _UNITS[name]
    return Quantity(
        name=name,
        unit=unit,
        digits=digits,
        error=error,
        moving=moving,
        still=still,
        floor=MOVEMENT_ERRORS[name],
        gain=gain,
    )


def _distance(name: str, wanted: np.ndarray, made: np.ndarray) -> Float[np.ndarray, " T"]:
    """Of two gazes the angle, nearly; of all else the mean absolute difference."""
    if name == "gaze":
        return np.asarray(np.linalg.norm(made - wanted, axis=1))
    return np.asarray(np.abs(made - wanted).mean(axis=1))


def _gain(pair: Sequence[np.ndarray], seen: np.ndarray) -> float:
    """Slope of achieved on asked over all channels, each about its own mean."""
    asked, achieved = ((each[seen] - each[seen].mean(axis=0)).ravel() for each in pair)
    return response(asked, achieved, least_deviation=1e-3).gain


def _mean_rotation(matrices: Float[np.ndarray, "N 3 3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation nearest to the mean of some."""
    u, _, vt = np.linalg.svd(matrices.mean(axis=0))
    return u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt


def _warning(asked: Motion, outside: Bool[np.ndarray, " T"], text: str, sizes: np.ndarray) -> list[str]:
    if not outside.any():
        return []
    first = float(asked.times[int(np.argmax(outside))])
    most = float(sizes[outside].max())
    return [f"{text}: {int(outside.sum())} frames, up to {most:.3g}, first at {first:.2f} s"]
