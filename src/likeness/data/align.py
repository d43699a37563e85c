"""Alignment of a true picture to a rendered one: what geometry misses by a pixel or two is no error of the colours."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

MOST_SHIFT = 5.0 / 256.0  # of the side: a larger residual flow is more than misalignment, and is masked
MOST_DISAGREEMENT = 1.5 / 256.0  # of the side, between the flow and the flow back: beyond it nothing was matched
SMOOTHING = 2.0 / 256.0  # of the side, standard deviation
FILLING = 8.0 / 256.0  # of the side: how far the flow reaches into what was not matched
LEAST_WEIGHT = 0.05  # of matched surroundings, below which the flow falls to zero


@dataclass(frozen=True, kw_only=True, slots=True)
class Aligned:
    """A picture brought onto another's geometry."""

    image: UInt8[np.ndarray, "H W 3"]
    mask: Bool[np.ndarray, "H W"]  # where it can be believed
    flow: Float32[np.ndarray, "H W 2"]  # pixels, from each place to where its colour was taken


def align(picture: UInt8[np.ndarray, "H W 3"], rendered: UInt8[np.ndarray, "H W 3"]) -> Aligned:
    """`picture` warped onto the geometry of `rendered`, both of one person at one moment.

    Dense inverse search (Kroeger et al. 2016) on grey values. What has no match (teeth that the renderer could not
    show, a cheek that was hidden) moves with its surroundings and stays in the mask: it is what is to be learned.
    Masked are matched places that lie too far away, and what would come from outside.
    """
    import cv2

    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (rendered, picture))
    finder = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    side = min(first.shape)
    flow = cv2.GaussianBlur(finder.calc(first, second, None), (0, 0), SMOOTHING * side)
    back = cv2.GaussianBlur(finder.calc(second, first, None), (0, 0), SMOOTHING * side)
    returned = cv2.remap(back, *_places(flow), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    is_matched = np.linalg.norm(flow + returned, axis=2) <= MOST_DISAGREEMENT * side
    is_near = np.linalg.norm(flow, axis=2) <= MOST_SHIFT * side
    filled = _filled(flow, is_matched & is_near, FILLING * side)
    image, inside = sample_at(picture, filled)
    return Aligned(image=image, mask=inside & ~(is_matched & ~is_near), flow=filled)


def _filled(
    flow: Float32[np.ndarray, "H W 2"], is_known: Bool[np.ndarray, "H W"], reach: float
) -> Float32[np.ndarray, "H W 2"]:
    """The flow where it is known, softly continued to where it is not."""
    import cv2

    known = is_known.astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), reach)
    around = cv2.GaussianBlur(flow * known[..., None], (0, 0), reach) / np.maximum(weight, LEAST_WEIGHT)[..., None]
    share = cv2.GaussianBlur(known, (0, 0), SMOOTHING / FILLING * reach)[..., None] * known[..., None]
    return share * flow + (1.0 - share) * around


def sample_at(
    image: UInt8[np.ndarray, "H W 3"], flow: Float[np.ndarray, "H W 2"]
) -> tuple[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """The picture's colours at each place plus the flow (pixels, bicubic), and where that lies inside it."""
    import cv2

    columns, rows = _places(flow)
    height, width = image.shape[:2]
    inside = (columns >= 0.0) & (columns <= width - 1.0) & (rows >= 0.0) & (rows <= height - 1.0)
    warped = cv2.remap(image, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return warped, inside


def _places(flow: Float[np.ndarray, "H W 2"]) -> tuple[Float32[np.ndarray, "H W"], Float32[np.ndarray, "H W"]]:
    """Columns and rows as OpenCV counts them, with the first pixel centre at 0."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return columns + flow[..., 0].astype(np.float32), rows + flow[..., 1].astype(np.float32)
