"""A still background (`x_background`): the networks are told where the person is, and what they draw of the person
stands before the photo's own background, filled in where the person was.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from likeness.data.background_plate import head_mask
from likeness.flow.posed import PosedHead
from likeness.geometry.smoothstep import smoothstep
from likeness.media.crop import resize
from likeness.tracking.matte import person_matte

MATTES = 2  # where the photo has the person, and where the flow carries them
IS_PERSON = 0.5  # of a matte
SOFT_RANGE = (0.1, 0.9)  # of the drawn person's matte: below it the background shows alone, above it the person
RIM = 0.01  # of the square's side: how softly the posed head ends in the matte


def person_channels(
    matte: Float[np.ndarray, "H W"], source_pixels: Float[np.ndarray, "H W 2"], head: Bool[np.ndarray, "H W"]
) -> Float32[np.ndarray, "2 H W"]:
    """The photo's matte as it lies, and carried along the flow; on the target's head the carried one is 1.

    Args:
        matte: of the source, 0 to 1.
        source_pixels: where each target pixel lies in the source, 0 to 1 across it; not finite where that is unknown.
        head: where the target shows the head.
    """
    import cv2

    height, width = matte.shape
    known = np.isfinite(source_pixels).all(axis=-1)
    places = np.where(known[..., None], source_pixels, 0.0).astype(np.float32) * np.array([width, height], np.float32)
    places -= np.float32(0.5)  # OpenCV counts pixel centres from 0
    values = matte.astype(np.float32)
    carried = cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.stack([values, np.where(head, np.float32(1.0), np.where(known, carried, np.float32(0.0)))])


def still_pixels(
    person: Float[np.ndarray, "2 H W"], head: Bool[np.ndarray, "H W"]
) -> tuple[Bool[np.ndarray, "H W"], Float32[np.ndarray, "H W 2"]]:
    """Which target pixels show what the photo shows in the same place, and those places, 0 to 1 across the photo."""
    height, width = head.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
    places = np.stack([columns / width, rows / height], axis=-1)
    return ~head & (person.max(axis=0) < IS_PERSON), places.astype(np.float32)


def drawn_matte(picture: UInt8[np.ndarray, "S S 3"], posed: PosedHead) -> Float32[np.ndarray, "S S"]:
    """How much of each pixel of a drawn square is the person, 0 to 1: what a segmenter finds, and the posed head."""
    import cv2

    low, high = SOFT_RANGE
    found = smoothstep((person_matte(picture) - low) / (high - low)).astype(np.float32)
    head = cv2.GaussianBlur(head_mask(posed, len(picture)).astype(np.float32), (0, 0), RIM * len(picture))
    return np.maximum(found, head)


def over_background(
    picture: UInt8[np.ndarray, "S S 3"], matte: Float[np.ndarray, "s s"], plate: UInt8[np.ndarray, "S S 3"]
) -> UInt8[np.ndarray, "S S 3"]:
    """The person of one picture before another one; the matte may have another resolution than the pictures."""
    import cv2

    side = len(picture)
    share = matte.astype(np.float32)
    if len(share) != side:
        share = np.clip(cv2.resize(share, (side, side), interpolation=cv2.INTER_LINEAR), 0.0, 1.0)
    below = plate.astype(np.float32)
    return np.rint(below + share[..., None] * (picture - below)).astype(np.uint8)


def matte_at(matte: Float[np.ndarray, "H W"], size: int) -> Float32[np.ndarray, "size size"]:
    """The matte at another resolution."""
    levels = np.rint(255.0 * np.clip(matte, 0.0, 1.0)).astype(np.uint8)
    return resize(np.repeat(levels[..., None], 3, axis=2), size, size)[..., 0].astype(np.float32) / np.float32(255.0)
