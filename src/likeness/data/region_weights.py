"""How much each pixel of a target counts: the head, and in it eyes and mouth, more than what is around them."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from likeness.flow.depth import render_depth
from likeness.flow.posed import PosedHead
from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING, LIPS_OUTER
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points

MARGIN = 1.4  # times the outline of eyes and mouth, so that lids and the skin around lips belong to them


@dataclass(frozen=True, kw_only=True)
class RegionWeights:
    """How much the error of a pixel counts, beside 1 for the background."""

    head: float = 1.0
    features: float = 1.0  # eyes and mouth

    def __post_init__(self) -> None:
        if not (0.0 < self.head < math.inf and 0.0 < self.features < math.inf):
            raise ValueError(f"weights of regions must be numbers above 0, got {self.head} and {self.features}")


def region_weights(head: HeadModel, posed: PosedHead, weights: RegionWeights) -> Float32[np.ndarray, "H W"]:
    """The weight of each pixel of the posed head's picture."""
    import cv2

    camera = posed.camera
    shown = render_depth(posed, camera).face >= 0
    result = np.where(shown, np.float32(weights.head), np.float32(1.0))
    points = camera.project(landmark_points(head, posed.vertices))
    for ring in (EYE_LEFT_RING, EYE_RIGHT_RING, LIPS_OUTER):
        outline = _widened(points[list(ring)])
        if np.isfinite(outline).all():
            corners = cv2.convexHull(np.rint(outline).astype(np.int32))
            inside = cv2.fillConvexPoly(np.zeros(shown.shape, np.uint8), corners, 1) > 0
            result[inside & shown] = weights.features
    return result


def _widened(outline: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
    """The outline, larger around its middle; a flat one (a shut eye) as high as a third of its width."""
    middle = outline.mean(axis=0)
    offset = MARGIN * (outline - middle)
    reach = np.abs(offset).max(axis=0)
    least = reach.max() / 3.0
    return middle + offset * np.maximum(least / np.maximum(reach, 1e-6), 1.0)
