"""Heads that leave the square of a volume: flow-warp, which moves the whole photo, draws them there."""

from collections.abc import Callable, Iterable, Iterator
from itertools import tee

import numpy as np
from jaxtyping import UInt8

from likeness.data.head_square import FEATHER
from likeness.data.square import head_box
from likeness.geometry.smoothstep import smoothstep
from likeness.media.crop import CropWindow
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait

BEYOND = (-0.02, 0.06)  # of the square's side, from where it fades: flow-warp begins to show, and shows alone
Picture = UInt8[np.ndarray, "H W 3"]
DrawFrames = Callable[[Iterable[MotionFrame]], Iterator[Picture]]


def with_flow_warp_beyond(
    portrait: Portrait, window: CropWindow, draw: DrawFrames, frames: Iterable[MotionFrame]
) -> Iterator[Picture]:
    """Whole photos in the order of the frames, one at a time: those that `draw` makes inside the window, and those of
    flow-warp as far as a head leaves it.

    Raises:
        InputError: a frame is of another head, or `draw` cannot draw it.
    """
    from likeness.flow_warp import prepare, render

    prepared = None
    passing, beside = tee(frames)
    for picture, frame in zip(draw(passing), beside, strict=True):
        share = share_beyond(portrait, window, frame)
        if share > 0.0:
            prepared = prepare(portrait) if prepared is None else prepared
            (other,) = render(prepared, [frame], threads=1)
            picture = np.rint(picture + share * (other.astype(np.float32) - picture)).astype(np.uint8)
        yield picture


def share_beyond(portrait: Portrait, window: CropWindow, frame: MotionFrame) -> float:
    """0 where the head is well inside the window, or outside of the photo too; 1 where it has left the window."""
    box = head_box(portrait.head, portrait.shape, frame, portrait.camera)
    size = np.array([portrait.camera.width, portrait.camera.height], dtype=float)
    shown = np.clip(box.reshape(2, 2), 0.0, size)  # what the photo's own border cuts is cut anyway
    fade = FEATHER * window.size
    first = np.array([window.left, window.top]) + fade
    last = np.array([window.left, window.top]) + window.size - fade
    # beyond the photo's border there is nothing to be cut
    over = np.concatenate(
        [np.where(first > 0.0, first - shown[0], -np.inf), np.where(last < size, shown[1] - last, -np.inf)]
    )
    low, high = BEYOND
    return float(smoothstep(np.asarray((over.max() / window.size - low) / (high - low))))
