"""The plate: what shows where a head has moved away from where the photo has it (`plate` in the settings)."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from likeness.errors import InputError
from likeness.export3d.cameras import frame_of_camera
from likeness.export3d.outer_hair import OuterHair, SeenHair
from likeness.export3d.volume import VolumePicture
from likeness.flow.posture import PIVOT

_UNCOVERED = (0.4, 1.0)  # by how much the volume's opacity has fallen where something begins to be uncovered, and is
_MOVED = (0.3, 0.7)  # change of the volume's opacity nearby where the photo's background begins to be replaced, and is
_LEFT = (0.003, 0.015)  # of the picture's side: the neck's way where the body begins to have left its place, and has
_NEAR = 2  # samples of the volume to each side that are nearby


@dataclass(frozen=True, kw_only=True)
class Plate:
    """What heads uncover where they move away, as one view has it."""

    picture: Float[Tensor, "B 3 H W"]  # -1 to 1: without the head
    covered: Float[Tensor, "B 1 r r"]  # opacity of the volume as the photo shows it
    moved: float = 0.0  # how far the body has left its place, 0 to 1: it has at 1
    body: Float[Tensor, "B 1 H W"] | None = None  # how far it shows the body; None: nowhere
    hair: SeenHair | None = None  # beyond the volume
    places: Float[Tensor, "B H W 2"] | None = None  # where the photo has what it shows of the body, 0 to 1 across it


@dataclass(frozen=True, kw_only=True)
class PlateLayers:
    """What a photo knows of that: the background stands still, the body keeps its turn and moves with the neck."""

    behind: Float[Tensor, "1 3 H W"]  # -1 to 1: the photo without the person
    photo: Float[Tensor, "1 3 H W"]
    body: Float[Tensor, "1 1 H W"]  # how far it shows the body
    covered: Float[Tensor, "1 1 r r"]
    neck: Float[np.ndarray, "3"]  # where the photo shows the neck: as shares of its sides, and depth in metres
    hair: OuterHair | None = None

    def seen_by(self, camera: Float[Tensor, "25"]) -> Plate:
        """The plate of a view.

        Raises:
            InputError: it is no camera, or the neck is behind it.
        """
        neck = neck_seen_by(camera.double().cpu().numpy())
        scale = neck[2] / self.neck[2]
        offset = 2.0 * self.neck[:2] - 1.0 - scale * (2.0 * neck[:2] - 1.0)
        map_back = torch.tensor([[[scale, 0.0, offset[0]], [0.0, scale, offset[1]]]], dtype=torch.float32)
        layers = torch.cat([self.photo, self.body], dim=1)
        grid = F.affine_grid(map_back, list(layers.shape), align_corners=False).to(layers)
        layers = F.grid_sample(layers, grid, padding_mode="border", align_corners=False)
        low, high = _LEFT
        way = np.linalg.norm(neck[:2] - self.neck[:2]) + 0.5 * abs(np.log(scale))
        return Plate(
            picture=torch.lerp(self.behind, layers[:, :3], layers[:, 3:]),
            covered=self.covered,
            moved=float(np.clip((way - low) / (high - low), 0.0, 1.0)),
            body=layers[:, 3:],
            hair=None if self.hair is None else self.hair.seen_by(camera),
            places=0.5 * grid + 0.5,
        )


def neck_seen_by(camera: Float[np.ndarray, "25"]) -> Float[np.ndarray, "3"]:
    """Where a camera sees the neck: as shares of the picture's sides, and its depth in metres.

    Raises:
        InputError: it is no camera, or the neck is behind it.
    """
    T_cam_head, unit = frame_of_camera(camera, width=1, height=1)
    point = T_cam_head.apply(PIVOT[None])
    if point[0, 2] <= 0.0:
        raise InputError("the camera has the neck behind it: move it back")
    return np.concatenate([unit.project(point)[0], point[0, 2:]])


def uncovered(opacity: Float[Tensor, "B 1 r r"], plate: Plate) -> Float[Tensor, "B 1 H W"]:
    """Share of the plate where the volume was and is no more."""
    size = plate.picture.shape[-2:]
    both = (plate.covered, opacity)
    was, now = (F.interpolate(each, size, mode="bilinear", align_corners=False) for each in both)
    low, high = _UNCOVERED
    return ((was - now - low) / (high - low)).clamp(0.0, 1.0)


def before_plate(
    seen: VolumePicture, behind: Float[Tensor, "B 3 H W"]
) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B 1 H W"]]:
    """The volume's own colours before what stands behind it, -1 to 1, and how far that shows."""
    own = torch.cat([seen.features[:, :3], seen.opacity], dim=1)
    own = F.interpolate(own, behind.shape[-2:], mode="bilinear", align_corners=False)
    share = 1.0 - own[:, 3:]
    return own[:, :3] + share * (behind + 1.0), share


def around_moved(
    matte: Float[Tensor, "B 1 H W"], opacity: Float[Tensor, "B 1 r r"], plate: Plate
) -> Float[Tensor, "B 1 H W"]:
    """Share of the plate in the photo's background: where the body has left its place, and beside the person near what
    has moved, as hairs reach beyond every matte and would stay behind as an outline; and where hair turns along.
    """
    change = F.max_pool2d((plate.covered - opacity).abs(), 2 * _NEAR + 1, stride=1, padding=_NEAR)
    low, high = _MOVED
    share = (F.interpolate(change, matte.shape[-2:], mode="bilinear", align_corners=False) - low) / (high - low)
    replaced = ((1.0 - matte) * share.clamp(0.0, 1.0)).clamp_min(plate.moved)
    return replaced if plate.hair is None else torch.maximum(replaced, plate.hair.gone)
