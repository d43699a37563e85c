"""The squares that Deep3DFaceRecon and EG3D cut around a face: five points of 68 landmarks against standard ones.

Both squares have one centre; EG3D's, whose pictures Export3D works with, is 238 / 224 as wide. Outside the photo a cut
is black. A fit must see the square that is kept (the smoothed one of a clip), so that picture and camera agree.

Source: Deep3DFaceRecon's alignment and EG3D's cropping of pictures in the wild; Export3D sections 1.2 and 1.3.
Deviation: positions are continuous, with pixel centres at half integers, and a square is rounded to whole pixels of
the photo once, at its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from likeness.errors import InputError
from likeness.media.crop import CropWindow
from likeness.motion.importers.deep3d import FIT_SIDE
from likeness.motion.one_euro import OneEuro, smooth_numbers

STANDARD_POINTS = np.array(  # left eye, right eye, nose, left and right corner of the mouth, as the picture shows them
    [
        [-0.3115, 0.2904, 0.1338],
        [0.3098, 0.2897, 0.1318],
        [0.0033, -0.0462, 0.5524],
        [-0.2522, -0.3813, 0.2241],
        [0.2485, -0.3813, 0.2224],
    ]
)
FIT_SCALE, PICTURE_SCALE = 102.0, 300.0  # pixels per unit of the standard points, in each crop
PICTURE_BOX = 700.0  # pixels of EG3D's crop at its scale
SMALLEST = 1e-3  # pixels per unit: five points that show less lie on one line
WIDEST = 1 << 16  # pixels, of a square
SMOOTHING = OneEuro(cutoff_hertz=0.5, gain=2.0)  # gain: per standard unit/s, about a face's width in two
_FIVE = ((37, 40), (43, 46), (31,), (49,), (55,))  # landmarks of each point, counted from 1


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceAlignment:
    """Where a face lies in a photo, and how large it is there."""

    scale: float  # pixels per unit of the standard points
    centre: tuple[float, float]  # of the standard points' origin: from the left, from the top, pixels


def five_of_68(landmarks: Float[np.ndarray, "68 2"]) -> Float[np.ndarray, "5 2"]:
    """Eyes, tip of the nose and corners of the mouth, of the 68 landmarks in their usual order."""
    return np.stack([np.mean([landmarks[number - 1] for number in numbers], axis=0) for numbers in _FIVE])


def align_face(points: Float[np.ndarray, "5 2"]) -> FaceAlignment:
    """The affine camera that brings the standard points nearest to the five points (pixels, y down).

    Raises:
        InputError: the points are not finite, or lie on one line.
    """
    if not np.isfinite(points).all():
        raise InputError("landmarks of a face are not finite: find them again")
    system = np.concatenate([STANDARD_POINTS, np.ones((5, 1))], axis=1)
    solved = np.linalg.lstsq(system, points * [1.0, -1.0], rcond=None)[0]  # y up, as the standard points have it
    scale = float(np.linalg.norm(solved[:3], axis=0).mean())
    if scale < SMALLEST:
        raise InputError("landmarks of a face lie in one place: find them again")
    return FaceAlignment(scale=scale, centre=(float(solved[3, 0]), float(-solved[3, 1])))


def smooth_alignments(
    alignments: Sequence[FaceAlignment], times: Float[np.ndarray, " T"], *, settings: OneEuro = SMOOTHING
) -> tuple[FaceAlignment, ...]:
    """The alignments of a clip without their shaking: each depends on those up to it only.

    Size and place are filtered in units of the first face, so that the result does not depend on the resolution.

    Args:
        times: seconds, increasing.

    Raises:
        ValueError: times do not increase, or are not as many as the alignments.
    """
    if not alignments:
        return ()
    unit = alignments[0].scale
    numbers = np.array([[*entry.centre, entry.scale] for entry in alignments]) / unit
    smooth = unit * smooth_numbers(numbers, times, settings)
    return tuple(FaceAlignment(scale=float(s), centre=(float(x), float(y))) for x, y, s in smooth)


def fit_square(alignment: FaceAlignment) -> CropWindow:
    """What the fit sees, as 224 pixels at a scale of 102.

    Raises:
        InputError: the face is too small or too large for a square.
    """
    return _square(alignment, FIT_SIDE / FIT_SCALE)


def picture_square(alignment: FaceAlignment) -> CropWindow:
    """What a model sees: EG3D's crop, the middle 700 pixels at a scale of 300.

    Raises:
        InputError: the face is too small or too large for a square.
    """
    return _square(alignment, PICTURE_BOX / PICTURE_SCALE)


def cut_square(image: UInt8[np.ndarray, "H W 3"], window: CropWindow, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The window at `size` x `size` pixels (Lanczos); black outside the photo."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    beyond = window.left + window.size, window.top + window.size
    inside = picture.crop((window.left, window.top, *beyond))  # PIL fills with black what is not there
    return np.asarray(inside.resize((size, size), Image.Resampling.LANCZOS))


def _square(alignment: FaceAlignment, sides: float) -> CropWindow:
    """The square of that many standard units around the centre."""
    side = sides * alignment.scale
    if not 1.0 <= side <= WIDEST:
        raise InputError(f"a face asks for a crop of {side:g} pixels: its landmarks cannot be right")
    size = round(side)
    left, top = (round(middle - size / 2.0) for middle in alignment.centre)
    return CropWindow(left=left, top=top, size=size)
