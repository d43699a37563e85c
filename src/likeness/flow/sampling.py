"""Where along the ray of each pixel the field is looked up: in a thin shell around the depth, or over the whole range
(FG-Portrait, equation 6).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from likeness.flow.posed import NEAREST
from likeness.flow.settings import FlowSettings
from likeness.geometry.raster import Raster

HALF_RANGE = 0.25  # metres before and behind the mean depth of the mesh; the paper's own range is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class RaySamples:
    """Points of each pixel's ray, evenly spaced in depth (z, metres) from near to far."""

    first: Float32[np.ndarray, "H W"]
    step: Float32[np.ndarray, "H W"]
    middle: Float32[np.ndarray, "H W"]  # the surface; beside the head the mean depth of the mesh
    mask: Bool[np.ndarray, "H W"]  # the pixels that show the head


def sample_rays(raster: Raster, vertices: Float[np.ndarray, "V 3"], settings: FlowSettings) -> RaySamples:
    """The samples of each pixel; `vertices` (camera frame) give the range for pixels beside the head.

    A single sample lies in the middle: on the surface, or in the middle of the range.
    """
    mask = raster.face >= 0
    centre = float(vertices[:, 2].mean())
    near, far = max(NEAREST, centre - HALF_RANGE), centre + HALF_RANGE
    middle = np.where(mask, raster.depth, np.float32(centre))
    gaps = max(settings.samples - 1, 1)
    half = 0.5 if settings.samples == 1 else 0.0
    first = np.full(mask.shape, near + half * (far - near), dtype=np.float32)
    step = np.full(mask.shape, (far - near) / gaps, dtype=np.float32)
    if settings.sampling == "depth":
        shell = np.float32((2.0 * half - 1.0) * settings.delta)
        first[mask] = raster.depth[mask] + shell
        step[mask] = np.float32(2.0 * settings.delta / gaps)
    return RaySamples(first=first, step=step, middle=middle, mask=mask)
