"""Pictures against the truth within regions: PSNR, SSIM, multi-scale SSIM and mean absolute difference.

A region weighs the same maps, computed once on the whole pictures. SSIM and MS-SSIM are those of the luma.
Source: Wang et al. 2004 (SSIM); Wang, Simoncelli and Bovik 2003 (five scales and their exponents).
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.evaluation.metrics import PSNR_CAP, SSIM_DEVIATION, SSIM_WINDOW, face_box
from likeness.evaluation.results import Row
from likeness.heads.landmark_sets import OVAL

SCALE_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale to the coarsest
FULL, FACE, OVAL_REGION, PERSON = "full", "face", "oval", "person"
REGION_TITLES = {FULL: "full frame", FACE: "face box", OVAL_REGION: "face oval", PERSON: "person"}
_EDGE = SSIM_WINDOW // 2
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_LUMA = np.array([0.299, 0.587, 0.114])

Image = UInt8[np.ndarray, "H W 3"]
Region = Bool[np.ndarray, "H W"]


def picture_measures(made: Image, truth: Image, regions: Mapping[str, Region]) -> Row:
    """`REGION_psnr` (dB), `REGION_l1` (of 255), `REGION_ssim` and `REGION_ms_ssim` of every region.

    What cannot be measured is NaN: an empty region, or a picture too small for the windows.

    Raises:
        ValueError: pictures or regions have different shapes.
    """
    if made.shape != truth.shape or any(region.shape != made.shape[:2] for region in regions.values()):
        shapes = [made.shape, truth.shape, *[region.shape for region in regions.values()]]
        raise ValueError(f"pictures and regions must have one size, got {shapes}")
    difference = made.astype(np.float64) - truth.astype(np.float64)
    squared, absolute = (difference**2).mean(axis=-1), np.abs(difference).mean(axis=-1)
    scales = _ssim_maps(made @ _LUMA, truth @ _LUMA)
    row: Row = {}
    for name, region in regions.items():
        row[f"{name}_psnr"] = _psnr_of(_mean(squared, region))
        row[f"{name}_l1"] = _mean(absolute, region)
        row[f"{name}_ssim"] = _mean(scales[0][0] * scales[0][1], _inner(region)) if scales else float("nan")
        row[f"{name}_ms_ssim"] = _multi_scale(scales, region)
    return row


def ms_ssim(first: Image, second: Image) -> float:
    """Multi-scale SSIM of whole pictures; NaN below 176 pixels, where the coarsest scale has no whole window."""
    return _multi_scale(_ssim_maps(first @ _LUMA, second @ _LUMA), np.ones(first.shape[:2], dtype=bool))


def l1(first: Image, second: Image, region: Region | None = None) -> float:
    """Mean absolute difference over channels and the pixels of a region (or all), of 255; NaN in an empty region."""
    difference = np.abs(first.astype(np.float64) - second.astype(np.float64)).mean(axis=-1)
    return float(difference.mean()) if region is None else _mean(difference, region)


def regions_of(
    landmarks: Float[np.ndarray, "L 3"], height: int, width: int, matte: Float[np.ndarray, "H W"] | None
) -> dict[str, Region]:
    """The whole frame, the face's box and oval, and the person where a matte (0 to 1) is given.

    Landmarks are those of the true picture, pixels; without a face (NaN) its regions are left out.
    """
    regions = {FULL: np.ones((height, width), dtype=bool)}
    if np.isfinite(landmarks[0, 0]):
        regions[FACE] = np.zeros((height, width), dtype=bool)
        regions[FACE][face_box(landmarks, height, width)] = True
        regions[OVAL_REGION] = face_oval(landmarks, height, width)
    if matte is not None:
        regions[PERSON] = matte > 0.5
    return regions


def face_oval(landmarks: Float[np.ndarray, "L 3"], height: int, width: int) -> Region:
    """The pixels inside the outline of the face."""
    import cv2

    outline = np.rint(16.0 * (landmarks[list(OVAL), :2] - 0.5)).astype(np.int32)  # pixel centres are at half integers
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline], 1, shift=4)
    return mask.astype(bool)


def _ssim_maps(
    first: Float[np.ndarray, "H W"], second: Float[np.ndarray, "H W"]
) -> list[tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]]:
    """Luminance term, and contrast times structure, at every scale whose pictures hold a whole window."""
    maps = []
    for scale in range(len(SCALE_EXPONENTS)):
        if scale:
            first, second = _halved(first), _halved(second)
        if min(first.shape) < SSIM_WINDOW:
            break
        mean_a, mean_b = _blur(first), _blur(second)
        variances = _blur(first**2) - mean_a**2 + _blur(second**2) - mean_b**2
        covariance = _blur(first * second) - mean_a * mean_b
        luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
        maps.append((luminance, (2 * covariance + _C2) / (variances + _C2)))
    return maps


def _multi_scale(scales: list[tuple[np.ndarray, np.ndarray]], region: Region) -> float:
    """Contrast and structure of all scales, luminance of the coarsest; means below zero count as zero."""
    if len(scales) < len(SCALE_EXPONENTS):
        return float("nan")
    result, share = 1.0, region.astype(np.float64)
    for number, (exponent, (luminance, structure)) in enumerate(zip(SCALE_EXPONENTS, scales, strict=True)):
        share = _halved(share) if number else share
        is_last = number == len(scales) - 1
        value = _mean(luminance * structure if is_last else structure, _inner(share >= 0.5))
        result *= max(value, 0.0) ** exponent if np.isfinite(value) else float("nan")
    return float(result)


def _psnr_of(error: float) -> float:
    if not np.isfinite(error):
        return float("nan")
    return min(PSNR_CAP, float(10 * np.log10(255.0**2 / max(error, 1e-12))))


def _mean(values: Float[np.ndarray, "H W"], region: Region) -> float:
    return float(values[region].mean()) if region.any() else float("nan")


def _inner(image: np.ndarray) -> np.ndarray:
    return image[_EDGE:-_EDGE, _EDGE:-_EDGE]


def _halved(image: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "h w"]:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    return np.asarray(image[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)))


def _blur(image: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "h w"]:
    import cv2

    return _inner(cv2.GaussianBlur(image, (SSIM_WINDOW, SSIM_WINDOW), SSIM_DEVIATION))
