"""The dual discriminator: it judges a picture together with its small rendering, given the camera (EG3D)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.blocks import SLOPE, activation, convolution
from likeness.export3d.config import CAMERA_NUMBERS, DiscriminatorSettings

LAST_SIDE = 4  # pixels, of the last map
GROUP = 4  # pictures over which deviations are taken


class HalvingBlock(nn.Module):
    """Two convolutions, the second halves; a pooled skip keeps the sum's deviation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution(inputs, inputs), activation(), convolution(inputs, outputs, stride=2), activation()
        )
        self.skip = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B c h w"]:
        """Half as many pixels per side."""
        return (self.layers(x) + self.skip(x)) * math.sqrt(0.5)


class Discriminator(nn.Module):
    """Picture, small picture and camera to one number: how real."""

    def __init__(self, settings: DiscriminatorSettings, *, image_size: int) -> None:
        super().__init__()
        sides = [image_size // 2**level for level in range(int(math.log2(image_size // LAST_SIDE)) + 1)]
        channels = [min(settings.base // side, settings.most) for side in sides]
        self.first = nn.Sequential(nn.Conv2d(6, channels[0], 1), activation())
        self.halvings = nn.Sequential(
            *(HalvingBlock(one, other) for one, other in zip(channels[:-1], channels[1:], strict=True))
        )
        last, width = channels[-1], settings.embedding
        self.mixing = nn.Sequential(convolution(last + 1, last), activation())
        self.embedding = nn.Sequential(nn.Linear(last * LAST_SIDE**2, width), activation(), nn.Linear(width, width))
        self.camera = nn.Sequential(nn.Linear(CAMERA_NUMBERS, width), activation(), nn.Linear(width, width))
        self.image_size = image_size
        for layer in self.modules():  # without it, twelve layers would leave nothing of the picture to judge
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, a=SLOPE)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(
        self, picture: Float[Tensor, "B 3 H W"], small: Float[Tensor, "B 3 h w"], cameras: Float[Tensor, "B 25"]
    ) -> Float[Tensor, " B"]:
        """High for real pictures."""
        size = (self.image_size, self.image_size)
        enlarged = nn.functional.interpolate(small, size=size, mode="bilinear", align_corners=False)
        x = self.halvings(self.first(torch.cat([picture, enlarged], dim=1)))
        x = self.mixing(torch.cat([x, batch_deviation(x)], dim=1))
        embedded = self.embedding(x.flatten(1))
        return (embedded * self.camera(cameras)).sum(dim=1) / math.sqrt(embedded.shape[1])


def batch_deviation(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
    """One channel: how much the pictures of a group differ. Groups of `GROUP`, or all if they do not divide."""
    count, channels, height, width = x.shape
    group = GROUP if count % GROUP == 0 else count
    grouped = x.reshape(group, count // group, channels, height, width)
    deviation = (grouped.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    return deviation.repeat(group)[:, None, None, None].expand(count, 1, height, width)
