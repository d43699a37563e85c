"""Compositing along rays: how much every sample shows, from the densities at ascending depths.

An interval between two samples has the mean of their densities and of their features (Export3D section 4.3).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad, softplus

NOTHING = 1e-6  # weight of the last depth: what an empty ray shows


def interval_weights(depths: Float[Tensor, "*rays N"], density: Float[Tensor, "*rays N"]) -> Float[Tensor, "*rays M"]:
    """What each of the M = N - 1 intervals shows: its own opacity times what the intervals before let through.

    Deviation: the light let through is exp(-sum) and not a product of (1 - opacity + 1e-10), which is the same value
    without the rounding; so the weights never sum to more than 1.

    Args:
        depths: ascending, world units.
        density: before its softplus, which is shifted by 1.
    """
    middle = 0.5 * (density[..., 1:] + density[..., :-1])
    thickness = softplus(middle - 1.0) * (depths[..., 1:] - depths[..., :-1])
    through = torch.exp(-pad(thickness.cumsum(dim=-1), (1, 0)))
    return through[..., :-1] - through[..., 1:]


def sample_weights(weights: Float[Tensor, "*rays M"]) -> Float[Tensor, "*rays N"]:
    """What each of the N = M + 1 samples shows: half of each interval that it ends."""
    return 0.5 * (pad(weights, (1, 0)) + pad(weights, (0, 1)))


def composited(weights: Float[Tensor, "*rays N"], features: Float[Tensor, "*rays N F"]) -> Float[Tensor, "*rays F"]:
    """Sum of the samples' features by weight."""
    shown: Tensor = _WeightedSum.apply(weights, features)
    return shown


def composited_depth(depths: Float[Tensor, "*rays N"], weights: Float[Tensor, "*rays M"]) -> Float[Tensor, "*rays"]:
    """Mean depth of the intervals' middles by weight, within the depths; a ray through nothing gets the last one."""
    middle = 0.5 * (depths[..., 1:] + depths[..., :-1])
    total = (weights * middle).sum(dim=-1) + NOTHING * depths[..., -1]
    mean = total / (weights.sum(dim=-1) + NOTHING)
    return mean.clamp(depths[..., 0].detach(), depths[..., -1].detach())


class _WeightedSum(torch.autograd.Function):
    """A matrix product per ray, whose gradient torch would compute ray by ray from a picture with channels first."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, features: Tensor) -> Tensor:
        ctx.save_for_backward(weights, features)
        return (weights[..., None, :] @ features)[..., 0, :]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        weights, features = ctx.saved_tensors
        gradient = gradient.contiguous()
        return (features @ gradient[..., None])[..., 0], weights[..., None] * gradient[..., None, :]
