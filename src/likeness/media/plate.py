"""A person's matte and the background plate: what shows where the person has moved away."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from likeness.geometry.smoothstep import smoothstep
from likeness.media.fill import mirror_fill

CENTIMETRE = 0.01  # m
MASK_LEVEL = 0.4  # of the segmenter's confidence
RIGID_BAND = (0.95 * CENTIMETRE, 1.95 * CENTIMETRE)  # background this near to the person moves along; then fades
PLATE_BAND = (0.55 * CENTIMETRE, 0.95 * CENTIMETRE)  # the plate starts this far from the person


@dataclass(frozen=True, kw_only=True, slots=True)
class Backdrop:
    """Alpha of the moving layer in the photo, and the plate behind it."""

    alpha: UInt8[np.ndarray, "H W"]
    plate: UInt8[np.ndarray, "H W 3"]


def build_backdrop(
    image: UInt8[np.ndarray, "H W 3"],
    person: Float[np.ndarray, "H W"],
    face: np.ndarray,
    pixels_per_metre: float,
) -> Backdrop:
    """Backdrop from a person probability (0 to 1) and the face's mask (H W, bool); both steer where layers part."""
    import cv2

    grown = max(1, round(0.4 * CENTIMETRE * pixels_per_metre))
    kernel = np.ones((2 * grown + 1, 2 * grown + 1), np.uint8)
    inside = (person > MASK_LEVEL).astype(np.uint8) | cv2.dilate(face.astype(np.uint8), kernel)
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) / pixels_per_metre
    alpha = 1.0 - smoothstep((distance - RIGID_BAND[0]) / (RIGID_BAND[1] - RIGID_BAND[0]))
    known = (distance > 0.75 * CENTIMETRE).astype(np.float32)
    plate = image.astype(np.float32)
    if known.mean() > 0.02:
        filled = mirror_fill(plate, known, pixels_per_metre)
        keep = 1.0 - smoothstep((distance - PLATE_BAND[0]) / (PLATE_BAND[1] - PLATE_BAND[0]))
        plate = plate * (1 - keep[..., None]) + filled * keep[..., None]
    return Backdrop(
        alpha=np.round(alpha * 255).astype(np.uint8), plate=np.clip(np.round(plate), 0, 255).astype(np.uint8)
    )
