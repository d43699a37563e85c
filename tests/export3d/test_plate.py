"""What shows behind a head that has moved, by closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.errors import InputError
from likeness.export3d.cameras import camera_of_frame
from likeness.export3d.plate import Plate, PlateLayers, around_moved, before_plate, neck_seen_by, uncovered
from likeness.export3d.volume import VolumePicture
from likeness.flow.posture import PIVOT
from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import axis_angle_from_matrix
from likeness.motion.pose import FRONTAL
from tests.flow_warp.portraits import portrait


def test_the_plate_shows_where_the_volume_was_and_is_no_more() -> None:
    plate = torch.ones(1, 3, 4, 4)
    was, now = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    was[..., :2], now[..., 1:3] = 1.0, 1.0  # columns: uncovered, still covered, newly covered, never
    shown = uncovered(now, Plate(picture=plate, covered=was))[0, 0]
    torch.testing.assert_close(shown, torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(4, 4))


def test_the_volumes_own_colours_stand_before_the_plate() -> None:
    opacity = torch.tensor([0.0, 0.5, 1.0]).expand(1, 1, 3, 3)
    colours = 2.0 * opacity * 0.8 - 1.0  # composited: a colour of 0.6 as opaque as that, nothing where there is none
    seen = VolumePicture(features=colours.expand(1, 5, 3, 3), depth=opacity, opacity=opacity)
    found, share = before_plate(seen, torch.full((1, 3, 3, 3), -0.2))
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([-0.2, 0.2, 0.6]))
    torch.testing.assert_close(share, 1.0 - opacity)


def test_only_beside_the_person_and_near_what_moved_the_plate_replaces_the_photo() -> None:
    plate = torch.ones(1, 3, 24, 24)
    was, now = torch.zeros(2, 1, 1, 24, 24)
    was[..., 4], now[..., 5] = 1.0, 1.0
    matte = torch.zeros(1, 1, 24, 24)
    matte[..., 12:, :] = 1.0
    behind = around_moved(matte, now, Plate(picture=plate, covered=was))[0, 0]
    torch.testing.assert_close(behind[:12, 2:8], torch.ones(12, 6))
    assert not behind[:, 9:].any() and not behind[12:].any()
    assert not around_moved(matte, was, Plate(picture=plate, covered=was)).any()


def layers() -> PlateLayers:
    """A grey background and a white body below the neck, which is in the middle."""
    body = torch.zeros(1, 1, 64, 64)
    body[..., 40:, 20:44] = 1.0
    return PlateLayers(
        behind=torch.zeros(1, 3, 64, 64),
        photo=torch.ones(1, 3, 64, 64),
        body=body,
        covered=torch.zeros(1, 1, 8, 8),
        neck=neck_seen_by(camera_at(0.0, 0.8)),
    )


def camera_at(right: float, distance: float) -> np.ndarray:
    """A camera before a frontal head whose neck is as far to the right of its axis, metres."""
    position = np.array([right, 0.0, distance]) - FRONTAL @ PIVOT
    frame = replace(portrait().rest, rotation=axis_angle_from_matrix(FRONTAL), translation=position)
    return camera_of_frame(frame, default_camera(64, 64, 2.0), pose_mode="exact")


def test_where_nothing_has_moved_the_plate_has_the_body_in_its_place() -> None:
    made = layers()
    plate = made.seen_by(torch.from_numpy(camera_at(0.0, 0.8)))
    assert plate.moved == 0.0
    torch.testing.assert_close(plate.picture, made.body.expand(1, 3, 64, 64), atol=1e-4, rtol=0.0)


def test_the_body_moves_with_the_neck_and_grows_when_it_comes_nearer() -> None:
    made = layers()
    np.testing.assert_allclose(made.neck, [0.5, 0.5, 0.8], atol=1e-6)
    shift = 8 / 64 / 2.0 * 0.8  # metres, of 8 pixels
    plate = made.seen_by(torch.from_numpy(camera_at(shift, 0.8)))
    assert plate.moved == 1.0
    torch.testing.assert_close(plate.picture[..., 8:], made.body.expand(1, 3, 64, 64)[..., :-8], atol=1e-3, rtol=0.0)
    near = made.seen_by(torch.from_numpy(camera_at(0.0, 0.4)))
    assert near.moved == 1.0
    row = near.picture[0, 0, 60]
    assert row[:7].max() == 0.0 and row[9:55].min() == 1.0 and row[57:].max() == 0.0  # 24 columns have become 48
    assert near.picture[0, 0, :47].max() == 0.0  # and what began 8 rows below the neck begins 16 below


def test_where_the_body_has_left_its_place_the_photo_is_nowhere_to_be_seen() -> None:
    plate, still = torch.ones(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    behind = around_moved(torch.ones(1, 1, 8, 8), still, Plate(picture=plate, covered=still, moved=1.0))
    torch.testing.assert_close(behind, torch.ones(1, 1, 8, 8))


def test_a_camera_before_the_neck_is_refused() -> None:
    turned = camera_at(0.0, 0.8).copy()
    turned[[3, 7, 11]] = -turned[[3, 7, 11]]
    with pytest.raises(InputError, match="behind"):
        neck_seen_by(turned)
