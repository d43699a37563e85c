"""A sheet of people as a trained model draws them: their own next frame, other expressions, from the sides, depth."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from likeness.data.clip import Clip
from likeness.data.pairs import usable
from likeness.data.sample import shot_of
from likeness.export3d.batches import picture_array, target_camera
from likeness.export3d.cameras import HALF_BOX, RADIUS, camera_around, split_numbers
from likeness.export3d.depth_picture import depth_picture
from likeness.export3d.model import Export3dModel
from likeness.export3d.subject import read_subject
from likeness.heads.model import HeadModel
from likeness.media.sheet import SheetStyle, contact_sheet

YAWS = (-35.0, -15.0, 15.0, 35.0)  # degrees, of the cameras around the head
CAPTIONS = ("photo", "other frame", "drawn", "own view", *(f"{yaw:+.0f}°" for yaw in YAWS), "depth", "depth side")
_CELL = 128  # pixels


@torch.no_grad()
def people_sheet(model: Export3dModel, clips: Sequence[Clip], head: HeadModel) -> UInt8[np.ndarray, "h w 3"]:
    """One row per clip."""
    rows = [_row(model, clip, head) for clip in clips]
    return contact_sheet(rows, column_captions=CAPTIONS, style=SheetStyle(cell_width=_CELL, cell_height=_CELL))


def _row(model: Export3dModel, clip: Clip, head: HeadModel) -> list[UInt8[np.ndarray, "H W 3"]]:
    size = model.config.image_size
    may_source, may_target = usable(clip)
    source = shot_of(clip, int(np.flatnonzero(may_source)[0]), size)
    target = shot_of(clip, int(np.flatnonzero(may_target)[-1]), size)
    seen = read_subject(model, head, clip.motion.shape, source).drawn
    own = target_camera(source, model.config)
    around = [seen(source.frame, _around(own, yaw)) for yaw in YAWS]
    front = seen(source.frame, _around(own, 0.0))
    pictures = [seen(target.frame, target_camera(target, model.config)), seen(source.frame, own), *around]
    depths = [
        depth_picture(one.depth[0], one.opacity[0], side=size, limits=(RADIUS - HALF_BOX, RADIUS + HALF_BOX))
        for one in (front, around[-1])
    ]
    return [source.image, target.image, *(picture_array(one.image[0]) for one in pictures), *depths]


def _around(own: Float[Tensor, "25"], yaw: float) -> Float[Tensor, "25"]:
    """A camera on the canonical sphere whose lens shows the head as large as the photo's own camera does."""
    pose, intrinsics = split_numbers(own.double().numpy())
    lens = intrinsics.copy()
    lens[:2, :2] *= RADIUS / np.linalg.norm(pose[:3, 3])
    lens[:2, 2] = 0.5
    return torch.from_numpy(camera_around(np.radians(yaw), 0.0, intrinsics=lens))
