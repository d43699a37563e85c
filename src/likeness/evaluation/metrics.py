"""Measures on images and signals: PSNR, SSIM, face box, inter-frame change, gain and correlation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from likeness.evaluation.structure import SSIM_WINDOW, luma_of, mean_ssim, windows_of

PSNR_CAP = 100.0  # dB; what identical images score
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
    import cv2

    _check_same_shape(first, second)
    error = cv2.norm(first, second, cv2.NORM_L2SQR) / first.size  # sums of whole numbers: exact
    if error <= 255.0**2 * 10 ** (-PSNR_CAP / 10):
        return PSNR_CAP
    return float(10 * np.log10(255.0**2 / error))


def ssim(first: UInt8[np.ndarray, "H W 3"], second: UInt8[np.ndarray, "H W 3"]) -> float:
    """Mean structural similarity of the luma (`structure.py`), where the window fits inside.

    Raises:
        ValueError: the shapes differ, or an image is smaller than the window.
    """
    _check_same_shape(first, second)
    return mean_ssim(windows_of(luma_of(first)), windows_of(luma_of(second)))


def mean_difference(first: UInt8[np.ndarray, "H W C"], second: UInt8[np.ndarray, "H W C"]) -> float:
    """Mean absolute difference, of 255."""
    import cv2

    _check_same_shape(first, second)
    return float(cv2.norm(first, second, cv2.NORM_L1) / first.size)


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


def _check_same_shape(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape != second.shape:
        raise ValueError(f"images must have one shape, got {first.shape} and {second.shape}")
