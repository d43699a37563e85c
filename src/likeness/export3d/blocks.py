"""Convolution blocks that the generator, the background layer, super-resolution and the discriminator share."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky rectifiers


def activation() -> nn.LeakyReLU:
    """The rectifier of all convolution blocks."""
    return nn.LeakyReLU(SLOPE)


def convolution(inputs: int, outputs: int, size: int = 3, *, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the picture's size, or divides it by the stride."""
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2)


class ResidualBlock(nn.Module):
    """Two convolutions beside a skip; with `stride` 2 both paths halve the picture."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, groups: int = 8) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, stride=stride)
        self.norm = nn.GroupNorm(groups, outputs)
        self.second = convolution(outputs, outputs)
        self.stride = stride
        self.skip = nn.Identity() if inputs == outputs and stride == 1 else nn.Conv2d(inputs, outputs, 1)
        self.activation = activation()

    def forward(self, x: Float[Tensor, "B inputs H W"]) -> Float[Tensor, "B outputs h w"]:
        """Halved or not."""
        beside = F.avg_pool2d(x, 2) if self.stride == 2 else x
        return self.skip(beside) + self.second(self.activation(self.norm(self.first(x))))


class LowPass(nn.Module):
    """A fixed Gaussian over each channel, cut off at two deviations, edges repeated."""

    kernel: Tensor

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.radius = max(round(2.0 * deviation), 1)
        places = torch.arange(-self.radius, self.radius + 1, dtype=torch.float32)
        weights = torch.exp(-0.5 * (places / deviation) ** 2)
        self.register_buffer("kernel", weights / weights.sum(), persistent=False)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Of the same size."""
        channels, radius = x.shape[1], self.radius
        along = self.kernel.to(x.dtype).expand(channels, 1, -1)
        padded = F.pad(x, (radius, radius, radius, radius), mode="replicate")
        rows = F.conv2d(padded, along[:, :, None, :], groups=channels)
        return F.conv2d(rows, along[:, :, :, None], groups=channels)


def doubled(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
    """Twice as many pixels per side, bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def reduced(x: Float[Tensor, "B C H W"], side: int) -> Float[Tensor, "B C side side"]:
    """A smaller square picture, bilinear without aliasing."""
    return F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False, antialias=True)


def coordinate_channels(like: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 2 H W"]:
    """x and y of the pixel centres, -1 to 1 across the picture."""
    batch, _, height, width = like.shape
    x, y = (
        (2.0 * torch.arange(count, device=like.device, dtype=like.dtype) + 1.0) / count - 1.0
        for count in (width, height)
    )
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)]).expand(batch, -1, -1, -1)


def small_start(layer: nn.Conv2d, gain: float) -> nn.Conv2d:
    """The layer with weights `gain` times as large as usual and no bias."""
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5.0))
    with torch.no_grad():
        layer.weight.mul_(gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
