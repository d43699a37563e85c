"""Rays of a camera's pixels, and the depths at which they are read: evenly spread, then where something was found.

Depths are distances from the camera along unit directions, world units. Source: Export3D section 4.2 after EG3D.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

NEAR, FAR = 0.5, 0.6  # sides of the cube before and behind its middle that a ray covers
FLOOR = 0.01  # weight of an interval in which nothing was found


@dataclass(frozen=True, kw_only=True, slots=True)
class Rays:
    """Of square pictures, row by row."""

    origins: Float[Tensor, "B 3"]  # one per camera
    directions: Float[Tensor, "B R 3"]  # unit length
    near: Float[Tensor, " B"]
    far: Float[Tensor, " B"]

    def split(self, size: int) -> list["Rays"]:
        """The rays of some cameras after those of the others."""
        kinds = (self.origins.split(size), self.directions.split(size), self.near.split(size), self.far.split(size))
        return [
            Rays(origins=origins, directions=directions, near=near, far=far)
            for origins, directions, near, far in zip(*kinds, strict=True)
        ]

    def chunks(self, size: int) -> list["Rays"]:
        """Some rays of every camera after the others."""
        return [replace(self, directions=directions) for directions in self.directions.split(size, dim=1)]


def camera_rays(cameras: Float[Tensor, "B 25"], *, resolution: int, box: float) -> Rays:
    """The rays through the pixel centres ((c + 0.5) / r, (r + 0.5) / r).

    Near and far follow the camera's distance q from the cube's middle: q - 0.5 and q + 0.6 sides of the cube.
    Deviation: so with the cameras of EG3D (q = 2.7) near is 2.2, not 2.25.
    """
    cameras = cameras.float()
    T_world_cam = cameras[:, :16].reshape(-1, 4, 4)
    intrinsics = cameras[:, 16:].reshape(-1, 3, 3)
    centres = (torch.arange(resolution, device=cameras.device, dtype=torch.float32) + 0.5) / resolution
    v, u = torch.meshgrid(centres, centres, indexing="ij")
    pixels = torch.stack([u, v, torch.ones_like(u)], dim=-1).reshape(1, -1, 3)
    fx, fy = intrinsics[:, 0, 0], intrinsics[:, 1, 1]
    y = (pixels[..., 1] - intrinsics[:, 1, 2, None]) / fy[:, None]
    x = (pixels[..., 0] - intrinsics[:, 0, 2, None] - intrinsics[:, 0, 1, None] * y) / fx[:, None]
    seen = F.normalize(torch.stack([x, y, torch.ones_like(x)], dim=-1), dim=-1)  # [B R 3]
    origins = T_world_cam[:, :3, 3]
    distance = origins.norm(dim=-1)
    return Rays(
        origins=origins,
        directions=torch.einsum("BXC,BRC->BRX", T_world_cam[:, :3, :3], seen),
        near=distance - NEAR * box,
        far=distance + FAR * box,
    )


def even_depths(
    near: Float[Tensor, " B"], far: Float[Tensor, " B"], noise: Float[Tensor, "B R N"]
) -> Float[Tensor, "B R N"]:
    """N ascending depths from near to far, each moved on by its noise times the spacing (far - near) / (N - 1).

    Args:
        noise: 0 to 1; evaluation takes 0.5 everywhere.
    """
    count = noise.shape[-1]
    spacing = ((far - near) / (count - 1))[:, None, None]
    steps = torch.arange(count, device=noise.device, dtype=noise.dtype)
    return near[:, None, None] + (steps + noise) * spacing


@torch.no_grad()
def important_depths(
    depths: Float[Tensor, "B R N"], weights: Float[Tensor, "B R M"], noise: Float[Tensor, "B R K"]
) -> Float[Tensor, "B R K"]:
    """K ascending depths spread as the weights of the N - 1 intervals say, the first and the last interval left out.

    The weights are widened by one interval (maximum of 2, then mean of 2) and raised by 0.01. Each draw takes one K-th
    of their distribution. Deviation: EG3D, read literally, puts an interval's share half an interval too near; here it
    stays between the interval's own depths.

    Args:
        weights: M = N - 1, of the intervals between the depths.
        noise: 0 to 1, the place of each draw within its share; evaluation takes 0.5.

    Raises:
        ValueError: there are less than four depths.
    """
    if depths.shape[-1] < 4:
        raise ValueError(f"further depths need at least 4 first ones, got {depths.shape[-1]}")
    shape, count = depths.shape[:-1], noise.shape[-1]
    flat = weights.detach().reshape(1, -1, weights.shape[-1])
    widened = F.avg_pool1d(F.max_pool1d(flat, 2, 1, padding=1), 2, 1)[..., 1:-1] + FLOOR
    shares = widened.reshape(*shape, -1)  # [B R N-3]
    shares = shares / shares.sum(dim=-1, keepdim=True)
    edges = depths.detach()[..., 1:-1].contiguous()  # [B R N-2]
    reached = F.pad(shares.cumsum(dim=-1), (1, 0))
    steps = torch.arange(count, device=noise.device, dtype=noise.dtype)
    wanted = ((steps + noise) / count).contiguous()
    interval = torch.searchsorted(reached[..., 1:-1].contiguous(), wanted, right=True)  # 0 to N-4
    begin, share = reached.gather(-1, interval), shares.gather(-1, interval)
    low, high = edges.gather(-1, interval), edges.gather(-1, interval + 1)
    return low + ((wanted - begin) / share).clamp(0.0, 1.0) * (high - low)


def ray_points(rays: Rays, depths: Float[Tensor, "B R N"]) -> Float[Tensor, "B K 3"]:
    """World points at depths of the rays, sample after sample, ray after ray: K = R N."""
    points = rays.origins[:, None, None] + depths[..., None] * rays.directions[:, :, None]
    return points.flatten(1, 2)
