"""Landmarks found again: nothing for the truth, the shift of a shifted picture, a gradient that undoes it."""

import torch
from torch.nn import functional as F

from likeness.nn.local_landmarks import landmark_error, landmark_shifts

SIZE = 128


def texture(seed: int = 0) -> torch.Tensor:
    """Smooth noise, and landmarks away from the border."""
    noise = torch.randn(2, 3, SIZE // 4, SIZE // 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (SIZE, SIZE), mode="bicubic", align_corners=False).clamp(-1, 1)


def landmarks() -> torch.Tensor:
    return 0.2 + 0.6 * torch.rand(2, 12, 2, generator=torch.Generator().manual_seed(5))


def test_the_truth_lies_where_it_is() -> None:
    torch.testing.assert_close(landmark_error(texture(), texture(), landmarks()), torch.zeros(2))


def test_a_shifted_picture_is_off_by_its_shift() -> None:
    for right, down in ((2, 0), (0, -1), (-3, 2)):
        moved = texture().roll((down, right), dims=(2, 3))
        shifts, usable = landmark_shifts(moved, texture(), landmarks())
        still, _ = landmark_shifts(texture(), texture(), landmarks())
        found = (shifts - still)[usable > 0]
        assert (found.median(dim=0).values - torch.tensor([right, down])).abs().max() < 0.3
        error = landmark_error(moved, texture(), landmarks())
        assert (error - (right**2 + down**2)).abs().max() < 0.35 * (right**2 + down**2)


def test_light_and_colour_are_no_displacement() -> None:
    other = 0.5 * texture() + 0.3
    assert landmark_error(other, texture(), landmarks()).max() < 0.05
    blurred = F.avg_pool2d(texture(), 3, stride=1, padding=1)
    assert landmark_error(blurred, texture(), landmarks()).max() < 0.05


def test_the_gradient_moves_a_picture_back() -> None:
    truth, shift = texture(), torch.tensor([0.03, -0.02], requires_grad=True)
    optimiser = torch.optim.Adam([shift], lr=0.005)
    errors = []
    for _ in range(10):
        turn = torch.cat([torch.eye(2), shift[:, None]], dim=1).expand(2, -1, -1)
        grid = F.affine_grid(turn, [2, 3, SIZE, SIZE], align_corners=False)
        error = landmark_error(F.grid_sample(truth, grid, align_corners=False), truth, landmarks()).mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < 0.2 * errors[0]
    assert shift.detach().abs().max() < 0.015


def test_flat_places_and_places_outside_do_not_count() -> None:
    flat = torch.zeros(1, 3, SIZE, SIZE)
    assert landmark_error(texture()[:1], flat, landmarks()[:1]) == 0.0
    _, usable = landmark_shifts(texture(), texture(), landmarks() + 1.0)
    assert not usable.any()
