"""Structural similarity in pieces: what it needs of each picture is computed once, however many it is compared with.

Source: Wang et al. 2004, equation 13: Gaussian windows of 11 pixels, deviation 1.5, on the luma.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numba import njit

SSIM_WINDOW = 11  # pixels
SSIM_DEVIATION = 1.5  # pixels
_EDGE = SSIM_WINDOW // 2
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_LUMA = np.array([[0.299, 0.587, 0.114]])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Windows:
    """A picture's luma, and the mean and the mean square in every window that fits inside."""

    luma: Float[np.ndarray, "H W"]
    mean: Float[np.ndarray, "h w"]
    square: Float[np.ndarray, "h w"]

    def cut(self, box: tuple[slice, slice]) -> "Windows":
        """The part of the picture in a box of rows and columns, both with their ends."""
        inner = tuple(slice(side.start, side.stop - 2 * _EDGE) for side in box)
        return Windows(luma=self.luma[box], mean=self.mean[inner], square=self.square[inner])


def luma_of(image: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "H W"]:
    """Brightness by the weights of BT.601, of 255."""
    import cv2

    return np.asarray(cv2.transform(image.astype(np.float64), _LUMA))


def windows_of(luma: Float[np.ndarray, "H W"]) -> Windows:
    """What is needed of a picture.

    Raises:
        ValueError: it is smaller than a window.
    """
    if min(luma.shape) < SSIM_WINDOW:
        raise ValueError(f"ssim needs at least {SSIM_WINDOW} x {SSIM_WINDOW} pixels, got {luma.shape}")
    return Windows(luma=luma, mean=window_means(luma), square=window_means(luma * luma))


def mean_ssim(first: Windows, second: Windows) -> float:
    """Mean over all windows.

    Raises:
        ValueError: the sizes differ.
    """
    products = _products(first, second)
    return float(_mean_similarity(first.mean, second.mean, first.square, second.square, products))


def similarity_maps(first: Windows, second: Windows) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """The luminance term, and contrast times structure, of every window; their product is SSIM.

    Raises:
        ValueError: the sizes differ.
    """
    return _terms(first.mean, second.mean, first.square, second.square, _products(first, second))


def window_means(image: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "h w"]:
    """Weighted means of the windows that fit inside."""
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (SSIM_WINDOW, SSIM_WINDOW), SSIM_DEVIATION)[_EDGE:-_EDGE, _EDGE:-_EDGE])


def _products(first: Windows, second: Windows) -> Float[np.ndarray, "h w"]:
    if first.luma.shape != second.luma.shape:
        raise ValueError(f"images must have one shape, got {first.luma.shape} and {second.luma.shape}")
    return window_means(first.luma * second.luma)


@njit(cache=True, nogil=True, error_model="numpy")
def _pair(mean_a, mean_b, square_a, square_b, product):
    both, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    luminance = (2.0 * both + _C1) / (squares + _C1)
    structure = (2.0 * (product - both) + _C2) / (square_a + square_b - squares + _C2)
    return luminance, structure


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_similarity(mean_a, mean_b, square_a, square_b, product):
    height, width = product.shape
    total = 0.0
    for row in range(height):
        line = 0.0
        for column in range(width):
            luminance, structure = _pair(
                mean_a[row, column], mean_b[row, column], square_a[row, column], square_b[row, column],
                product[row, column],
            )  # fmt: skip
            line += luminance * structure
        total += line
    return total / (height * width)


@njit(cache=True, nogil=True, error_model="numpy")
def _terms(mean_a, mean_b, square_a, square_b, product):
    height, width = product.shape
    luminances, structures = np.empty((height, width)), np.empty((height, width))
    for row in range(height):
        for column in range(width):
            luminances[row, column], structures[row, column] = _pair(
                mean_a[row, column], mean_b[row, column], square_a[row, column], square_b[row, column],
                product[row, column],
            )  # fmt: skip
    return luminances, structures
