"""Which pixels come out: the whole photo or a square around the head, at its own or another resolution."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from likeness.app.options import Picture
from likeness.errors import InputError
from likeness.media.crop import clip_window, resize, square_window
from likeness.tracking.portrait import Portrait

HEAD_MARGIN = 0.6  # of the crop on each side of the landmarks, as a share of the face's longer side
CONTEXT = 1.4  # side of what is rendered around a crop / side of the crop: hair and shoulders move in from outside
SIZE_RANGE = (64, 8192)  # pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class Framing:
    """The part of the photo to render, and the part of that to keep, in pixels."""

    portrait: Portrait
    left: int
    top: int
    width: int
    height: int

    def cut(self, image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """What is kept of a rendered picture."""
        if image.shape[:2] == (self.height, self.width):
            return image
        return np.ascontiguousarray(image[self.top : self.top + self.height, self.left : self.left + self.width])


def check_picture(picture: Picture) -> None:
    """Refuse what no photo could satisfy.

    Raises:
        InputError: a size or a face number out of range.
    """
    low, high = SIZE_RANGE
    if picture.size is not None and not low <= picture.size <= high:
        raise InputError(f"--size is {picture.size}: give {low} to {high} pixels")
    if picture.face is not None and picture.face < 1:
        raise InputError(f"--face is {picture.face}: faces are counted from 1, from the left")


def frame_portrait(portrait: Portrait, picture: Picture) -> Framing:
    """The portrait as it will be rendered, and the window to keep."""
    height, width = portrait.image.shape[:2]
    if picture.frame == "full":
        scale = 1.0 if picture.size is None else picture.size / max(width, height)
        scaled = resized_portrait(portrait, max(round(width * scale), 1), max(round(height * scale), 1))
        return Framing(portrait=scaled, left=0, top=0, width=scaled.camera.width, height=scaled.camera.height)
    corners = [portrait.landmarks[:, :2].min(axis=0), portrait.landmarks[:, :2].max(axis=0)]
    window = clip_window(square_window(np.concatenate(corners), HEAD_MARGIN), width, height)
    side = window.size if picture.size is None else picture.size
    scale = side / window.size
    pad = round(window.size * (CONTEXT - 1.0) / 2.0)
    left, top = max(window.left - pad, 0), max(window.top - pad, 0)
    right, bottom = min(window.left + window.size + pad, width), min(window.top + window.size + pad, height)
    context = cropped_portrait(portrait, left, top, right - left, bottom - top)
    scaled = resized_portrait(context, round((right - left) * scale), round((bottom - top) * scale))
    return Framing(
        portrait=scaled,
        left=min(round((window.left - left) * scale), scaled.camera.width - side),
        top=min(round((window.top - top) * scale), scaled.camera.height - side),
        width=side,
        height=side,
    )


def cropped_portrait(portrait: Portrait, left: int, top: int, width: int, height: int) -> Portrait:
    """The portrait in a window of its photo; the fitted head stays where it is in space."""
    return replace(
        portrait,
        image=np.ascontiguousarray(portrait.image[top : top + height, left : left + width]),
        camera=portrait.camera.cropped(left, top, width, height),
        landmarks=portrait.landmarks - np.array([left, top, 0.0]),
    )


def resized_portrait(portrait: Portrait, width: int, height: int) -> Portrait:
    """The portrait with its photo at another resolution."""
    if (portrait.camera.width, portrait.camera.height) == (width, height):
        return portrait
    scale = np.array([width / portrait.camera.width, height / portrait.camera.height])
    return replace(
        portrait,
        image=resize(portrait.image, width, height),
        camera=portrait.camera.resized(width, height),
        landmarks=portrait.landmarks * np.append(scale, scale[0]),
    )
