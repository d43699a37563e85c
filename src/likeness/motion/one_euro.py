"""Causal smoothing, frame by frame, for live use: the One-Euro filter on numbers and on rotations.

Source: Casiez, Roussel, Vogel: 1 Euro Filter (CHI 2012). A low-pass whose cut-off rises with the speed of the channel.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame

SPEED_CUTOFF_HERTZ = 1.0  # low-pass on the speed itself, as in the paper


@dataclass(frozen=True, kw_only=True, slots=True)
class OneEuro:
    """Cut-off in hertz = `cutoff_hertz` + `gain` x speed (gain: hertz per unit of the channel and second)."""

    cutoff_hertz: float
    gain: float


POSE_ROTATION = OneEuro(cutoff_hertz=0.9, gain=18.0)  # per radian/s: 40 degrees/s passes at about 13 Hz
CAUSAL_SETTINGS = {  # chosen so that a channel at its usual speed lags by less than a frame at 25 fps
    "translation": OneEuro(cutoff_hertz=0.9, gain=60.0),  # per metre/s
    "neck": POSE_ROTATION,
    "jaw": OneEuro(cutoff_hertz=2.5, gain=25.0),
    "eye_left": OneEuro(cutoff_hertz=2.0, gain=12.0),
    "eye_right": OneEuro(cutoff_hertz=2.0, gain=12.0),
    "expression": OneEuro(cutoff_hertz=2.0, gain=5.0),
    "lids": OneEuro(cutoff_hertz=3.0, gain=20.0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CausalState:
    """What the causal filter remembers: the last time and filtered frame, and a filtered speed per channel."""

    time: float  # seconds
    frame: MotionFrame
    speeds: dict[str, np.ndarray]


def start_causal(frame: MotionFrame, time: float) -> CausalState:
    """The state after the first frame, which passes unchanged."""
    speeds = {name: np.zeros_like(getattr(frame, name), dtype=np.float64) for name in FRAME_FIELDS}
    return CausalState(time=time, frame=frame, speeds=speeds)


def smooth_next(state: CausalState, frame: MotionFrame, time: float) -> CausalState:
    """One step of the causal filter; the smoothed frame is `.frame` of the result.

    Raises:
        ValueError: `time` (seconds) is not after the last one.
    """
    step = time - state.time
    if step <= 0:
        raise ValueError(f"times must increase, got {time} after {state.time}")
    filtered, speeds = {}, {}
    for name, settings in CAUSAL_SETTINGS.items():
        last = getattr(state.frame, name)
        difference = getattr(frame, name) - last
        speeds[name] = _next_speed(state.speeds[name], difference, step)
        filtered[name] = last + _new_weight(settings, np.abs(speeds[name]), step) * difference
    # The head's rotation is filtered as a rotation: the difference is measured in the last frame's own axes, and has
    # one speed, its length, so that the result does not depend on the axes.
    last_rotation = matrix_from_axis_angle(state.frame.rotation)
    difference = axis_angle_from_matrix(last_rotation.T @ matrix_from_axis_angle(frame.rotation))
    speeds["rotation"] = _next_speed(state.speeds["rotation"], difference, step)
    change = _new_weight(POSE_ROTATION, float(np.linalg.norm(speeds["rotation"])), step) * difference
    filtered["rotation"] = axis_angle_from_matrix(last_rotation @ matrix_from_axis_angle(change))
    return CausalState(time=time, frame=MotionFrame(**filtered), speeds=speeds)


def smooth_causal(motion: Motion) -> Motion:
    """The whole clip through the causal filter; frame i depends on frames up to i only."""
    if len(motion) < 2:
        return motion
    state = start_causal(motion.frame(0), motion.times[0])
    frames = [state.frame]
    for time, frame in zip(motion.times[1:], list(motion.frames())[1:], strict=True):
        state = smooth_next(state, frame, float(time))
        frames.append(state.frame)
    return motion.with_frames(**{name: np.stack([getattr(frame, name) for frame in frames]) for name in FRAME_FIELDS})


def smooth_numbers(
    values: Float[np.ndarray, "T D"], times: Float[np.ndarray, " T"], settings: OneEuro
) -> Float[np.ndarray, "T D"]:
    """Each column of plain numbers through the causal filter; row i depends on rows up to i only.

    Raises:
        ValueError: times (seconds) do not increase, or are not as many as the rows.
    """
    if len(times) != len(values) or not (np.diff(times) > 0).all():
        raise ValueError(f"times must increase, one for each of {len(values)} rows")
    filtered, speed = values.astype(np.float64), np.zeros(values.shape[1])
    for index in range(1, len(values)):
        step = float(times[index] - times[index - 1])
        difference = values[index] - filtered[index - 1]
        speed = _next_speed(speed, difference, step)
        filtered[index] = filtered[index - 1] + _new_weight(settings, np.abs(speed), step) * difference
    return filtered


def _next_speed(speed: Float[np.ndarray, " D"], difference: Float[np.ndarray, " D"], step: float) -> np.ndarray:
    """Filtered speed per second, from the raw value minus the last filtered value."""
    return speed + _low_pass_weight(SPEED_CUTOFF_HERTZ, step) * (difference / step - speed)


def _new_weight(settings: OneEuro, speed: np.ndarray | float, step: float) -> np.ndarray | float:
    return _low_pass_weight(settings.cutoff_hertz + settings.gain * speed, step)


def _low_pass_weight(cutoff_hertz: np.ndarray | float, step: float) -> np.ndarray | float:
    """Weight of the new value in a first-order low-pass (the paper's alpha)."""
    return 1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff_hertz * step))
