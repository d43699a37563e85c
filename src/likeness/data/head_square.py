"""The square around the head of a portrait that networks draw, and its way back into the photo.

It is cut as the squares of training clips are; what comes back fades into the photo over a soft border.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from likeness.data.square import clip_square, head_box
from likeness.geometry.camera import Camera
from likeness.media.crop import CropWindow, extract, paste_back
from likeness.tracking.matte import person_matte
from likeness.tracking.portrait import Portrait

FEATHER = 0.08  # of the square's side, over which it fades into the photo
BACKGROUND_LEVEL = 0.1  # person probability under which a pixel counts as background
SMALLEST_BACKGROUND = 0.02  # share of the square that can tell about colours
DRIFT = 2.0  # grey levels by which the background may differ before colours are corrected
MOST_PIXELS = 256  # along a side that are compared: larger pictures tell no more
LARGEST_DRIFT = 24.0  # grey levels: what has changed by more is something else now, no drifted background


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadSquare:
    """The square of a portrait, at the size in which networks draw it."""

    window: CropWindow  # in pixels of the photo
    camera: Camera  # of the square
    image: UInt8[np.ndarray, "H W 3"]  # what the photo shows there
    background: Bool[np.ndarray, "H W"]  # where that is surely no person


def head_square(portrait: Portrait, size: int) -> HeadSquare:
    """The square at `size` x `size` pixels."""
    window = clip_square([head_box(portrait.head, portrait.shape, portrait.rest, portrait.camera)])
    image = extract(portrait.image, window, size)
    return HeadSquare(
        window=window,
        camera=portrait.camera.cropped(window.left, window.top, window.size, window.size).resized(size, size),
        image=image,
        background=person_matte(image) < BACKGROUND_LEVEL,
    )


def matte_in_square(
    picture: UInt8[np.ndarray, "H W 3"], window: CropWindow, size: int
) -> Float32[np.ndarray, "size size"]:
    """How much of each of the square's pixels is the person, 0 to 1; the whole picture is looked at."""
    levels = np.rint(255.0 * np.clip(person_matte(picture), 0.0, 1.0)).astype(np.uint8)
    cut = extract(np.repeat(levels[..., None], 3, axis=2), window, size)
    return cut[..., 0].astype(np.float32) / np.float32(255.0)


def laid_back(
    photo: UInt8[np.ndarray, "H W 3"], square: HeadSquare, picture: UInt8[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "H W 3"]:
    """The photo with another picture of its square, in the photo's colours."""
    matched = match_background(picture, square.image, square.background)
    return paste_back(photo, matched, square.window, FEATHER * square.window.size)


def match_background(
    picture: UInt8[np.ndarray, "H W 3"],
    source: UInt8[np.ndarray, "H W 3"],
    background: Bool[np.ndarray, "H W"],
) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with its colours moved back where the background's have drifted by more than 2 grey levels.

    The median of small changes is taken: a head that has moved over the background, even most of it, does not count.
    """
    step = max(1, len(background) // MOST_PIXELS)
    some = background[::step, ::step]
    change = picture[::step, ::step][some].astype(np.float32) - source[::step, ::step][some]
    change = change[np.abs(change).max(axis=1) <= LARGEST_DRIFT]
    if len(change) < SMALLEST_BACKGROUND * some.size:
        return picture
    drift = np.median(change, axis=0)
    if np.abs(drift).max() <= DRIFT:
        return picture
    return np.clip(np.rint(picture - drift), 0, 255).astype(np.uint8)
