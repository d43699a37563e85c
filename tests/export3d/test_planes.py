"""Three true planes: which axes each spans, which way is up, and the compiled look-up against torch's."""

import numpy as np
import pytest
import torch

from likeness.export3d.planes import plane_positions, sample_planes, sample_planes_plain

BOX = 1.0


def test_each_plane_spans_its_own_pair_of_axes() -> None:
    step = torch.eye(3)[None] * 0.1  # one point along each axis
    moved = plane_positions(step, box=BOX)[0].abs() > 0.0  # [P N 2]
    axes = [{axis for axis in range(3) if moved[plane, axis].any()} for plane in range(3)]
    assert axes == [{0, 1}, {1, 2}, {2, 0}]


def test_the_frontal_plane_lies_upright() -> None:
    right_and_up = torch.tensor([[[0.25, 0.25, 0.0]]])
    assert torch.allclose(plane_positions(right_and_up, box=BOX)[0, 0, 0], torch.tensor([0.5, -0.5]))
    planes = torch.zeros(1, 3, 1, 4, 4)
    planes[0, 0, 0, 0, 3] = 3.0  # the texel at the top right
    corner = torch.tensor([[[0.375, 0.375, 0.0], [-0.375, 0.375, 0.0], [0.375, -0.375, 0.0]]])
    assert torch.allclose(sample_planes(planes, corner, box=BOX)[0, :, 0], torch.tensor([1.0, 0.0, 0.0]), atol=1e-6)


@pytest.mark.parametrize(("channels", "height", "width"), [(5, 6, 9), (32, 16, 16), (1, 1, 1)])
def test_compiled_look_up_is_torchs_with_its_gradient(channels: int, height: int, width: int) -> None:
    draw = torch.Generator().manual_seed(0)
    planes = torch.randn(2, 3, channels, height, width, generator=draw, requires_grad=True)
    points = 1.3 * (torch.rand(2, 500, 3, generator=draw) - 0.5)  # some beyond the planes
    points[0, 0], points[0, 1], points[0, 2] = 0.5, -0.5, 1e9
    towards = torch.randn(2, 500, channels, generator=draw)
    fast, plain = sample_planes(planes, points, box=BOX), sample_planes_plain(planes, points, box=BOX)
    assert torch.allclose(fast, plain, atol=1e-5)
    (fast_gradient,) = torch.autograd.grad((fast * towards).sum(), planes)
    (plain_gradient,) = torch.autograd.grad((plain * towards).sum(), planes)
    assert torch.allclose(fast_gradient, plain_gradient, atol=1e-4)


def test_points_may_need_a_gradient() -> None:
    columns = torch.linspace(-1.0, 1.0, 9)
    planes = columns.expand(1, 3, 1, 9, 9).clone()  # each grows along its columns: x, z and x
    points = torch.zeros(1, 1, 3, requires_grad=True)
    sample_planes(planes, points, box=BOX).sum().backward()
    assert points.grad is not None
    slope = (columns[1] - columns[0]).item() * 9.0  # per side of the cube
    assert np.allclose(points.grad[0, 0].numpy(), [2.0 / 3.0 * slope, 0.0, slope / 3.0], atol=1e-5)
