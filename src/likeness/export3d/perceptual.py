"""How far pictures are from each other for the loss: LPIPS on VGG-16 from local weights (`nn.lpips`), or, where those
are not installed, differences of the pictures and their gradients at three resolutions.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from likeness.export3d.blocks import reduced
from likeness.nn.lpips import load_lpips as load_lpips
from likeness.nn.lpips import weighted_mean as weighted_mean

Distance = Callable[[Tensor, Tensor, Tensor], Tensor]  # pictures, truth, weight of each pixel [B 1 H W]: a scalar
OCTAVES = 3


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
