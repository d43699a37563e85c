"""Measures on images and signals: PSNR, SSIM, face box, inter-frame change, gain and correlation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

PSNR_CAP = 100.0  # dB; what identical images score
SSIM_WINDOW = 11  # pixels
SSIM_DEVIATION = 1.5  # pixels
_SSIM_C1 = (0.01 * 255) ** 2
_SSIM_C2 = (0.03 * 255) ** 2
_LUMA = np.array([0.299, 0.587, 0.114])

_STILL_PART = 0.02
CHANGE_FLOOR = 0.05  # of 255; keeps the flicker ratio finite on clips that stand still
FACE_BOX_MARGIN = 0.1  # of the landmarks' extent, on each side


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """How one signal follows another: regression slope and Pearson correlation; NaN where the cause hardly moves."""

    gain: float
    correlation: float


def psnr(first: UInt8[np.ndarray, "H W C"], second: UInt8[np.ndarray, "H W C"]) -> float:
    """Peak signal-to-noise ratio in dB, over all channels; at most `PSNR_CAP`."""
    _check_same_shape(first, second)
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    if error <= 255.0**2 * 10 ** (-PSNR_CAP / 10):
        return PSNR_CAP
    return float(10 * np.log10(255.0**2 / error))


def ssim(first: UInt8[np.ndarray, "H W 3"], second: UInt8[np.ndarray, "H W 3"]) -> float:
    """Mean structural similarity of the luma, gaussian window 11 pixels / 1.5, where the window fits inside.

    Source: Wang et al. 2004, equation 13.

    Raises:
        ValueError: the shapes differ, or an image is smaller than the window.
    """
    _check_same_shape(first, second)
    if min(first.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"ssim needs at least {SSIM_WINDOW} x {SSIM_WINDOW} pixels, got {first.shape[:2]}")
    a, b = first @ _LUMA, second @ _LUMA
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a = _blur(a * a) - mean_a**2
    variance_b = _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    numerator = (2 * mean_a * mean_b + _SSIM_C1) * (2 * covariance + _SSIM_C2)
    denominator = (mean_a**2 + mean_b**2 + _SSIM_C1) * (variance_a + variance_b + _SSIM_C2)
    return float(np.mean(numerator / denominator))


def mean_difference(first: UInt8[np.ndarray, "H W C"], second: UInt8[np.ndarray, "H W C"]) -> float:
    """Mean absolute difference, of 255."""
    _check_same_shape(first, second)
    return float(np.abs(first.astype(np.int16) - second.astype(np.int16)).mean())


def face_box(
    landmarks: Float[np.ndarray, "L D"], height: int, width: int, margin: float = FACE_BOX_MARGIN
) -> tuple[slice, slice]:
    """Rows and columns of the face in an image of that size: the extent of its 468 landmarks (pixels) and a margin."""
    low, high = landmarks[:468, :2].min(axis=0), landmarks[:468, :2].max(axis=0)
    pad = (high - low) * margin
    left, top = np.clip(low - pad, 0, [width - SSIM_WINDOW, height - SSIM_WINDOW]).astype(int)
    right, bottom = np.minimum([width, height], np.maximum(high + pad, [left + SSIM_WINDOW, top + SSIM_WINDOW]))
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def flicker_ratio(generated_change: Float[np.ndarray, " N"], real_change: Float[np.ndarray, " N"]) -> float:
    """Mean inter-frame change of the result over the real clip's; both are mean absolute differences, of 255."""
    if len(generated_change) == 0:
        return float("nan")
    return float((np.mean(generated_change) + CHANGE_FLOOR) / (np.mean(real_change) + CHANGE_FLOOR))


def response(
    cause: Float[np.ndarray, " N"], effect: Float[np.ndarray, " N"], *, least_deviation: float = 0.0
) -> Response:
    """Slope of `effect` on `cause` by least squares, and their correlation, over the entries finite in both.

    Both are NaN with fewer than 5 entries or where the cause's standard deviation is at most `least_deviation`; the
    correlation of an effect that stands still (a fiftieth of that deviation: landmarks settling) is 0.
    """
    finite = np.isfinite(cause) & np.isfinite(effect)
    x, y = np.asarray(cause)[finite], np.asarray(effect)[finite]
    if len(x) < 5 or x.std() <= max(least_deviation, 1e-9):
        return Response(gain=float("nan"), correlation=float("nan"))
    x, y = x - x.mean(), y - y.mean()
    covariance, variance = float(np.mean(x * y)), float(np.mean(x * x))
    moves = y.std() > max(_STILL_PART * least_deviation, 1e-9)
    correlation = covariance / (np.sqrt(variance) * y.std()) if moves else 0.0
    return Response(gain=covariance / variance, correlation=float(correlation))


def median(values: Sequence[float] | Float[np.ndarray, " N"]) -> float:
    """Median of the finite values; NaN if there are none."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    return float(np.median(finite)) if len(finite) else float("nan")


def _blur(image: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "h w"]:
    import cv2

    edge = SSIM_WINDOW // 2
    blurred = cv2.GaussianBlur(image, (SSIM_WINDOW, SSIM_WINDOW), SSIM_DEVIATION)
    return blurred[edge:-edge, edge:-edge]


def _check_same_shape(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape != second.shape:
        raise ValueError(f"images must have one shape, got {first.shape} and {second.shape}")
