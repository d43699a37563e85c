"""Which frames of a clip make a training pair (source, target) or a training window (source, consecutive targets)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from likeness.data.clip import Clip
from likeness.geometry.rotation import geodesic_angle, matrix_from_axis_angle

STRIDES = (1, 2, 3, 4)  # frames between neighbours of a window
_TRIES = 64  # candidates drawn at once


@dataclass(frozen=True, kw_only=True, slots=True)
class PairRule:
    """How pairs are chosen: the gap in time is uniform, and some pairs are drawn anew until the head has turned."""

    turned_share: float = 0.5  # of the pairs that are drawn anew
    turned_degrees: float = 10.0  # between the two heads of those pairs, where the clip has such frames


def usable(clip: Clip) -> tuple[Bool[np.ndarray, " T"], Bool[np.ndarray, " T"]]:
    """Frames that may be a source, and frames that may be a target: with a face, and meant for it."""
    roles = []
    for listed in (clip.header.sources, clip.header.targets):
        may = np.zeros(clip.header.num_frames, dtype=bool)
        may[list(listed)] = True
        roles.append(may & clip.motion.valid)
    return roles[0], roles[1]


def has_pair(clip: Clip) -> bool:
    """Whether the clip has a source and a target; they may be one frame."""
    return all(role.any() for role in usable(clip))


def draw_pair(clip: Clip, generator: np.random.Generator, rule: PairRule) -> tuple[int, int]:
    """Source and target frame. They are one and the same only where the clip has no other choice.

    Raises:
        ValueError: the clip has no source or no target.
    """
    may_source, may_target = usable(clip)
    candidates = _candidates(may_source, may_target, generator)
    chosen = 0
    if generator.random() < rule.turned_share:
        turned = turn_degrees(clip, candidates) > rule.turned_degrees
        chosen = int(np.argmax(turned))  # the first of them, or the first of all
    return int(candidates[chosen, 0]), int(candidates[chosen, 1])


def turn_degrees(clip: Clip, pairs: Int[np.ndarray, "N 2"]) -> np.ndarray:
    """Angle between the heads of each pair of frames, degrees [N]."""
    rotation = matrix_from_axis_angle(clip.motion.rotation[pairs])  # [N 2 3 3]
    return np.degrees(geodesic_angle(rotation[:, 0], rotation[:, 1]))


def _candidates(
    may_source: Bool[np.ndarray, " T"], may_target: Bool[np.ndarray, " T"], generator: np.random.Generator
) -> Int[np.ndarray, "N 2"]:
    """Allowed pairs (source, target) with a uniform gap; without any, pairs of allowed frames at any gap."""
    count = len(may_source)
    if not (may_source.any() and may_target.any()):
        raise ValueError("the clip has no frame that may be a source, or none that may be a target")
    if count > 1:
        gap = generator.integers(1, count, _TRIES)
        first = np.floor(generator.random(_TRIES) * (count - gap)).astype(np.int64)
        ends = np.stack([first, first + gap], axis=1)
        swapped = generator.random(_TRIES) < 0.5
        ends[swapped] = ends[swapped, ::-1]
        allowed = ends[may_source[ends[:, 0]] & may_target[ends[:, 1]]]
        if len(allowed):
            return allowed
    sources, targets = np.flatnonzero(may_source), np.flatnonzero(may_target)
    ends = np.stack([generator.choice(sources, _TRIES), generator.choice(targets, _TRIES)], axis=1)
    distinct = ends[ends[:, 0] != ends[:, 1]]
    return distinct if len(distinct) else ends


def window_starts(may_target: Bool[np.ndarray, " T"], length: int, stride: int) -> Int[np.ndarray, " N"]:
    """First frames of the windows of `length` targets, `stride` frames apart."""
    span = (length - 1) * stride + 1
    if length < 1 or span > len(may_target):
        return np.zeros(0, dtype=np.int64)
    views = np.lib.stride_tricks.sliding_window_view(may_target, span)[:, ::stride]
    return np.flatnonzero(views.all(axis=1))


def draw_further_sources(
    clip: Clip, generator: np.random.Generator, count: int, taken: Sequence[int]
) -> tuple[int, ...]:
    """Up to `count` other frames that may be a source, none of them taken; fewer where the clip has no more."""
    may_source, _ = usable(clip)
    may_source[list(taken)] = False
    free = np.flatnonzero(may_source)
    return tuple(int(index) for index in generator.permutation(free)[:count])


def has_window(clip: Clip, length: int) -> bool:
    """Whether the clip has a source and a window of that many targets."""
    may_source, may_target = usable(clip)
    return bool(may_source.any()) and len(window_starts(may_target, length, STRIDES[0])) > 0


def draw_window(clip: Clip, generator: np.random.Generator, length: int) -> tuple[int, tuple[int, ...]]:
    """Source frame and the target frames; any stride that fits is as likely, the source lies outside where it can.

    Raises:
        ValueError: the clip has no such window, or no source.
    """
    may_source, may_target = usable(clip)
    fitting = [(stride, starts) for stride in STRIDES if len(starts := window_starts(may_target, length, stride))]
    if not fitting or not may_source.any():
        raise ValueError(f"the clip {clip.header.name} has no window of {length} frames")
    stride, starts = fitting[int(generator.integers(len(fitting)))]
    first = int(generator.choice(starts))
    targets = tuple(range(first, first + (length - 1) * stride + 1, stride))
    outside = may_source.copy()
    outside[targets[0] : targets[-1] + 1] = False
    between = may_source.copy()
    between[list(targets)] = False
    for choice in (outside, between, may_source):
        if choice.any():
            return int(generator.choice(np.flatnonzero(choice))), targets
    raise AssertionError("a source exists")
