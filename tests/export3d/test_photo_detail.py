"""What a drawn pixel takes from where, whatever the network would rather have."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.export3d.cameras import camera_of_frame
from likeness.export3d.photo_detail import Detailed, PhotoDetail
from likeness.export3d.plate import Plate
from likeness.export3d.volume import VolumePicture
from likeness.motion.edit import HeadEdit, apply_edit
from tests.export3d.models import HEAD
from tests.export3d.ramps import CAMERA, SIDE, ramp_lift
from tests.fg_portrait.scenes import rest

CARRIED, STILL = 1, 2  # numbers of shares


def detailed(*, yaw: float, wish: int, before: float, drawn: bool) -> Detailed:
    """A photo that shows nobody, its opaque head seen from the side.

    Args:
        wish: share that the network asks for everywhere.
        before: world units by which the volume ends before the head's surface.
    """
    lift = ramp_lift(0.0)
    lift = replace(lift, maps=replace(lift.maps, matte=torch.zeros(1, 1, SIDE, SIDE)))
    camera = camera_of_frame(apply_edit(rest(), HeadEdit(yaw=yaw), HEAD), CAMERA)
    cameras = torch.from_numpy(np.asarray(camera, dtype=np.float32))[None]
    surface = lift.surface(cameras, SIDE)
    eye = cameras[:, :16].reshape(4, 4)[:3, 3]
    depth = (surface - eye).norm(dim=-1).nan_to_num(10.0).reshape(1, 1, SIDE, SIDE) - before
    one = torch.ones(1, 1, SIDE, SIDE)
    seen = VolumePicture(features=0.2 * one.expand(1, 5, SIDE, SIDE), depth=depth, opacity=one)
    network = PhotoDetail().eval()
    with torch.no_grad():
        network.last.bias[wish] = 20.0
        plate = Plate(picture=-one.expand(1, 3, SIDE, SIDE), covered=one) if drawn else None
        found: Detailed = network(0.2 * one.expand(1, 3, SIDE, SIDE), seen, cameras, lift, plate=plate)
    return found


@pytest.mark.parametrize("drawn", [False, True])
def test_skin_that_no_half_shows_is_filled_and_no_background_stands_in_it(drawn: bool) -> None:
    found = detailed(yaw=35.0, wish=STILL, before=0.0, drawn=drawn)
    cheek = (found.still + found.plate)[0, 0, 30:36, 30:36]
    assert (cheek < 0.02).all() if drawn else (cheek > 0.98).all()
    assert (found.carried[0, 0, 30:36, 30:36] < 1e-4).all()  # it is not the photo's own


@pytest.mark.parametrize(("before", "wanted"), [(0.04, False), (0.2, True)])
def test_air_that_the_photo_looks_through_stays_empty(before: float, wanted: bool) -> None:
    """The volume shows something 1.5 or 7 cm before the skin, and the network wants the photo's colours there."""
    found = detailed(yaw=35.0, wish=CARRIED, before=before, drawn=True)
    empty = (found.still + found.plate)[0, 0, 30:36, 30:36]
    assert (empty > 0.9).all() if wanted else (empty < 0.1).all()
