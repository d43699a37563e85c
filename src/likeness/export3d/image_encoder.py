"""The image encoder f_I of the contrastive stage: ResNet-18's layout with group norm (He et al. 2016; Wu and He 2018).

It only serves to train and to test the expression encoder; the generator never sees it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from likeness.nn.bounds import MOST_LEVELS, WIDTH, check_count, check_ranges, check_weights

BLOCKS = 2  # per resolution


@dataclass(frozen=True, kw_only=True)
class ImageEncoderSettings:
    """Sizes of the network."""

    channels: tuple[int, ...] = (64, 128, 256, 512)  # at a quarter of the picture's side, then of each halving
    width: int = 512  # d, of the vector that comes out
    norm_groups: int = 8

    def __post_init__(self) -> None:
        check_count("channels", self.channels, 1, MOST_LEVELS)
        check_ranges(self, {"channels": WIDTH, "width": WIDTH, "norm_groups": WIDTH})
        for channels in self.channels:
            if channels % self.norm_groups:
                raise ValueError(f"{channels} channels must divide by {self.norm_groups} norm groups")
        check_weights("channels", 9 * 2 * BLOCKS * sum(channels**2 for channels in self.channels))


class ImageEncoder(nn.Module):
    """Face crops of any side to vectors; the crops lie in [-1, 1]."""

    def __init__(self, settings: ImageEncoderSettings) -> None:
        super().__init__()
        first, groups = settings.channels[0], settings.norm_groups
        self.stem = nn.Conv2d(3, first, kernel_size=7, stride=2, padding=3, bias=False)
        self.norm = nn.GroupNorm(groups, first)
        blocks: list[nn.Module] = []
        before = first
        for place, channels in enumerate(settings.channels):
            for block in range(BLOCKS):
                stride = 2 if place > 0 and block == 0 else 1
                blocks.append(BasicBlock(before, channels, stride=stride, groups=groups))
                before = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, settings.width)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B d"]:
        features = F.relu(self.norm(self.stem(images)))  # [B C H/2 W/2]
        features = F.max_pool2d(features, kernel_size=3, stride=2, padding=1)  # [B C H/4 W/4]
        features = self.blocks(features)
        return self.head(features.mean(dim=(2, 3)))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a skip, which is a 1 x 1 convolution where the shape changes."""

    def __init__(self, before: int, channels: int, *, stride: int, groups: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.GroupNorm(groups, channels)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.second_norm = nn.GroupNorm(groups, channels)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or before != channels:
            convolution = nn.Conv2d(before, channels, kernel_size=1, stride=stride, bias=False)
            self.skip = nn.Sequential(convolution, nn.GroupNorm(groups, channels))

    def forward(self, features: Float[Tensor, "B c H W"]) -> Float[Tensor, "B C h w"]:
        inside = F.relu(self.first_norm(self.first(features)))
        inside = self.second_norm(self.second(inside))
        return F.relu(inside + self.skip(features))


def parameter_count(network: nn.Module) -> int:
    """Learned numbers of a network."""
    return sum(value.numel() for value in network.parameters())


def picture_tensor(images: Tensor) -> Float[Tensor, "B 3 H W"]:
    """Pictures `[B H W 3]` of 8 bits as the encoder takes them."""
    return (images.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0).contiguous()
