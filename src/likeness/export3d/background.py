"""The background as a layer of its own, behind the volume (`x_background`): what the photo shows beside the person, and
what a small network puts where the person stood.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.blocks import ResidualBlock, convolution, doubled, reduced

HALVINGS = 3


class BackgroundLayer(nn.Module):
    """Photo and the person's matte to a small picture of features; colours pass by, features are added."""

    def __init__(self, channels: int, *, features: int, resolution: int, groups: int = 8) -> None:
        super().__init__()
        self.resolution, self.features = resolution, features
        self.first = convolution(4, channels)
        self.down = nn.ModuleList(ResidualBlock(channels, channels, stride=2, groups=groups) for _ in range(HALVINGS))
        self.up = nn.ModuleList(ResidualBlock(channels, channels, groups=groups) for _ in range(HALVINGS))
        self.last = convolution(channels, features)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, image: Float[Tensor, "B 3 H W"], matte: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B F h w"]:
        """About -1 to 1, like the features of the volume; the first three are colours.

        Args:
            image: -1 to 1.
            matte: 1 where the person is.
        """
        seen = reduced(1.0 - matte, self.resolution)
        colours = reduced(image * (1.0 - matte), self.resolution) / seen.clamp_min(1e-2)  # of the background alone
        x = self.first(torch.cat([colours * seen, seen], dim=1))
        kept = []
        for block in self.down:
            kept.append(x)
            x = block(x)
        for block, beside in zip(self.up, reversed(kept), strict=True):
            x = block(doubled(x) + beside)
        features = self.last(x)
        shown = torch.cat(
            [colours * seen, features.new_zeros(len(features), self.features - 3, *features.shape[2:])], 1
        )
        return shown + features
