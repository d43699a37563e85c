"""Square crops around a face, and their way back into the full picture with a soft border.

A window [left, left + size) covers whole pixels; pixel (column c, row r) has its centre at (c + 0.5, r + 0.5), and
resampling maps window edges to crop edges (half-pixel centres, never corner to corner).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8


@dataclass(frozen=True, kw_only=True, slots=True)
class CropWindow:
    """A square of whole pixels that may leave the picture."""

    left: int
    top: int
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a window needs a size of at least 1 pixel, got {self.size}")


def square_window(box: Float[np.ndarray, "4"], margin: float) -> CropWindow:
    """Window centred on a face box (left, top, right, bottom in pixels).

    `margin` is what is added on each side, as a share of the box's longer side.
    """
    left, top, right, bottom = (float(value) for value in box)
    if not (right > left and bottom > top):
        raise ValueError(f"the box must have an area, got {left, top, right, bottom}")
    size = max(1, round(max(right - left, bottom - top) * (1.0 + 2.0 * margin)))
    return CropWindow(left=round((left + right - size) / 2.0), top=round((top + bottom - size) / 2.0), size=size)


def clip_window(window: CropWindow, width: int, height: int) -> CropWindow:
    """The window moved, and shrunk if it must, so that it lies inside a picture of that size."""
    size = min(window.size, width, height)
    centre_x, centre_y = window.left + window.size / 2.0, window.top + window.size / 2.0
    left = min(max(round(centre_x - size / 2.0), 0), width - size)
    top = min(max(round(centre_y - size / 2.0), 0), height - size)
    return CropWindow(left=left, top=top, size=size)


def resize(image: UInt8[np.ndarray, "H W 3"], width: int, height: int) -> UInt8[np.ndarray, "h w 3"]:
    """The picture at another size: averaged over pixel areas when it shrinks, bicubic when it grows."""
    if image.shape[:2] == (height, width):
        return image.copy()
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def extract(image: UInt8[np.ndarray, "H W 3"], window: CropWindow, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The window's content, size x size pixels; beyond the picture its border pixels repeat."""
    top, bottom, above, below = _span(window.top, window.size, image.shape[0])
    left, right, before, after = _span(window.left, window.size, image.shape[1])
    inside = image[top:bottom, left:right]
    if above or below or before or after:
        inside = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)
    return resize(inside, size, size)


def paste_back(
    full: UInt8[np.ndarray, "H W 3"], crop: UInt8[np.ndarray, "size size 3"], window: CropWindow, feather: float
) -> UInt8[np.ndarray, "H W 3"]:
    """A copy of the full picture with the crop laid over its window.

    Over the outer `feather` pixels (of the full picture) the crop fades in; sides of the window that lie on or beyond
    the border of the picture do not fade.
    """
    height, width = full.shape[:2]
    resized = crop if crop.shape[0] == window.size else resize(crop, window.size, window.size)
    top, bottom = max(window.top, 0), min(window.top + window.size, height)
    left, right = max(window.left, 0), min(window.left + window.size, width)
    result = full.copy()
    if top >= bottom or left >= right:
        return result
    patch = resized[top - window.top : bottom - window.top, left - window.left : right - window.left]
    weight_y = _fade(window.top, window.size, height, feather)[top - window.top : bottom - window.top]
    weight_x = _fade(window.left, window.size, width, feather)[left - window.left : right - window.left]
    region = result[top:bottom, left:right]
    band_y, band_x = _solid_range(weight_y), _solid_range(weight_x)
    for rows, columns in (
        (slice(0, band_y[0]), slice(None)),
        (slice(band_y[1], None), slice(None)),
        (slice(*band_y), slice(0, band_x[0])),
        (slice(*band_y), slice(band_x[1], None)),
    ):
        weight = (weight_y[rows, None] * weight_x[None, columns])[..., None]
        below, above = region[rows, columns].astype(np.float32), patch[rows, columns].astype(np.float32)
        region[rows, columns] = np.rint(below + weight * (above - below)).astype(np.uint8)
    solid = (slice(*band_y), slice(*band_x))
    region[solid] = patch[solid]
    return result


def _span(start: int, size: int, limit: int) -> tuple[int, int, int, int]:
    """First and past-the-last pixel of [start, start + size) within [0, limit), and the repeats before and after."""
    first, last = min(max(start, 0), limit - 1), max(min(start + size, limit), 1)
    before = min(max(first - start, 0), size - 1)
    return first, last, before, size - before - (last - first)


def _fade(start: int, size: int, limit: int, feather: float) -> Float[np.ndarray, " size"]:
    """Weight of the crop along one axis: 0 at the window's edge, 1 from `feather` pixels inside on (smoothstep)."""
    if feather <= 0.0:
        return np.ones(size, np.float32)
    centres = np.arange(size) + 0.5
    from_start = np.full(size, np.inf) if start <= 0 else centres
    from_end = np.full(size, np.inf) if start + size >= limit else size - centres
    ramp = np.clip(np.minimum(from_start, from_end) / feather, 0.0, 1.0)
    return (ramp * ramp * (3.0 - 2.0 * ramp)).astype(np.float32)


def _solid_range(weight: Float[np.ndarray, " size"]) -> tuple[int, int]:
    """First and past-the-last index where the weight is 1; an empty range in the middle if it never is."""
    solid = np.flatnonzero(weight >= 1.0)
    if len(solid) == 0:
        return len(weight) // 2, len(weight) // 2
    return int(solid[0]), int(solid[-1]) + 1
