"""Two-sided smoothing of a recorded motion: at every moment the widest window that the noise allows.

Each channel is fitted locally by a parabola under Gaussian weights in time; the width is chosen per frame by
Lepski's rule (Lepski, Mammen, Spokoiny 1997): windows grow while their estimates agree with those of all narrower
ones within the noise. Still stretches get windows of seconds, blinks and turns keep their own frames.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.motion.record import Motion

WIDTHS_SECONDS = (0.035, 0.06, 0.1, 0.17, 0.28, 0.48, 0.8, 1.4)  # standard deviations of the Gaussian weights
TOLERANCE = 3.0  # two windows agree up to this many deviations of the noise in their difference
INVALID_WEIGHT = 0.02  # of a frame without a face beside one with a face
_WINDOW_REACH = 2.5  # windows end at this many deviations
_GAUSSIAN_QUARTILE = 0.6745  # median of |x| of a standard normal
_CHANNELS_AT_ONCE = 16
_FRAMES_AT_ONCE = 2048
_MIN_DEPTH = 1e-3  # metres; a head is in front of the camera


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelNoise:
    """How the noise of a channel is judged. `floor` is in units of the channel, and the least noise assumed.

    `gain` multiplies the measured white noise: the rest of a tracker's noise is slower than the measurement sees.
    Speech has energy up to the frame rate, which the measurement takes for noise: no more than that is assumed.
    """

    floor: float
    gain: float


POSE_NOISE = ChannelNoise(floor=7e-4, gain=0.8)  # radians and image widths / focal length
DEPTH_NOISE = ChannelNoise(floor=1.4e-3, gain=0.8)  # of the natural logarithm of the depth
FRAME_NOISE = {
    "neck": POSE_NOISE,
    "jaw": ChannelNoise(floor=2e-3, gain=0.8),
    "eye_left": ChannelNoise(floor=4e-3, gain=1.25),
    "eye_right": ChannelNoise(floor=4e-3, gain=1.25),
    "expression": ChannelNoise(floor=6e-3, gain=0.8),
    "lids": ChannelNoise(floor=3e-3, gain=0.8),
}


def smooth_two_sided(motion: Motion, *, strength: float = 1.0) -> Motion:
    """The motion without its noise, no lag; `strength` scales the assumed noise (0 returns the motion itself).

    The head's rotation is smoothed in the tangent space of its mean (exact for turns below a quarter, sound below a
    half); its place as image position and log depth, together with the rotation, so that errors which cancel on
    screen keep cancelling. Frames without a face count little. The clip's own noise sets the strength per channel.

    Raises:
        ValueError: `strength` is negative or not finite.
    """
    if not (math.isfinite(strength) and strength >= 0):
        raise ValueError(f"strength must be zero or more, got {strength}")
    if strength == 0 or len(motion) < 5:
        return motion
    channels, mean = _pose_channels(motion)
    values = {name: getattr(motion, name) for name in FRAME_NOISE} | {"pose": channels}
    noises = {
        name: strength * _assumed_noise(values[name], motion.times, motion.valid, kind)
        for name, kind in FRAME_NOISE.items()
    }
    noises["pose"] = strength * np.concatenate(
        [
            _assumed_noise(channels[:, :5], motion.times, motion.valid, POSE_NOISE),
            _assumed_noise(channels[:, 5:], motion.times, motion.valid, DEPTH_NOISE),
        ]
    )
    smoothed = {name: np.empty_like(array) for name, array in values.items()}
    trust = np.where(motion.valid, 1.0, INVALID_WEIGHT)
    step = float(np.median(np.diff(motion.times)))
    reach = math.ceil(_WINDOW_REACH * WIDTHS_SECONDS[-1] / step) + 2
    for begin in range(0, len(motion), _FRAMES_AT_ONCE):  # some frames at a time, so that memory stays small
        end = min(begin + _FRAMES_AT_ONCE, len(motion))
        first = max(begin - reach, 0)
        seen, kept = slice(first, end + reach), slice(begin - first, end - first)
        windows = _windows(motion.times[seen], trust[seen], step)
        for name, array in values.items():
            smooth = _smooth_pose if name == "pose" else _smooth_channels
            smoothed[name][begin:end] = smooth(array[seen], noises[name], windows)[kept]
    result = smoothed.pop("pose")
    depth = np.exp(result[:, 5:])
    return motion.with_frames(
        rotation=axis_angle_from_matrix(mean @ matrix_from_axis_angle(result[:, :3])),
        translation=np.concatenate([result[:, 3:5] * depth, depth], axis=1),
        **smoothed,
    )


def noise_deviation(
    values: Float[np.ndarray, "T D"], times: Float[np.ndarray, " T"], valid: Bool[np.ndarray, " T"]
) -> Float[np.ndarray, " D"]:
    """Standard deviation of the white noise in each channel, in its unit; 0 where it cannot be measured.

    Median size of the difference between a value and the cubic through its four neighbours in time, so that smooth
    motion does not count. Repeated frames do not count either.
    """
    deviation = np.zeros(values.shape[1])
    usable = np.lib.stride_tricks.sliding_window_view(valid, 5).all(axis=1) if len(values) >= 5 else np.zeros(0, bool)
    if usable.sum() < 5:
        return deviation
    count = len(values) - 4
    centre = times[2:-2]
    neighbours = np.stack([times[k : k + count] for k in (0, 1, 3, 4)], axis=1)  # [T-4 4]
    weights = np.ones_like(neighbours)  # Lagrange
    for j in range(4):
        for k in range(4):
            if j != k:
                weights[:, j] *= (centre - neighbours[:, k]) / (neighbours[:, j] - neighbours[:, k])
    predicted = sum(weights[:, j, None] * values[k : k + count] for j, k in enumerate((0, 1, 3, 4)))
    residual = np.abs(values[2:-2] - predicted) / np.sqrt(1.0 + (weights**2).sum(axis=1))[:, None]
    for channel in range(values.shape[1]):
        sizes = residual[usable, channel]
        sizes = sizes[sizes > 1e-12]
        if len(sizes) >= 5:
            deviation[channel] = np.median(sizes) / _GAUSSIAN_QUARTILE
    return deviation


@dataclass(frozen=True, kw_only=True, slots=True)
class _Window:
    """A local parabola fit as a filter: weights of the frames from -half to +half around each frame."""

    weights: Float[np.ndarray, "T K"]
    noise_factor: Float[np.ndarray, " T"]  # deviation of the result for noise of deviation 1

    def apply(self, values: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "T D"]:
        half = self.weights.shape[1] // 2
        padded = np.pad(values, ((half, half), (0, 0)))
        result = np.zeros_like(values)
        for offset in range(self.weights.shape[1]):
            result += self.weights[:, offset, None] * padded[offset : offset + len(values)]
        return result


def _windows(times: Float[np.ndarray, " T"], trust: Float[np.ndarray, " T"], step: float) -> list[_Window]:
    """One filter per width, for any spacing of the times; `step` is the usual one, seconds."""
    windows = [_Window(weights=np.ones((len(times), 1)), noise_factor=np.ones(len(times)))]  # the values themselves
    for width in WIDTHS_SECONDS:
        half = min(max(math.ceil(_WINDOW_REACH * width / step), 2), len(times) - 1)
        index = np.arange(len(times))[:, None] + np.arange(-half, half + 1)
        inside = (index >= 0) & (index < len(times))
        index = np.clip(index, 0, len(times) - 1)
        offset = (times[index] - times[:, None]) / max(width, step)  # [T K]
        weight = np.exp(-0.5 * np.minimum(offset, 40.0) ** 2) * inside * trust[index]
        moments = np.stack([(weight * offset**power).sum(axis=1) for power in range(5)], axis=1)
        normal = moments[:, np.add.outer(np.arange(3), np.arange(3))]  # [T 3 3]
        normal += 1e-9 * moments[:, :1, None] * np.eye(3)
        row = np.linalg.solve(normal, np.broadcast_to(np.eye(3)[:, :1], (len(times), 3, 1)))[..., 0]
        filter_weights = weight * (row[:, :1] + row[:, 1:2] * offset + row[:, 2:] * offset**2)
        noise_factor = np.sqrt((filter_weights**2).sum(axis=1))
        windows.append(_Window(weights=filter_weights, noise_factor=noise_factor))
    return windows


def _assumed_noise(
    values: Float[np.ndarray, "T D"], times: Float[np.ndarray, " T"], valid: Bool[np.ndarray, " T"], kind: ChannelNoise
) -> Float[np.ndarray, " D"]:
    return np.maximum(kind.gain * noise_deviation(values, times, valid), kind.floor)


def _smooth_channels(
    values: Float[np.ndarray, "T D"],
    noise: Float[np.ndarray, " D"],
    windows: list[_Window],
) -> Float[np.ndarray, "T D"]:
    """Each channel with its own widths; a few channels at a time, so that memory stays small."""
    result = np.empty_like(values)
    for start in range(0, values.shape[1], _CHANNELS_AT_ONCE):
        part = slice(start, start + _CHANNELS_AT_ONCE)
        estimates = [window.apply(values[:, part]) for window in windows]
        result[:, part] = _blend(estimates, _levels(estimates, noise[part], windows))
    return result


def _pose_channels(motion: Motion) -> tuple[Float[np.ndarray, "T 6"], Float[np.ndarray, "3 3"]]:
    """Turn from the mean rotation, image position and log depth; and the mean rotation."""
    matrices = matrix_from_axis_angle(motion.rotation)
    left, _, right = np.linalg.svd(matrices[motion.valid].sum(axis=0) if motion.valid.any() else matrices.sum(axis=0))
    mean = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    turn = axis_angle_from_matrix(mean.T @ matrices)  # [T 3], small around zero: no jump at half a turn
    depth = np.maximum(motion.translation[:, 2:], _MIN_DEPTH)
    return np.concatenate([turn, motion.translation[:, :2] / depth, np.log(depth)], axis=1), mean


def _smooth_pose(
    channels: Float[np.ndarray, "T 6"], noise: Float[np.ndarray, " 6"], windows: list[_Window]
) -> Float[np.ndarray, "T 6"]:
    """All six channels with one width per frame."""
    estimates = [window.apply(channels) for window in windows]
    levels = _levels(estimates, noise, windows).min(axis=1, keepdims=True)
    return _blend(estimates, np.repeat(levels, 6, axis=1))


def _levels(
    estimates: list[Float[np.ndarray, "T D"]],
    noise: Float[np.ndarray, " D"],
    windows: list[_Window],
) -> Int[np.ndarray, "T D"]:
    """Number of the widest window that agrees with all narrower ones, as do those before it."""
    levels = np.zeros(estimates[0].shape, dtype=np.int64)
    agrees = np.ones(levels.shape, dtype=bool)
    for wide in range(1, len(windows)):
        for narrow in range(wide):
            reach = TOLERANCE * _difference_factor(windows[wide], windows[narrow])[:, None] * noise
            agrees &= np.abs(estimates[wide] - estimates[narrow]) <= reach
        levels += agrees
    return levels


def _difference_factor(wide: _Window, narrow: _Window) -> Float[np.ndarray, " T"]:
    """Deviation of the difference of two estimates for noise of deviation 1."""
    margin = (wide.weights.shape[1] - narrow.weights.shape[1]) // 2
    common = (wide.weights[:, margin : margin + narrow.weights.shape[1]] * narrow.weights).sum(axis=1)
    return np.sqrt(np.maximum(wide.noise_factor**2 + narrow.noise_factor**2 - 2.0 * common, 0.0))


def _blend(estimates: list[Float[np.ndarray, "T D"]], levels: Int[np.ndarray, "T D"]) -> Float[np.ndarray, "T D"]:
    """The chosen estimates; a wide window ends one frame early, and changes of width spread over three frames."""
    padded = np.pad(levels, ((1, 1), (0, 0)), mode="edge")
    narrowed = np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    result = np.zeros_like(estimates[0])
    for number, estimate in enumerate(estimates):
        chosen = np.pad((narrowed == number).astype(np.float64), ((1, 1), (0, 0)), mode="edge")
        result += (0.25 * chosen[:-2] + 0.5 * chosen[1:-1] + 0.25 * chosen[2:]) * estimate
    return result
