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
        mirrors: the mirror image of what the photo hides is read too, through a gate of its own. Weights without it are
            a start: its layers begin silent, its gate open.
    """

    def __init__(self, channels: int, hidden: int, features: int, *, mirrors: bool = False) -> None:
        super().__init__()
        self.inner = nn.Linear(channels + features + HINTS, hidden)
        self.outer = nn.Linear(hidden, 2 + features)  # density, gate, features
        for layer in (self.inner, self.outer):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)
        self.surface_density = nn.Parameter(torch.tensor(_SURFACE_DENSITY))
        self.mirror = nn.Linear(features + 1, hidden, bias=False) if mirrors else None
        self.mirror_gate = nn.Linear(hidden, 1) if mirrors else None
        for silent in (self.mirror, self.mirror_gate):
            if silent is not None:
                nn.init.zeros_(silent.weight)

    def forward(
        self, sampled: Float[Tensor, "B N C"], lifted: LiftedPoints
    ) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B N F"]]:
        """Density before its softplus, and features from 0 to 1 that `widened` has yet to stretch."""
        before = self.inner(torch.cat([sampled, lifted.features, lifted.hints], dim=-1))
        mirror = lifted.mirror
        if self.mirror is not None and mirror is not None:
            before = before + self.mirror(torch.cat([mirror.features, mirror.shown], dim=-1))
        inner = softplus(before)
        out = linear(inner, self.outer.weight, self.outer.bias)
        inside = 0.5 - 0.5 * lifted.hints[..., _NEAR]
        density = out[..., 0] + _EMPTY_DENSITY + self.surface_density * inside
        gate = (out[..., 1] + _GATE * (2.0 * lifted.hints[..., _SEEN] - 1.0)).sigmoid()[..., None]
        own = out[..., 2:].sigmoid()
        if self.mirror_gate is not None and mirror is not None:
            own = torch.lerp(own, mirror.features, mirror.shown * (self.mirror_gate(inner) + _GATE).sigmoid())
        return density, torch.lerp(own, lifted.features, gate)
