"""Inception-v3 as FID uses it: 2048 pooled features of a picture, from the converted TensorFlow weights of 2015.

Layers, names and the odd poolings (padding is not averaged in; the last block takes the maximum) are those of the file
`pt_inception-2015-12-05-6726825d.pth`. Source: Szegedy et al. 2016; Heusel et al. 2017 (FID).
"""

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likeness.nn.load_report import load_tensors, tensors_of
from likeness.nn.tensor_files import read_tensors

SIDE = 299  # pixels that the network sees
FEATURES = 2048
_EPSILON = 1e-3
Conv = tuple[str, int, tuple[int, int], int, tuple[int, int]]  # name, outputs, kernel, stride, padding
Pool = Literal["mean", "max", "max2"]  # of the last branch: 3 x 3 over stride 1, or the maximum over stride 2


class BasicConv(nn.Module):
    """Convolution without bias, norm, rectifier."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int = 1, padding: tuple[int, int] = (0, 0)
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=_EPSILON)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """One layer."""
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches side by side: chains of convolutions, whose last layer may be two that both count, and a pooling."""

    def __init__(
        self, inputs: int, chains: tuple[tuple[tuple[Conv, ...], ...], ...], *, pool: Pool, pooled: int
    ) -> None:
        """Args:
        chains: per branch its steps; a step of two convolutions applies both to the same input.
        pooled: channels of the convolution after the pooling; 0: the pooling alone.
        """
        super().__init__()
        self.pool = pool
        self.chains: list[list[list[str]]] = []
        for chain in chains:
            width = inputs
            self.chains.append([[conv[0] for conv in step] for step in chain])
            for step in chain:
                for name, outputs, kernel, stride, padding in step:
                    self.add_module(name, BasicConv(width, outputs, kernel, stride, padding))
                width = sum(conv[1] for conv in step)
        self.branch_pool = BasicConv(inputs, pooled, (1, 1)) if pooled else None

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """All branches, one after the other along the channels."""
        results = []
        for chain in self.chains:
            value = x
            for step in chain:
                value = torch.cat([self.get_submodule(name)(value) for name in step], dim=1)
            results.append(value)
        if self.pool == "max2":
            pooled = F.max_pool2d(x, 3, 2)
        elif self.pool == "max":
            pooled = F.max_pool2d(x, 3, 1, 1)
        else:
            pooled = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        results.append(pooled if self.branch_pool is None else self.branch_pool(pooled))
        return torch.cat(results, dim=1)


def _conv(name: str, outputs: int, *kernel: int, stride: int = 1, pads: bool = True) -> tuple[Conv]:
    """One step of a chain; it keeps the size where it pads."""
    high, wide = kernel if len(kernel) == 2 else (kernel[0], kernel[0])
    padding = (high // 2, wide // 2) if pads else (0, 0)
    return ((name, outputs, (high, wide), stride, padding),)


def _mixed_a(inputs: int, pooled: int) -> Mixed:
    double = (_conv("branch3x3dbl_1", 64, 1), _conv("branch3x3dbl_2", 96, 3), _conv("branch3x3dbl_3", 96, 3))
    fives = (_conv("branch5x5_1", 48, 1), _conv("branch5x5_2", 64, 5))
    return Mixed(inputs, ((_conv("branch1x1", 64, 1),), fives, double), pool="mean", pooled=pooled)


def _mixed_b(inputs: int) -> Mixed:
    double = (
        _conv("branch3x3dbl_1", 64, 1), _conv("branch3x3dbl_2", 96, 3),
        _conv("branch3x3dbl_3", 96, 3, stride=2, pads=False),
    )  # fmt: skip
    return Mixed(inputs, ((_conv("branch3x3", 384, 3, stride=2, pads=False),), double), pool="max2", pooled=0)


def _mixed_c(width: int) -> Mixed:
    sevens = (_conv("branch7x7_1", width, 1), _conv("branch7x7_2", width, 1, 7), _conv("branch7x7_3", 192, 7, 1))
    double = (
        _conv("branch7x7dbl_1", width, 1), _conv("branch7x7dbl_2", width, 7, 1), _conv("branch7x7dbl_3", width, 1, 7),
        _conv("branch7x7dbl_4", width, 7, 1), _conv("branch7x7dbl_5", 192, 1, 7),
    )  # fmt: skip
    return Mixed(768, ((_conv("branch1x1", 192, 1),), sevens, double), pool="mean", pooled=192)


def _mixed_d(inputs: int) -> Mixed:
    threes = (_conv("branch3x3_1", 192, 1), _conv("branch3x3_2", 320, 3, stride=2, pads=False))
    sevens = (
        _conv("branch7x7x3_1", 192, 1), _conv("branch7x7x3_2", 192, 1, 7), _conv("branch7x7x3_3", 192, 7, 1),
        _conv("branch7x7x3_4", 192, 3, stride=2, pads=False),
    )  # fmt: skip
    return Mixed(inputs, (threes, sevens), pool="max2", pooled=0)


def _mixed_e(inputs: int, pool: Pool) -> Mixed:
    threes = (
        _conv("branch3x3_1", 384, 1), (*_conv("branch3x3_2a", 384, 1, 3), *_conv("branch3x3_2b", 384, 3, 1)),
    )  # fmt: skip
    double = (
        _conv("branch3x3dbl_1", 448, 1), _conv("branch3x3dbl_2", 384, 3),
        (*_conv("branch3x3dbl_3a", 384, 1, 3), *_conv("branch3x3dbl_3b", 384, 3, 1)),
    )  # fmt: skip
    return Mixed(inputs, ((_conv("branch1x1", 320, 1),), threes, double), pool=pool, pooled=192)


class FidInception(nn.Module):
    """Pictures to pooled features."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = BasicConv(3, 32, (3, 3), 2)
        self.Conv2d_2a_3x3 = BasicConv(32, 32, (3, 3))
        self.Conv2d_2b_3x3 = BasicConv(32, 64, (3, 3), 1, (1, 1))
        self.Conv2d_3b_1x1 = BasicConv(64, 80, (1, 1))
        self.Conv2d_4a_3x3 = BasicConv(80, 192, (3, 3))
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _mixed_a(192, 32), _mixed_a(256, 64), _mixed_a(288, 64)
        self.Mixed_6a = _mixed_b(288)
        self.Mixed_6b, self.Mixed_6c = _mixed_c(128), _mixed_c(160)
        self.Mixed_6d, self.Mixed_6e = _mixed_c(160), _mixed_c(192)
        self.Mixed_7a = _mixed_d(768)
        self.Mixed_7b, self.Mixed_7c = _mixed_e(1280, "mean"), _mixed_e(2048, "max")
        self.requires_grad_(False)

    def forward(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 2048"]:
        """Args:
        pictures: RGB, -1 to 1, any size.
        """
        x = F.interpolate(pictures, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean(dim=(2, 3))


def load_inception(path: Path) -> FidInception:
    """The network of a local file.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    network = FidInception()
    load_tensors(
        tensors_of(network), read_tensors(path), part=f"Inception-v3 of FID ({path})",
        may_miss=(r".*num_batches_tracked",), may_exceed=(r"fc\.", r".*num_batches_tracked"),
    )  # fmt: skip
    return network.eval()
