"""Photos whose colours tell the place, and points of heads in the volume's world."""

import numpy as np
import torch

from likeness.export3d.cameras import world_from_head
from likeness.export3d.lift import Lift, LiftMaps
from likeness.flow.carry import carrier, carry_source
from likeness.geometry.camera import default_camera
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.tracking.posed import posed_head
from tests.export3d.models import HEAD
from tests.fg_portrait.scenes import rest

SIDE = 64
CAMERA = default_camera(SIDE, SIDE)


def ramp_lift(yaw: float) -> Lift:
    """A photo of a head turned by so many degrees, whose colours tell the place: red the column, green the row."""
    posed = posed_head(HEAD, np.zeros(HEAD.num_shape), apply_edit(rest(), HeadEdit(yaw=yaw), HEAD), CAMERA)
    source = carry_source(posed, resolution=SIDE)
    at = (torch.arange(SIDE) + 0.5) / SIDE
    rows, columns = torch.meshgrid(at, at, indexing="ij")
    ramp = torch.stack([columns, rows, torch.zeros(SIDE, SIDE)])[None]
    maps = LiftMaps(features=ramp, colours=ramp, matte=torch.ones(1, 1, SIDE, SIDE))
    return Lift(maps=maps, carriers=(carrier(source, source.at_rest),), mirrors=True)


def in_world(*points: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(world_from_head(np.stack(points)).astype(np.float32))[None]
