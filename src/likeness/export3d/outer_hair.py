"""Hair that stands beyond the volume (a part of `plate`): what the photo shows of the person where the volume shows
nothing, and what is no body, turns with the head as if it were painted on a pane at the depth of the neck.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from likeness.export3d.cameras import frame_of_camera
from likeness.export3d.fill import filled_from_around
from likeness.export3d.mirror import nearness
from likeness.flow.depth import render_depth
from likeness.flow.posed import PosedHead
from likeness.flow.posture import PIVOT
from likeness.geometry.camera import Camera
from likeness.geometry.smoothstep import smoothstep
from likeness.geometry.transform import RigidTransform
from likeness.heads.model import HeadModel

_EDGEWISE = (0.5, 0.8)  # cosine between the ways to both cameras from which the pane begins to show, and shows wholly
_BEHIND = 10  # pixels of the photo by which it goes on behind the volume: turned heads leave no gap to it
_EAR = "ear"  # the part of a head
_SHOWN_WELL = (0.6, 0.7)  # mean cosine of an ear to the camera: from the front, and from where the volume has it well
_AROUND = 3  # pixels of the photo by which ears reach beyond those of the fitted head
_BEYOND_RIM = 4  # pixels beyond the photo's rim
_FRINGE = 4  # pixels around a matte to which single hairs reach


@dataclass(frozen=True, kw_only=True)
class SeenHair:
    """The pane as a view has it."""

    share: Float[Tensor, "1 1 H W"]  # how far a pixel shows it, if nothing stands before it
    picture: Float[Tensor, "1 3 H W"]  # 0 to 1
    places: Float[Tensor, "1 H W 2"]  # in the photo, 0 to 1 across it
    true: Float[Tensor, "1 1 H W"]  # how far the photo shows there what the picture does
    gone: Float[Tensor, "1 1 H W"]  # how far the photo has it at a pixel, from where it has turned away


@dataclass(frozen=True, kw_only=True)
class OuterHair:
    """The pane, upright before the photo's camera."""

    share: Float[Tensor, "1 1 H W"]  # how far the photo shows hair beyond the volume
    ears: Float[Tensor, "1 1 H W"]  # how far ears, which the volume has: on the pane they would turn twice
    photo: Float[Tensor, "1 3 H W"]  # 0 to 1
    earless: Float[Tensor, "1 3 H W"]  # with the colours around in place of ears
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
            return SeenHair(
                share=torch.zeros_like(self.share), picture=self.photo, places=nowhere, true=self.share, gone=self.share
            )
        grid = torch.from_numpy(self._places(to_photo, view)).to(self.share)[None]
        away = 1.0 - self._nearness(T_cam_head)
        pane = torch.cat([self.share, 1.0 - away * self.ears, torch.lerp(self.photo, self.earless, away)], dim=1)
        inside = F.grid_sample(pane[:, :1], 2.0 * grid - 1.0, padding_mode="zeros", align_corners=False)
        found = F.grid_sample(pane[:, 1:], 2.0 * grid - 1.0, padding_mode="border", align_corners=False)
        return SeenHair(
            share=inside * shown, picture=found[:, 1:], places=grid, true=found[:, :1], gone=self._gone(grid)
        )

    @cached_property
    def _fringe(self) -> Float[Tensor, "1 1 H W"]:
        """Hair with the single hairs around it."""
        return F.max_pool2d(self.share, 2 * _FRINGE + 1, stride=1, padding=_FRINGE)

    def _nearness(self, T_cam_head: RigidTransform) -> float:
        """Of a camera to the photo's."""
        return nearness(self.T_cam_head.inverse().translation, T_cam_head.inverse().translation)

    def _gone(self, places: Float[Tensor, "1 H W 2"]) -> Float[Tensor, "1 1 H W"]:
        """Where it has moved, and with the fringe around it where it has moved by more than that."""
        size = places.shape[1]
        own = (torch.arange(size, device=places.device) + 0.5) / size
        own = torch.stack(torch.meshgrid(own, own, indexing="xy"), dim=-1)
        way = size * (places - own).norm(dim=-1)[:, None]
        return torch.maximum(self.share * way.clamp_max(1.0), self._fringe * ((way - 1.0) / _FRINGE).clamp(0.0, 1.0))

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


def little_beyond(true: Float[Tensor, "1 1 H W"]) -> Float[Tensor, "1 1 H W"]:
    """The photo's own pixels of a square, and a little beyond: so far hair may repeat the photo's rim unseen."""
    side = 2 * _BEYOND_RIM + 1
    return F.avg_pool2d(
        F.max_pool2d(true, side, stride=1, padding=_BEYOND_RIM),
        side, stride=1, padding=_BEYOND_RIM, count_include_pad=False,
    )  # fmt: skip


def ears_shown(head: HeadModel, posed: PosedHead, size: int) -> Float32[np.ndarray, "size size"]:
    """Where a square picture shows ears well, and around these, 0 to 1; ears seen from the front are little of them."""
    import cv2

    shown = render_depth(posed, posed.camera.resized(size, size)).face
    is_ear = (shown >= 0) & (np.array(head.part_names)[head.face_parts[shown]] == _EAR)
    corners = posed.vertices[posed.faces]
    normals, middles = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), corners.mean(axis=1)
    lengths = np.linalg.norm(normals, axis=1) * np.linalg.norm(middles, axis=1)
    facing = np.abs((normals * middles).sum(axis=1)) / np.maximum(lengths, 1e-12)
    is_left = posed.T_cam_head.inverse().apply(middles)[:, 0] > 0.0
    ears = np.zeros(shown.shape, np.float32)
    for side in (False, True):
        ear = is_ear & (is_left[shown] == side)
        if ear.any():
            low, high = _SHOWN_WELL
            ears[ear] = smoothstep(np.asarray((facing[shown[ear]].mean() - low) / (high - low)))
    return np.asarray(cv2.dilate(ears, np.ones((2 * _AROUND + 1,) * 2)), dtype=np.float32)


def without_ears(
    photo: Float[Tensor, "1 3 H W"], share: Float[Tensor, "1 1 H W"], ears: Float[Tensor, "1 1 H W"]
) -> Float[Tensor, "1 3 H W"]:
    """A photo with the colours of the pane around ears in place of them."""
    return torch.lerp(photo, filled_from_around(photo, share * (1.0 - ears)), ears)


def beyond(opacity: Float[Tensor, "B 1 r r"], side: int) -> Float[Tensor, "B 1 H W"]:
    """Where a volume leaves room for what stands beside it: wholly, where it is half transparent."""
    size = (side, side)
    enlarged = F.interpolate(opacity, size, mode="bilinear", align_corners=False)
    return (2.0 * (1.0 - enlarged)).clamp(0.0, 1.0)
