"""Controls: what a renderer is measured beside. A slight blur earns PSNR without knowing anything about faces."""

from collections.abc import Iterator
from itertools import tee

import cv2
import numpy as np
from jaxtyping import UInt8

BLUR_DEVIATION = 0.55  # pixels
WARP_SUFFIX, BLUR_SUFFIX = "_warp", "_blur"  # end the names of their measures
TITLES = {WARP_SUFFIX: "flow-warp", BLUR_SUFFIX: "flow-warp blurred"}

Image = UInt8[np.ndarray, "H W 3"]


def blurred(picture: Image) -> Image:
    """The picture under a slight Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), BLUR_DEVIATION))


def with_blurred(frames: Iterator[np.ndarray]) -> tuple[Iterator[np.ndarray], Iterator[np.ndarray]]:
    """The frames, and the frames blurred; memory stays constant where both are taken in turn."""
    plain, again = tee(frames)
    return plain, (blurred(frame) for frame in again)
