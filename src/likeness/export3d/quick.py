"""Rays traced for inference on a CPU: what cannot be seen is not read, and what is hardly seen gets no features.

Twin of `volume.VolumeRenderer._trace`. Behind a depth through which less than 1e-6 of the light passes nothing is read
(if the further samples show that more than 1e-5 passes after all, it is), and a sample that shows less than 1e-5 counts
as bare density. So with N samples per ray the features (0 to 1) change by less than (N + 2) 1e-5, for 96 samples a
quarter of an 8-bit step; the further depths follow weights that are wrong by 1e-6 at most.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from likeness.export3d.decoder import PointDecoder, widened
from likeness.export3d.quick_kernels import trace_rays
from likeness.export3d.rays import FLOOR, Rays, even_depths
from likeness.geometry.bands import run_bands

_BLOCKED = 1e-6  # of the light passes a depth behind which nothing is read
_STILL_BLOCKED = 1e-5  # of it, once all samples are known
_LEAST = 1e-5  # weight of a sample below which its features do not count


@torch.no_grad()
def trace_quickly(
    decoder: PointDecoder,
    planes: Float[Tensor, "1 3 C h w"],
    rays: Rays,
    noise: Float[Tensor, "1 R N"],
    *,
    coarse: int,
    box: float,
) -> tuple[Float[Tensor, "1 R F"], Float[Tensor, "1 R"], Float[Tensor, "1 R"]]:
    """Features (0 to 1), depth and opacity of one camera's rays.

    Args:
        noise: for the even depths, then for the further ones, 0 to 1.
        coarse: how many depths are even.
        box: side of the cube, world units.
    """
    count, features = noise.shape[1], decoder.outer.out_features - 1
    shown, seen = np.empty((count, features), np.float32), np.empty((count, 2), np.float32)
    kernel = partial(
        trace_rays,
        _array(planes[0].permute(0, 2, 3, 1)),
        np.float32(box),
        _array(rays.origins[0]),
        _array(rays.directions[0]),
        _array(even_depths(rays.near, rays.far, noise[..., :coarse])[0]),
        _array(noise[0]),
        _weights(decoder),
        (_BLOCKED, _STILL_BLOCKED, _LEAST, FLOOR),
        shown,
        seen,
    )
    run_bands(kernel, count, torch.get_num_threads())
    depth, opacity = torch.from_numpy(seen)[None].unbind(dim=-1)
    return widened(torch.from_numpy(shown)[None], opacity), depth, opacity


def _weights(decoder: PointDecoder) -> tuple[Any, ...]:
    """As the kernel takes them: inputs first."""
    inner, outer = decoder.inner, decoder.outer
    density = (outer.weight[0], outer.bias[:1])
    features = (outer.weight[1:].T, outer.bias[1:])
    return tuple(_array(tensor) for tensor in (inner.weight.T, inner.bias, *density, *features))


def _array(tensor: Tensor) -> Any:
    return tensor.detach().float().contiguous().numpy()
