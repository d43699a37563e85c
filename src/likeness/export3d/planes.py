"""Three true planes, xy, yz and zx, read at points of the cube that they span (Export3D section 4.1).

A plane's picture lies upright: xy over a frontal photo without flips. Columns and rows are x and -y; z and -y; x and z.
Bilinear, zero outside a plane, texel centres at half integers (`align_corners` False).
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from numpy import float32
from torch import Tensor
from torch.autograd.function import once_differentiable

from likeness.export3d.plane_kernels import PLANES, gather_rows, scatter_rows
from likeness.geometry.bands import run_bands


def sample_planes(
    planes: Float[Tensor, "B 3 C h w"], points: Float[Tensor, "B N 3"], *, box: float
) -> Float[Tensor, "B N C"]:
    """Mean of the three planes' values at points, in 32 bits.

    On a CPU compiled kernels do it, unless the points need a gradient as well; they agree with `sample_planes_plain`.

    Args:
        box: side of the cube, world units.
    """
    planes, points = planes.float(), points.float()
    if planes.device.type == "cpu" and not points.requires_grad:
        rows = rearrange(planes, "B P C h w -> B P h w C").contiguous()
        sampled: Tensor = _RowSampling.apply(rows, points.contiguous(), box)
        return sampled
    return sample_planes_plain(planes, points, box=box)


def in_rows(planes: Float[Tensor, "B 3 C h w"]) -> Float[Tensor, "B 3 C h w"]:
    """The same planes with the channels of a texel side by side in memory, as `sample_planes` reads them on a CPU."""
    rows = rearrange(planes.float(), "B P C h w -> B P h w C").contiguous()
    return rearrange(rows, "B P h w C -> B P C h w")


def sample_planes_plain(
    planes: Float[Tensor, "B 3 C h w"], points: Float[Tensor, "B N 3"], *, box: float
) -> Float[Tensor, "B N C"]:
    """The same by torch's own sampling: any device, gradients to planes and points."""
    positions = plane_positions(points, box=box)  # [B P N 2]
    sampled = F.grid_sample(
        rearrange(planes, "B P C h w -> (B P) C h w"),
        rearrange(positions, "B P N XY -> (B P) 1 N XY"),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    return rearrange(sampled, "(B P) C 1 N -> B P N C", P=PLANES).mean(dim=1)


def plane_positions(points: Float[Tensor, "B N 3"], *, box: float) -> Float[Tensor, "B 3 N 2"]:
    """Where points lie in each plane: column and row, -1 to 1 across it."""
    x, y, z = (points * (2.0 / box)).unbind(dim=-1)
    return torch.stack([torch.stack(pair, dim=-1) for pair in ((x, -y), (z, -y), (x, z))], dim=1)


class _RowSampling(torch.autograd.Function):
    """Look-up in planes [B 3 h w C] at points [B N 3]; the gradient goes to the planes alone."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, points: Tensor, box: float) -> Tensor:
        ctx.save_for_backward(points)
        ctx.box, ctx.shape = box, rows.shape
        out = torch.empty(*points.shape[:2], rows.shape[-1])
        for item in range(len(rows)):
            kernel = partial(gather_rows, _array(rows[item]), _array(points[item]), float32(box), _array(out[item]))
            run_bands(kernel, points.shape[1], torch.get_num_threads())
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (points,) = ctx.saved_tensors
        out = torch.zeros(ctx.shape)
        values, places, targets = gradient.contiguous().numpy(), points.numpy(), out.numpy()

        def scatter(begin: int, end: int) -> None:
            for index in range(begin, end):
                item, plane = divmod(index, PLANES)
                scatter_rows(values[item], places[item], float32(ctx.box), plane, targets[item, plane])

        run_bands(scatter, len(values) * PLANES, torch.get_num_threads())
        return out, None, None


def _array(tensor: Tensor) -> Any:
    return tensor.detach().numpy()
