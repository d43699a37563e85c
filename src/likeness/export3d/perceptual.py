"""How far pictures are from each other as networks see them: LPIPS on VGG-16 from local weights, or, where those are
not installed, differences of the pictures and their gradients at three resolutions.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.blocks import reduced
from likeness.nn.load_report import load_tensors, tensors_of
from likeness.nn.tensor_files import read_tensors

Distance = Callable[[Tensor, Tensor, Tensor], Tensor]  # pictures, truth, weight of each pixel [B 1 H W]: a scalar
OCTAVES = 3
SMALLEST = 128  # pixels per side: smaller pictures are enlarged for VGG
_VGG_LAYERS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_MEAN, _DEVIATION = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of pictures from -1 to 1


def plain_distance(
    pictures: Float[Tensor, "B 3 H W"], truth: Float[Tensor, "B 3 H W"], weight: Float[Tensor, "B 1 H W"]
) -> Float[Tensor, ""]:
    """Mean absolute difference of colours and of Sobel gradients, at three resolutions."""
    total = pictures.new_zeros(())
    for octave in range(OCTAVES):
        if octave:
            side = pictures.shape[-1] // 2
            pictures, truth, weight = reduced(pictures, side), reduced(truth, side), reduced(weight, side)
        difference = pictures - truth
        total = total + weighted_mean(difference.abs(), weight)
        total = total + weighted_mean(sobel(difference).abs(), weight)
    return total / OCTAVES


def sobel(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
    """Gradients along x and y per channel (D = 2 C), per pixel."""
    kernel = x.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8.0
    kernels = torch.stack([kernel, kernel.T])[:, None].repeat(x.shape[1], 1, 1, 1)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernels, groups=x.shape[1])


def weighted_mean(x: Float[Tensor, "B C H W"], weight: Float[Tensor, "B 1 H W"]) -> Float[Tensor, ""]:
    """Mean over pictures and channels, pixels by their weights."""
    return (x * weight).sum() / (weight.sum() * x.shape[1]).clamp_min(1.0)


class Lpips(nn.Module):
    """LPIPS with VGG-16: weighted squared differences of unit feature vectors, summed over five depths."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        inputs = 3
        for number, widths in enumerate(_VGG_LAYERS):
            layers: list[nn.Module] = [nn.MaxPool2d(2)] if number else []
            for width in widths:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            self.stages.append(nn.Sequential(*layers))
        self.linear = nn.ParameterList(torch.ones(1, widths[-1], 1, 1) for widths in _VGG_LAYERS)
        self.requires_grad_(False)

    def forward(
        self, pictures: Float[Tensor, "B 3 H W"], truth: Float[Tensor, "B 3 H W"], weight: Float[Tensor, "B 1 H W"]
    ) -> Float[Tensor, ""]:
        """The weighted mean over pixels and pictures."""
        if pictures.shape[-1] < SMALLEST:
            size = (SMALLEST, SMALLEST)
            pictures, truth = (F.interpolate(x, size=size, mode="bilinear") for x in (pictures, truth))
        mean, deviation = (pictures.new_tensor(x)[:, None, None] for x in (_MEAN, _DEVIATION))
        x, y = (pictures - mean) / deviation, (truth - mean) / deviation
        total = pictures.new_zeros(())
        for stage, linear in zip(self.stages, self.linear, strict=True):
            x, y = stage(x), stage(y)
            squared = (F.normalize(x, dim=1, eps=1e-10) - F.normalize(y, dim=1, eps=1e-10)).square()
            error = (squared * linear).sum(dim=1, keepdim=True)
            total = total + weighted_mean(error, reduced(weight, x.shape[-1]))
        return total


def load_lpips(backbone: Path, linear: Path) -> Lpips:
    """LPIPS from two local files.

    Args:
        backbone: VGG-16 of torchvision (`vgg16-397923af.pth`).
        linear: the linear layers of LPIPS 0.1 (`vgg.pth`).

    Raises:
        InputError: a file cannot be read, or holds something else.
    """
    model = Lpips()
    files = ((backbone, _vgg_names(model), "VGG-16"), (linear, _linear_names(), "the linear layers of LPIPS"))
    targets = tensors_of(model)
    for path, names, part in files:
        tensors = read_tensors(path)
        renamed = {names.get(name, name): value for name, value in tensors.items()}
        wanted = {name: targets[name] for name in names.values()}
        load_tensors(wanted, renamed, part=f"{part} ({path})", may_exceed=(r"classifier\.",))
    return model.eval()


def _vgg_names(model: Lpips) -> dict[str, str]:
    """From torchvision's names, which number all layers in a row and pool before each further stage, to ours."""
    names, place = {}, 0
    for stage, layers in enumerate(model.stages):
        for index, layer in enumerate(layers.children()):
            if isinstance(layer, nn.Conv2d):
                for kind in ("weight", "bias"):
                    names[f"features.{place}.{kind}"] = f"stages.{stage}.{index}.{kind}"
            place += 1
    return names


def _linear_names() -> dict[str, str]:
    return {f"lin{number}.model.1.weight": f"linear.{number}" for number in range(len(_VGG_LAYERS))}
