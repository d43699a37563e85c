"""Super-resolution by plain convolutions: no style code exists that could modulate them (Export3D, section 5)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.blocks import SLOPE, activation, convolution, doubled, small_start
from likeness.export3d.config import SuperResolutionSettings

START_GAIN = 0.1  # of the layers that add to the picture


class PlainBlock(nn.Module):
    """Two convolutions beside the identity, without norms: colours stay as they are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(activation(), convolution(channels, channels), activation())
        self.last = small_start(convolution(channels, channels), START_GAIN)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Of the same size."""
        return x + self.last(self.layers(x))


class SuperDoubling(nn.Module):
    """Twice as many pixels, and what they add to the doubled picture."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = convolution(inputs, outputs), convolution(outputs, outputs)
        self.to_picture = small_start(nn.Conv2d(outputs, 3, 1), START_GAIN)

    def forward(
        self, x: Float[Tensor, "B C H W"], picture: Float[Tensor, "B 3 H W"]
    ) -> tuple[Float[Tensor, "B c h w"], Float[Tensor, "B 3 h w"]]:
        """Features and picture."""
        x = F.leaky_relu(self.first(doubled(x)), SLOPE)
        x = F.leaky_relu(self.second(x), SLOPE)
        return x, doubled(picture) + self.to_picture(x)


class SuperResolution(nn.Module):
    """Small picture of features, the first three its colours, to the picture."""

    def __init__(self, settings: SuperResolutionSettings, *, features: int) -> None:
        super().__init__()
        self.first = nn.Sequential(convolution(features, settings.first), activation())
        self.blocks = nn.Sequential(*(PlainBlock(settings.first) for _ in range(settings.blocks)))
        widths = (settings.first, *settings.doublings)
        self.doublings = nn.ModuleList(
            SuperDoubling(one, other) for one, other in zip(widths[:-1], widths[1:], strict=True)
        )

    def forward(self, features: Float[Tensor, "B F h w"]) -> Float[Tensor, "B 3 H W"]:
        """About -1 to 1, not clamped."""
        picture = features[:, :3]
        x = self.blocks(self.first(features))
        for doubling in self.doublings:
            x, picture = doubling(x, picture)
        return picture
