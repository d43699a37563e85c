"""Holes of pictures as tensors."""

import torch

from likeness.export3d.fill import filled_from_around


def test_each_picture_is_filled_from_its_own_pixels() -> None:
    pictures, weight = torch.zeros(2, 3, 16, 24), torch.zeros(2, 1, 16, 24)
    pictures[0, :, :, :8], pictures[1, :, :, 16:] = 0.25, 0.75
    weight[0, :, :, :8], weight[1, :, :, 16:] = 1.0, 1.0
    found = filled_from_around(pictures, weight)
    assert found.dtype == pictures.dtype and found.shape == pictures.shape
    torch.testing.assert_close(found, torch.tensor([0.25, 0.75])[:, None, None, None].expand_as(found))


def test_known_pixels_stay_and_nearer_ones_count_more() -> None:
    pictures, weight = torch.rand(1, 3, 16, 32), torch.ones(1, 1, 16, 32)
    pictures[..., :8], pictures[..., 24:], weight[..., 8:24] = 0.2, 0.8, 0.0
    found = filled_from_around(pictures, weight)
    torch.testing.assert_close(found[..., :8], pictures[..., :8])
    across = found[0, 0, 8]
    assert 0.2 - 1e-5 <= across[9] < 0.4 and 0.6 < across[22] <= 0.8 + 1e-5
