"""Depth as a picture: near is bright, and where hardly anything is, it is black."""

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

LEAST_OPACITY = 0.5  # below it nothing counts as seen
RANGE = (2.25, 3.3)  # world units from the camera, EG3D's near and far


def depth_picture(
    depth: Float[Tensor, "1 r r"],
    opacity: Float[Tensor, "1 r r"],
    *,
    side: int,
    limits: tuple[float, float] = RANGE,
) -> UInt8[np.ndarray, "side side 3"]:
    """A grey picture.

    Args:
        depth: along the rays, world units.
        side: pixels of the picture.
        limits: what is as near as the first is white, what is as far as the second nearly black.
    """
    near, far = limits
    fine, coverage = (F.interpolate(x[None], size=(side, side), mode="bilinear")[0, 0] for x in (depth, opacity))
    seen = coverage >= LEAST_OPACITY
    level = ((far - fine) / (far - near)).clamp(0.0, 1.0) * 0.9 + 0.1
    grey = (255.0 * level * seen).round().cpu().numpy().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
