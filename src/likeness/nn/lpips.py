"""LPIPS from local weights: how far pictures are from each other as VGG-16 or AlexNet sees them.

Source: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric (CVPR 2018), version 0.1.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likeness.nn.load_report import load_tensors, tensors_of
from likeness.nn.tensor_files import read_tensors

Backbone = Literal["vgg", "alex"]
SMALLEST = 128  # pixels per side: smaller pictures are enlarged first
_MEAN, _DEVIATION = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of pictures from -1 to 1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stage:
    """Layers up to the next depth at which features are compared."""

    pool: tuple[int, int] | None  # size and stride of the pooling before
    convolutions: tuple[tuple[int, int, int, int], ...]  # outputs, kernel, stride, padding


def _vgg_stage(width: int, count: int, *, is_first: bool = False) -> _Stage:
    return _Stage(pool=None if is_first else (2, 2), convolutions=((width, 3, 1, 1),) * count)


_STAGES: dict[Backbone, tuple[_Stage, ...]] = {
    "vgg": (
        _vgg_stage(64, 2, is_first=True), _vgg_stage(128, 2), _vgg_stage(256, 3), _vgg_stage(512, 3),
        _vgg_stage(512, 3),
    ),
    "alex": (
        _Stage(pool=None, convolutions=((64, 11, 4, 2),)),
        _Stage(pool=(3, 2), convolutions=((192, 5, 1, 2),)),
        _Stage(pool=(3, 2), convolutions=((384, 3, 1, 1),)),
        _Stage(pool=None, convolutions=((256, 3, 1, 1),)),
        _Stage(pool=None, convolutions=((256, 3, 1, 1),)),
    ),
}  # fmt: skip
_NAMES: dict[Backbone, str] = {"vgg": "VGG-16", "alex": "AlexNet"}


class Lpips(nn.Module):
    """Weighted squared differences of unit feature vectors, summed over five depths."""

    def __init__(self, backbone: Backbone = "vgg") -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        inputs = 3
        widths = []
        for stage in _STAGES[backbone]:
            layers: list[nn.Module] = [] if stage.pool is None else [nn.MaxPool2d(*stage.pool)]
            for width, kernel, stride, padding in stage.convolutions:
                layers += [nn.Conv2d(inputs, width, kernel, stride, padding), nn.ReLU()]
                inputs = width
            self.stages.append(nn.Sequential(*layers))
            widths.append(inputs)
        self.linear = nn.ParameterList(torch.ones(1, width, 1, 1) for width in widths)
        self.requires_grad_(False)

    def forward(
        self, pictures: Float[Tensor, "B 3 H W"], truth: Float[Tensor, "B 3 H W"], weight: Float[Tensor, "B 1 H W"]
    ) -> Float[Tensor, ""]:
        """The weighted mean over pixels and pictures (-1 to 1)."""
        shortest = min(pictures.shape[-2:])
        if shortest < SMALLEST:
            size = tuple(round(side * SMALLEST / shortest) for side in pictures.shape[-2:])
            pictures, truth = (F.interpolate(x, size=size, mode="bilinear") for x in (pictures, truth))
        mean, deviation = (pictures.new_tensor(x)[:, None, None] for x in (_MEAN, _DEVIATION))
        x, y = (pictures - mean) / deviation, (truth - mean) / deviation
        total = pictures.new_zeros(())
        for stage, linear in zip(self.stages, self.linear, strict=True):
            x, y = stage(x), stage(y)
            squared = (F.normalize(x, dim=1, eps=1e-10) - F.normalize(y, dim=1, eps=1e-10)).square()
            error = (squared * linear).sum(dim=1, keepdim=True)
            share = F.interpolate(weight, size=x.shape[-2:], mode="bilinear", align_corners=False, antialias=True)
            total = total + weighted_mean(error, share)
        return total


def weighted_mean(x: Float[Tensor, "B C H W"], weight: Float[Tensor, "B 1 H W"]) -> Float[Tensor, ""]:
    """Mean over pictures and channels, pixels by their weights."""
    return (x * weight).sum() / (weight.sum() * x.shape[1]).clamp_min(1.0)


def load_lpips(backbone: Path, linear: Path, kind: Backbone = "vgg") -> Lpips:
    """LPIPS from two local files.

    Args:
        backbone: of torchvision: `vgg16-397923af.pth`, or `alexnet-owt-7be5be79.pth` for alex.
        linear: the linear layers of LPIPS 0.1: `vgg.pth` or `alex.pth`.

    Raises:
        InputError: a file cannot be read, or holds something else.
    """
    model = Lpips(kind)
    files = ((backbone, _backbone_names(model), _NAMES[kind]), (linear, _linear_names(model), "the linear layers"))
    targets = tensors_of(model)
    for path, names, part in files:
        tensors = read_tensors(path)
        renamed = {names.get(name, name): value for name, value in tensors.items()}
        wanted = {name: targets[name] for name in names.values()}
        load_tensors(wanted, renamed, part=f"{part} ({path})", may_exceed=(r"classifier\.",))
    return model.eval()


def _backbone_names(model: Lpips) -> dict[str, str]:
    """From torchvision's names, which number all layers in a row and pool before each further stage, to ours."""
    names, place = {}, 0
    for stage, layers in enumerate(model.stages):
        for index, layer in enumerate(layers.children()):
            if isinstance(layer, nn.Conv2d):
                for kind in ("weight", "bias"):
                    names[f"features.{place}.{kind}"] = f"stages.{stage}.{index}.{kind}"
            place += 1
    return names


def _linear_names(model: Lpips) -> dict[str, str]:
    return {f"lin{number}.model.1.weight": f"linear.{number}" for number in range(len(model.linear))}
