"""The volume renderer: planes and a camera to a small picture of features, its depth and its opacity.

Each ray is read at even depths, then at further ones where the first found something; both count (Export3D section 4).
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from likeness.export3d.config import VolumeSettings
from likeness.export3d.decoder import PointDecoder, widened
from likeness.export3d.lift import Lift
from likeness.export3d.lifted_decoder import LiftedDecoder
from likeness.export3d.march import composited, composited_depth, interval_weights, sample_weights
from likeness.export3d.planes import in_rows, sample_planes
from likeness.export3d.quick import trace_quickly
from likeness.export3d.rays import Rays, camera_rays, even_depths, important_depths, ray_points

_CACHED_RAYS = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class VolumePicture:
    """What the camera sees."""

    features: Float[Tensor, "B F r r"]  # -1 (nothing, black) to 1; the first three are the small picture
    depth: Float[Tensor, "B 1 r r"]  # distance along the ray, world units; the end of the ray where nothing is
    opacity: Float[Tensor, "B 1 r r"]  # 0 to 1


class VolumeRenderer(nn.Module):
    """Renders tri-planes.

    Args:
        settings: sizes.
        plane_channels: of each plane.
        is_lifted: points read the photo as well, see `lift.py`.

    Raises:
        ValueError: there are further depths but less than four first ones.
    """

    def __init__(self, settings: VolumeSettings, plane_channels: int, *, is_lifted: bool = False) -> None:
        super().__init__()
        if settings.fine and settings.coarse < 4:
            raise ValueError(f"further depths need at least 4 first ones, got {settings.coarse}")
        self.settings = settings
        decoder = LiftedDecoder if is_lifted else PointDecoder
        self.decoder = decoder(plane_channels, settings.hidden, settings.features)
        self.saves_memory = False  # what points hold is computed again in the backward pass, instead of kept

    def render(
        self,
        planes: Float[Tensor, "B 3 C h w"],
        cameras: Float[Tensor, "K 25"],
        *,
        lift: Lift | None = None,
        resolution: int | None = None,
        generator: torch.Generator | None = None,
        chunk_rays: int | None = None,
    ) -> VolumePicture:
        """The picture of each camera, of which there is one for each of the planes (K = B).

        Args:
            lift: of a renderer that reads the photos as well.
            resolution: pixels per side; that of the settings if not given.
            generator: moves the depths at random, as training needs it; without it they are always the same.
            chunk_rays: rays that are worked on at once. If not given: all of all cameras; on a CPU 1024, which stay in
                its cache. Changes no value beyond rounding. Without gradients and lift a CPU traces ray by ray instead,
                see `quick.py`.

        Raises:
            ValueError: the numbers of planes and cameras differ.
        """
        if len(planes) != len(cameras):
            raise ValueError(f"each camera needs planes, got {len(planes)} planes and {len(cameras)} cameras")
        side = self.settings.resolution if resolution is None else resolution
        if chunk_rays is None and planes.device.type == "cpu":
            chunk_rays = _CACHED_RAYS
        with _in_full_precision(planes.device):
            rays = camera_rays(cameras, resolution=side, box=self.settings.box)
            noise = self._noise(rays, generator)
            if chunk_rays is None:
                features, depth, opacity = self._trace(planes.float(), lift, rays, noise)
            else:
                lifts = [None] * len(planes) if lift is None else lift.split()
                pictures = zip(in_rows(planes).split(1), lifts, rays.split(1), noise.split(1), strict=True)
                traced = [self._trace_in_chunks(*picture, chunk_rays) for picture in pictures]
                features, depth, opacity = (torch.cat(kind) for kind in zip(*traced, strict=True))
        return VolumePicture(
            features=rearrange(features, "B (H W) F -> B F H W", H=side) * 2.0 - 1.0,
            depth=rearrange(depth, "B (H W) -> B 1 H W", H=side),
            opacity=rearrange(opacity, "B (H W) -> B 1 H W", H=side),
        )

    def look_up(
        self, planes: Float[Tensor, "B 3 C h w"], points: Float[Tensor, "B N 3"], lift: Lift | None = None
    ) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B N F"]]:
        """Density at world points, before its softplus, and features from 0 to 1, yet to be widened."""
        with _in_full_precision(planes.device):
            return self._decoded(planes, lift, points)

    def _noise(self, rays: Rays, generator: torch.Generator | None) -> Float[Tensor, "B R N"]:
        """0 to 1 for every depth of every ray, drawn at once so that chunks change nothing."""
        shape = (*rays.directions.shape[:2], self.settings.coarse + self.settings.fine)
        device = rays.directions.device
        if generator is None:
            return torch.full(shape, 0.5, device=device)
        return torch.rand(shape, generator=generator, device=generator.device).to(device)

    def _trace_in_chunks(
        self,
        planes: Float[Tensor, "1 3 C h w"],
        lift: Lift | None,
        rays: Rays,
        noise: Float[Tensor, "1 R N"],
        size: int,
    ) -> tuple[Float[Tensor, "1 R F"], Float[Tensor, "1 R"], Float[Tensor, "1 R"]]:
        """As `_trace`, for some rays after the others."""
        if planes.device.type == "cpu" and isinstance(self.decoder, PointDecoder) and not torch.is_grad_enabled():
            settings = self.settings
            return trace_quickly(self.decoder, planes, rays, noise, coarse=settings.coarse, box=settings.box)
        chunks = zip(rays.chunks(size), noise.split(size, dim=1), strict=True)
        parts = [self._trace(planes, lift, *chunk) for chunk in chunks]
        features, depth, opacity = (torch.cat(kind, dim=1) for kind in zip(*parts, strict=True))
        return features, depth, opacity

    def _trace(
        self, planes: Float[Tensor, "B 3 C h w"], lift: Lift | None, rays: Rays, noise: Float[Tensor, "B R N"]
    ) -> tuple[Float[Tensor, "B R F"], Float[Tensor, "B R"], Float[Tensor, "B R"]]:
        """Features (0 to 1), depth and opacity of rays.

        The features keep the order in which they were read: the weights are brought there, not the features to the
        depths' order.
        """
        first, further = noise[..., : self.settings.coarse], noise[..., self.settings.coarse :]
        depths = even_depths(rays.near, rays.far, first)
        density, features = self._read(planes, lift, rays, depths)
        weights = interval_weights(depths, density)
        if not self.settings.fine:
            shown = composited(sample_weights(weights), features)
        else:
            fine_depths = important_depths(depths, weights, further)
            fine_density, fine_features = self._read(planes, lift, rays, fine_depths)
            depths, order = torch.cat([depths, fine_depths], dim=-1).sort(dim=-1, stable=True)
            weights = interval_weights(depths, torch.cat([density, fine_density], dim=-1).gather(-1, order))
            as_read = sample_weights(weights).gather(-1, order.argsort(dim=-1))
            shares = as_read.split([self.settings.coarse, self.settings.fine], dim=-1)
            shown = composited(shares[0], features) + composited(shares[1], fine_features)
        opacity = weights.sum(dim=-1)
        return widened(shown, opacity), composited_depth(depths, weights), opacity

    def _read(
        self, planes: Float[Tensor, "B 3 C h w"], lift: Lift | None, rays: Rays, depths: Float[Tensor, "B R N"]
    ) -> tuple[Float[Tensor, "B R N"], Float[Tensor, "B R N F"]]:
        """Density and features at depths of rays."""
        points = ray_points(rays, depths)
        if self.saves_memory and torch.is_grad_enabled():
            density, features = checkpoint(self._decoded, planes, lift, points, use_reentrant=False)
        else:
            density, features = self._decoded(planes, lift, points)
        return density.unflatten(1, depths.shape[1:]), features.unflatten(1, depths.shape[1:])

    def _decoded(
        self, planes: Float[Tensor, "B 3 C h w"], lift: Lift | None, points: Float[Tensor, "B N 3"]
    ) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B N F"]]:
        """Density and features at points."""
        if isinstance(self.decoder, PointDecoder):
            return self.decoder(sample_planes(planes, points, box=self.settings.box))
        if lift is None:
            raise ValueError("a renderer with flow-lifted features needs the way back to the photos")
        points = lift.before_turning(points)
        return self.decoder(sample_planes(planes, points, box=self.settings.box), lift.at(points))


def _in_full_precision(device: torch.device) -> AbstractContextManager[object]:
    """No automatic lower precision: positions, densities and sums along a ray need 32 bits."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()  # a device that holds no values has no precision either
