"""2D flow from two pictures by a few learned key points: the condition "predicted flow" that 3D flow is compared with.

A detector places K points in each picture; each point's displacement is a candidate motion, zero motion one more; a
second network mixes the candidates per pixel and says what the source hides (after FOMM, Siarohin et al. 2019, without
its local affine terms).
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

POINTS = 10  # as FOMM
SPREAD = 0.1  # of the points' bumps; the picture spans -1 to 1
WIDTH = 32
FLOW_SCALE = 0.5  # picture widths per unit of the output


class KeypointFlow(nn.Module):
    """Source and target pictures to backward flow (2, in half picture widths) and occlusion (1)."""

    def __init__(self, *, points: int = POINTS, width: int = WIDTH) -> None:
        super().__init__()
        self.detector = _conv_net(3, width, points)
        self.mixer = _conv_net(4 * (points + 1), width, points + 2)

    def forward(self, source: Float[Tensor, "B 3 H W"], target: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
        """For each target pixel the displacement to its source pixel, and 1 where the source shows it."""
        source_points, target_points = self.points(source), self.points(target)
        shift = source_points - target_points  # [B K 2]
        still = torch.zeros_like(shift[:, :1])
        shift = torch.cat([shift, still], dim=1)  # [B K+1 2]
        bumps = self._bumps(target_points, source) - self._bumps(source_points, source)
        bumps = torch.cat([bumps, torch.zeros_like(bumps[:, :1])], dim=1)
        moved = torch.stack([_shifted(source, shift[:, index]) for index in range(shift.shape[1])], dim=1)
        features = torch.cat([bumps[:, :, None], moved], dim=2)  # [B K+1 4 H W]
        mixed = self.mixer(rearrange(features, "B K C H W -> B (K C) H W"))
        weights = mixed[:, :-1].softmax(dim=1)
        flow = torch.einsum("BKHW,BKX->BXHW", weights, shift)
        return torch.cat([flow / (2.0 * FLOW_SCALE), mixed[:, -1:].sigmoid()], dim=1)

    def points(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K 2"]:
        """Key points (x, y), -1 to 1 across the picture: the centres of softmax heat maps."""
        heat = self.detector(image).flatten(2).softmax(dim=2)  # [B K HW]
        return torch.einsum("BKN,NX->BKX", heat, _grid(image).flatten(0, 1))

    def _bumps(self, points: Float[Tensor, "B K 2"], like: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """A Gaussian around each point."""
        squared = (_grid(like)[None, None] - points[:, :, None, None]).square().sum(-1)
        return torch.exp(-0.5 * squared / SPREAD**2)


def _conv_net(channels_in: int, width: int, channels_out: int) -> nn.Sequential:
    """Down by four and up again, with a wide view; the picture's size must divide by four."""

    def block(first: int, second: int, stride: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(first, second, 3, stride, 1), nn.GroupNorm(8, second), nn.SiLU()]

    return nn.Sequential(
        *block(channels_in, width),
        *block(width, 2 * width, 2),
        *block(2 * width, 2 * width, 2),
        *block(2 * width, 2 * width),
        nn.Upsample(scale_factor=4, mode="bilinear", align_corners=False),
        *block(2 * width, width),
        nn.Conv2d(width, channels_out, 3, padding=1),
    )


def _grid(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "H W 2"]:
    """Pixel centres (x, y), -1 to 1 across the picture."""
    height, width = image.shape[-2:]
    y = (torch.arange(height, device=image.device, dtype=image.dtype) + 0.5) / height * 2.0 - 1.0
    x = (torch.arange(width, device=image.device, dtype=image.dtype) + 0.5) / width * 2.0 - 1.0
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def _shifted(image: Float[Tensor, "B 3 H W"], shift: Float[Tensor, "B 2"]) -> Float[Tensor, "B 3 H W"]:
    """The picture read `shift` away from each pixel; its border repeats."""
    grid = _grid(image)[None] + shift[:, None, None]
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
