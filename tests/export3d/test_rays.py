"""Rays of cameras and the depths on them, against closed forms."""

import numpy as np
import pytest
import torch

from likeness.export3d.cameras import camera_around, canonical_camera, project_world
from likeness.export3d.rays import camera_rays, even_depths, important_depths, ray_points


def test_rays_pass_through_the_pixels_they_belong_to() -> None:
    camera = camera_around(0.4, -0.2, radius=2.2)
    camera[18], camera[17] = 0.45, 0.1  # off centre, skewed
    rays = camera_rays(torch.from_numpy(camera)[None], resolution=4, box=1.0)
    points = ray_points(rays, torch.full((1, 16, 1), 2.0))[0].double().numpy()
    pixels = project_world(camera.astype(np.float64), points).reshape(4, 4, 2)
    centres = (np.arange(4) + 0.5) / 4
    assert np.allclose(pixels, np.stack(np.meshgrid(centres, centres), axis=-1), atol=1e-5)
    assert np.allclose(rays.directions.norm(dim=-1), 1.0, atol=1e-6)


def test_near_and_far_follow_the_camera() -> None:
    cameras = torch.stack([torch.from_numpy(camera_around(0.1, 0.1, radius=radius)) for radius in (1.5, 2.7)])
    rays = camera_rays(cameras, resolution=2, box=1.0)
    assert torch.allclose(rays.near, torch.tensor([1.0, 2.2]), atol=1e-5)
    assert torch.allclose(rays.far, torch.tensor([2.1, 3.3]), atol=1e-5)


def test_even_depths_ascend_with_any_noise() -> None:
    rays = camera_rays(torch.from_numpy(canonical_camera())[None], resolution=1, box=1.0)
    still = even_depths(rays.near, rays.far, torch.full((1, 1, 12), 0.5))
    assert torch.allclose(still.diff(dim=-1), torch.full((1, 1, 11), 0.1), atol=1e-5)
    assert still[0, 0, 0].item() == pytest.approx(2.25, abs=1e-5)
    moved = even_depths(rays.near, rays.far, torch.rand(1, 50, 12, generator=torch.Generator().manual_seed(0)))
    assert (moved.diff(dim=-1) >= 0.0).all()


def test_important_depths_lie_where_the_weight_is() -> None:
    depths = torch.arange(12.0)[None, None]
    weights = torch.zeros(1, 1, 11)
    weights[..., 5] = 1.0  # between depths 5 and 6; widened to 4 and 7
    drawn = important_depths(depths, weights, torch.full((1, 1, 400), 0.5))[0, 0]
    assert (drawn.diff() >= 0.0).all() and 1.0 <= drawn[0] and drawn[-1] <= 10.0
    share = ((drawn >= 4.0) & (drawn <= 7.0)).float().mean().item()
    assert share == pytest.approx((0.5 + 1.0 + 0.5 + 0.03) / (2.0 + 0.09), abs=0.01)  # max of 2 then mean of 2: .5 1 .5
    assert drawn.mean().item() == pytest.approx(5.5, abs=0.05)  # not half an interval too near


def test_important_depths_without_weight_are_even() -> None:
    depths = torch.linspace(1.0, 2.0, 11)[None, None]
    drawn = important_depths(depths, torch.zeros(1, 1, 10), torch.full((1, 1, 8), 0.5))[0, 0]
    assert torch.allclose(drawn, 1.1 + 0.1 * (torch.arange(8.0) + 0.5), atol=1e-5)
    with pytest.raises(ValueError, match="at least 4"):
        important_depths(depths[..., :3], torch.zeros(1, 1, 2), torch.full((1, 1, 8), 0.5))
