"""Hair that stands beyond the volume (a part of `plate`): what the photo shows of the person where the volume shows
nothing, and what is no body, turns with the head as if it were painted on a pane at the depth of the neck.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from likeness.export3d.cameras import frame_of_camera
from likeness.flow.posture import PIVOT
from likeness.geometry.camera import Camera
from likeness.geometry.transform import RigidTransform

_EDGEWISE = (0.5, 0.8)  # cosine between the ways to both cameras from which the pane begins to show, and shows wholly
_BEHIND = 10  # pixels of the photo by which it goes on behind the volume: turned heads leave no gap to it
_FRINGE = 4  # pixels around a matte to which single hairs reach


@dataclass(frozen=True, kw_only=True)
class SeenHair:
    """The pane as a view has it."""

    share: Float[Tensor, "1 1 H W"]  # how far a pixel shows it, if nothing stands before it
    places: Float[Tensor, "1 H W 2"]  # in the photo, 0 to 1 across it
    gone: Float[Tensor, "1 1 H W"]  # how far the photo has it at a pixel, from where it has turned away


@dataclass(frozen=True, kw_only=True)
class OuterHair:
    """The pane, upright before the photo's camera."""

    share: Float[Tensor, "1 1 H W"]  # how far the photo shows hair beyond the volume
    T_cam_head: RigidTransform  # of the photo
    camera: Camera

    def seen_by(self, camera: Float[Tensor, "25"]) -> SeenHair:
        """The pane in a view.

        Raises:
            InputError: it is no camera.
        """
        size = self.share.shape[-1]
        T_cam_head, view = frame_of_camera(camera.double().cpu().numpy(), width=size, height=size)
        to_photo = self.T_cam_head @ T_cam_head.inverse()
        low, high = _EDGEWISE
        shown = min(max((float(to_photo.rotation[2, 2]) - low) / (high - low), 0.0), 1.0)
        if shown == 0.0:
            nowhere = torch.zeros(1, size, size, 2, device=self.share.device)
            return SeenHair(share=torch.zeros_like(self.share), places=nowhere, gone=self.share)
        grid = torch.from_numpy(self._places(to_photo, view)).to(self.share)[None]
        share = F.grid_sample(self.share, 2.0 * grid - 1.0, padding_mode="zeros", align_corners=False)
        return SeenHair(share=share * shown, places=grid, gone=self._gone(grid))

    def _gone(self, places: Float[Tensor, "1 H W 2"]) -> Float[Tensor, "1 1 H W"]:
        """With the fringe around it, where it has moved by more than that."""
        size = places.shape[1]
        own = (torch.arange(size, device=places.device) + 0.5) / size
        own = torch.stack(torch.meshgrid(own, own, indexing="xy"), dim=-1)
        way = size * (places - own).norm(dim=-1)[:, None]
        fringe = F.max_pool2d(self.share, 2 * _FRINGE + 1, stride=1, padding=_FRINGE)
        return torch.maximum(self.share, fringe * ((way - 1.0) / _FRINGE).clamp(0.0, 1.0))

    def _places(self, to_photo: RigidTransform, view: Camera) -> Float32[np.ndarray, "H W 2"]:
        """Where the photo shows what the pixels of a view show of the pane."""
        row, column = np.indices((view.height, view.width)) + 0.5
        slopes = (np.stack([column, row], axis=-1) - view.centre_pixels) / view.focal_pixels
        rays = np.concatenate([slopes, np.ones((*row.shape, 1))], axis=-1) @ to_photo.rotation.T
        eye, depth = to_photo.translation, self.T_cam_head.apply(PIVOT[None])[0, 2]
        points = eye + rays * ((depth - eye[2]) / np.maximum(rays[..., 2:], 1e-6))
        size = np.array([self.camera.width, self.camera.height])
        return np.asarray(self.camera.project(points) / size, dtype=np.float32)


def hair_beyond(
    matte: Float[Tensor, "1 1 H W"], body: Float[Tensor, "1 1 H W"], covered: Float[Tensor, "1 1 r r"]
) -> Float[Tensor, "1 1 H W"]:
    """How far a photo shows the person where the volume shows nothing, or shortly before that, and no body."""
    outside = F.max_pool2d(beyond(covered, matte.shape[-1]), 2 * _BEHIND + 1, stride=1, padding=_BEHIND)
    return matte * (1.0 - body) * outside


def beyond(opacity: Float[Tensor, "B 1 r r"], side: int) -> Float[Tensor, "B 1 H W"]:
    """Where a volume leaves room for what stands beside it: wholly, where it is half transparent."""
    size = (side, side)
    enlarged = F.interpolate(opacity, size, mode="bilinear", align_corners=False)
    return (2.0 * (1.0 - enlarged)).clamp(0.0, 1.0)
