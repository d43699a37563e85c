"""The person's matte and the background plate: what shows where the person has moved away."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from likeness.flow_warp.fields import push_pull, smoothstep
from likeness.flow_warp.rig import CENTIMETRE

MASK_LEVEL = 0.4  # of the segmenter's confidence
RIGID_BAND = (0.95 * CENTIMETRE, 1.95 * CENTIMETRE)  # background this near to the person moves along; then fades
PLATE_BAND = (0.55 * CENTIMETRE, 0.95 * CENTIMETRE)  # the plate starts this far from the person
MIRROR_REACH = (4.0 * CENTIMETRE, 7.0 * CENTIMETRE)  # how far inside the hole mirrored texture is trusted


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


def mirror_fill(
    image: Float[np.ndarray, "H W 3"], known: Float[np.ndarray, "H W"], pixels_per_metre: float
) -> Float[np.ndarray, "H W 3"]:
    """Fill unknown pixels: low frequencies from a pyramid, texture mirrored across the border of the hole.

    The smooth parts are worked out at half size; only the mirrored texture is read at full size.
    """
    import cv2

    height, width = known.shape
    size = (max(1, width // 2), max(1, height // 2))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small_known = (cv2.resize(known, size, interpolation=cv2.INTER_AREA) > 0.99).astype(np.float32)
    soft = push_pull(small, small_known)
    reflection, trusted = _reflection(small_known, pixels_per_metre / 2)
    readable = trusted[..., None] + 1e-3  # what mirrors the person must not darken its neighbours' mean
    reflected = cv2.remap(small, reflection, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    low = cv2.GaussianBlur(reflected * readable, (0, 0), 5.0) / cv2.GaussianBlur(readable, (0, 0), 5.0)[..., None]
    base = cv2.resize(0.5 * (soft - low), (width, height), interpolation=cv2.INTER_LINEAR)
    # Half-size pixel q has its centre at 2 q + 0.5 in full-size pixel numbers.
    full = cv2.resize(2 * reflection + np.float32(0.5), (width, height), interpolation=cv2.INTER_LINEAR)
    mirrored = cv2.remap(image, full, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    seen = cv2.remap(known, full, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT) > 0.999
    trusted = (seen * cv2.resize(trusted, (width, height), interpolation=cv2.INTER_LINEAR))[..., None]
    filled = trusted * (mirrored + base) + (1 - trusted) * cv2.resize(soft, (width, height))
    return np.where(known[..., None] < 0.5, filled, image)


def _reflection(
    known: Float[np.ndarray, "H W"], pixels_per_metre: float
) -> tuple[Float[np.ndarray, "H W 2"], Float[np.ndarray, "H W"]]:
    """For each unknown pixel the pixel number mirrored at the nearest known one, and how far that can be trusted."""
    import cv2

    hole = (known < 0.5).astype(np.uint8)
    distance, labels = cv2.distanceTransformWithLabels(hole, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(hole == 0)
    nearest = np.zeros((labels.max() + 1, 2), np.float32)
    nearest[labels[rows, columns]] = np.stack([columns, rows], axis=1)
    height, width = hole.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    here = np.stack([x, y], axis=-1)
    toward = (nearest[labels] - here) * hole[..., None]
    toward = cv2.GaussianBlur(toward, (0, 0), 3.0) * hole[..., None]  # neighbours shall not scatter
    reflection = here + 2 * toward
    trusted = cv2.remap(known, reflection, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    trusted = cv2.GaussianBlur(cv2.erode(trusted, np.ones((3, 3), np.uint8)), (0, 0), 1.5)
    depth = distance / pixels_per_metre
    return reflection, trusted * (1 - smoothstep((depth - MIRROR_REACH[0]) / (MIRROR_REACH[1] - MIRROR_REACH[0])))
