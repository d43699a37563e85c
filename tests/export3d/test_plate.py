"""What shows behind a head that has moved, by closed forms."""

import numpy as np
import torch

from likeness.export3d.plate import Plate, around_moved, beyond, over_plate, uncovered
from likeness.export3d.volume import VolumePicture


def test_the_plate_shows_where_the_volume_was_and_is_no_more() -> None:
    image, plate = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    was, now = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    was[..., :2], now[..., 1:3] = 1.0, 1.0  # columns: uncovered, still covered, newly covered, never
    shown = uncovered(image, now, Plate(picture=plate, covered=was))[0, 0]
    torch.testing.assert_close(shown, torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(4, 4))


def test_the_volumes_own_colours_stand_before_the_plate() -> None:
    opacity = torch.tensor([0.0, 0.5, 1.0]).expand(1, 1, 1, 3)
    colours = 2.0 * opacity * 0.8 - 1.0  # composited: a colour of 0.6 as opaque as that, nothing where there is none
    seen = VolumePicture(features=colours.expand(1, 5, 1, 3), depth=opacity, opacity=opacity)
    found = over_plate(seen, torch.full((1, 3, 1, 3), -0.2))
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([-0.2, 0.2, 0.6]))


def test_only_beside_the_person_and_near_what_moved_the_plate_replaces_the_photo() -> None:
    photo, plate = torch.zeros(1, 3, 24, 24), torch.ones(1, 3, 24, 24)
    was, now = torch.zeros(2, 1, 1, 24, 24)
    was[..., 4], now[..., 5] = 1.0, 1.0
    matte = torch.zeros(1, 1, 24, 24)
    matte[..., 12:, :] = 1.0
    behind = around_moved(photo, matte, now, Plate(picture=plate, covered=was))[0, 0]
    torch.testing.assert_close(behind[:12, 2:8], torch.ones(12, 6))
    assert not behind[:, 9:].any() and not behind[12:].any()
    assert not around_moved(photo, matte, was, Plate(picture=plate, covered=was)).any()


def test_beyond_a_volume_is_what_neither_it_nor_its_rim_covers() -> None:
    covered = torch.zeros(1, 1, 8, 8)
    covered[..., :4] = 1.0
    share = beyond(covered, 8)
    np.testing.assert_allclose(share[0], [0, 0, 0, 0, 0, 1, 1, 1])
