"""The point decoder of a model with flow-lifted features: the photo's features stand beside those of the planes, the
distance to the head's surface biases the density, and a gate lets the photo's features pass where it shows the place.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, softplus

from likeness.export3d.lift import HINTS, LiftedPoints

_SURFACE_DENSITY = 80.0  # at the start, inside the head
_EMPTY_DENSITY = -4.0  # at the start, outside
_GATE = 3.0  # at the start: open by its sigmoid where the photo shows the place, closed elsewhere
_SEEN, _NEAR = 0, 2  # numbers of hints


class LiftedDecoder(nn.Module):
    """Plane features and lifted ones to density and features.

    Args:
        channels: of a plane.
        hidden: width of the layer between.
        features: channels that are composited, and that are lifted.
    """

    def __init__(self, channels: int, hidden: int, features: int) -> None:
        super().__init__()
        self.inner = nn.Linear(channels + features + HINTS, hidden)
        self.outer = nn.Linear(hidden, 2 + features)  # density, gate, features
        for layer in (self.inner, self.outer):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)
        self.surface_density = nn.Parameter(torch.tensor(_SURFACE_DENSITY))

    def forward(
        self, sampled: Float[Tensor, "B N C"], lifted: LiftedPoints
    ) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B N F"]]:
        """Density before its softplus, and features from 0 to 1 that `widened` has yet to stretch."""
        inner = softplus(self.inner(torch.cat([sampled, lifted.features, lifted.hints], dim=-1)))
        out = linear(inner, self.outer.weight, self.outer.bias)
        inside = 0.5 - 0.5 * lifted.hints[..., _NEAR]
        density = out[..., 0] + _EMPTY_DENSITY + self.surface_density * inside
        gate = (out[..., 1] + _GATE * (2.0 * lifted.hints[..., _SEEN] - 1.0)).sigmoid()[..., None]
        return density, torch.lerp(out[..., 2:].sigmoid(), lifted.features, gate)
