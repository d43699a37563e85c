"""Holes of pictures filled from around them: ever coarser levels of a pyramid, texture mirrored at their borders."""

import numpy as np
from jaxtyping import Float

from likeness.geometry.smoothstep import smoothstep

MIRROR_REACH = (0.04, 0.07)  # m: how far inside the hole mirrored texture is trusted


def push_pull(image: Float[np.ndarray, "H W C"], weight: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W C"]:
    """Fill pixels of weight 0 from ever coarser levels of a weighted pyramid (Gortler et al. 1996)."""
    import cv2

    colours, weights = [image.astype(np.float32) * weight[..., None].astype(np.float32)], [weight.astype(np.float32)]
    while min(weights[-1].shape) > 2:
        colours.append(np.atleast_3d(cv2.pyrDown(colours[-1])))
        weights.append(cv2.pyrDown(weights[-1]))
    mean = colours[-1].sum(axis=(0, 1)) / max(float(weights[-1].sum()), 1e-6)
    coarsest = weights[-1][..., None]
    filled = np.where(coarsest > 1e-6, colours[-1] / np.maximum(coarsest, 1e-6), mean)  # far from all that is known
    for level in range(len(colours) - 2, -1, -1):
        height, width = weights[level].shape
        coarse = np.atleast_3d(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR))
        trust = np.clip(weights[level] * (4.0 if level else 1.0), 0.0, 1.0)[..., None]
        filled = trust * (colours[level] / np.maximum(weights[level], 1e-6)[..., None]) + (1 - trust) * coarse
    return filled


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
