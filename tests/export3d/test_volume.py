"""The volume renderer: where things appear, what gets a gradient, what chunks and randomness change."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.export3d.cameras import camera_around, canonical_camera, project_world
from likeness.export3d.config import VolumeSettings
from likeness.export3d.volume import VolumeRenderer

SETTINGS = VolumeSettings(resolution=24, coarse=24, fine=24, hidden=8, features=4)


def _cameras(count: int = 1) -> torch.Tensor:
    return torch.from_numpy(canonical_camera()).expand(count, 25)


def _random(channels: int = 6, *, settings: VolumeSettings = SETTINGS) -> tuple[VolumeRenderer, torch.Tensor]:
    torch.manual_seed(0)
    return VolumeRenderer(settings, channels), 3.0 * torch.randn(2, 3, channels, 16, 16)


def _dense_where_the_planes_agree() -> VolumeRenderer:
    """One channel; dense where the mean of the planes is near 1, empty elsewhere; the features are bright there."""
    renderer = VolumeRenderer(SETTINGS, 1)
    with torch.no_grad():
        for parameter in renderer.parameters():
            parameter.zero_()
        renderer.decoder.inner.weight[0, 0], renderer.decoder.inner.bias[0] = 60.0, -54.0
        renderer.decoder.outer.weight[0, 0], renderer.decoder.outer.bias[0] = 40.0, -40.0
        renderer.decoder.outer.weight[1:, 0] = 5.0
    return renderer


def _blob(centre: tuple[float, float, float], *, size: int = 64, radius: float = 0.08) -> torch.Tensor:
    """Planes that are all 1 near a point of the cube."""
    texels = (torch.arange(size) + 0.5) / size - 0.5
    x, y, z = centre

    def spot(column: float, row: float) -> torch.Tensor:
        rows, columns = torch.meshgrid(texels - row, texels - column, indexing="ij")
        return (rows.square() + columns.square() < radius**2).float()

    return torch.stack([spot(x, -y), spot(z, -y), spot(x, z)])[None, :, None]


@pytest.mark.parametrize("centre", [(0.12, 0.08, 0.0), (-0.1, 0.0, 0.2), (0.0, -0.15, -0.2)])
@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, 0.0), (0.5, 0.0), (-0.3, 0.25)])
def test_a_blob_appears_where_the_camera_projects_it(
    centre: tuple[float, float, float], yaw: float, pitch: float
) -> None:
    camera = camera_around(yaw, pitch)
    picture = _dense_where_the_planes_agree().render(_blob(centre), torch.from_numpy(camera)[None], resolution=48)
    opacity = picture.opacity[0, 0].detach().numpy()
    rows, columns = np.mgrid[0:48, 0:48] + 0.5
    seen = np.array([(columns * opacity).sum(), (rows * opacity).sum()]) / opacity.sum() / 48
    assert opacity.max() > 0.95
    assert np.allclose(seen, project_world(camera.astype(np.float64), np.array([centre]))[0], atol=0.5 / 48)
    distance = np.linalg.norm(camera[[3, 7, 11]] - np.array(centre))
    nearest = picture.depth[0, 0][torch.from_numpy(opacity > 0.9)].min().item()
    assert nearest == pytest.approx(distance - 0.08, abs=0.05)


def test_the_specified_blob_lands_on_the_specified_pixel() -> None:
    picture = _dense_where_the_planes_agree().render(_blob((0.12, 0.08, 0.0)), _cameras(), resolution=64)
    opacity = picture.opacity[0, 0].detach().numpy()
    rows, columns = np.mgrid[0:64, 0:64] + 0.5
    seen = np.array([(columns * opacity).sum(), (rows * opacity).sum()]) / opacity.sum()
    expected = 64 * (0.5 + 4.2647 * np.array([0.12, -0.08]) / 2.7)
    assert np.allclose(seen, expected, atol=0.5)  # column 44.1, row 23.9


def test_ranges_and_what_nothing_looks_like() -> None:
    renderer, planes = _random()
    picture = renderer.render(planes, _cameras(2))
    assert picture.features.shape == (2, 4, 24, 24) and picture.depth.shape == picture.opacity.shape == (2, 1, 24, 24)
    assert picture.opacity.min() >= 0.0 and picture.opacity.max() <= 1.0
    assert picture.features.min() >= -1.002 and picture.features.max() <= 1.002
    with torch.no_grad():
        renderer.decoder.outer.bias[0] = -1e4
    empty = renderer.render(planes, _cameras(2))
    assert torch.allclose(empty.features, torch.full_like(empty.features, -1.0), atol=1e-5)
    assert empty.opacity.max() < 1e-5


def test_evaluation_is_deterministic_and_training_is_not() -> None:
    renderer, planes = _random()
    still = [renderer.render(planes, _cameras(2)).features for _ in range(2)]
    assert torch.equal(*still)
    moved = [
        renderer.render(planes, _cameras(2), generator=torch.Generator().manual_seed(seed)).features
        for seed in (1, 1, 2)
    ]
    assert torch.equal(moved[0], moved[1]) and not torch.equal(moved[0], moved[2])


@pytest.mark.parametrize("chunk_rays", [7, 100, 10_000])
def test_chunks_change_nothing(chunk_rays: int) -> None:
    renderer, planes = _random()
    for seed in (None, 3):
        draws = [None if seed is None else torch.Generator().manual_seed(seed) for _ in range(2)]
        whole = renderer.render(planes, _cameras(2), generator=draws[0])
        parts = renderer.render(planes, _cameras(2), generator=draws[1], chunk_rays=chunk_rays)
        for name in ("features", "depth", "opacity"):
            assert torch.allclose(getattr(whole, name), getattr(parts, name), atol=1e-5)


def test_every_plane_and_weight_gets_its_gradient() -> None:
    renderer, planes = _random()
    planes.requires_grad_(True)
    picture = renderer.render(planes, _cameras(2), generator=torch.Generator().manual_seed(0))
    (picture.features.square().mean() + picture.depth.mean() + picture.opacity.mean()).backward()
    assert planes.grad is not None and (planes.grad.abs().amax(dim=(2, 3, 4)) > 0.0).all()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0.0 for parameter in renderer.parameters())


def test_saving_memory_changes_no_gradient() -> None:
    renderer, planes = _random()
    planes.requires_grad_(True)
    found = []
    for renderer.saves_memory in (False, True):
        picture = renderer.render(planes, _cameras(2), generator=torch.Generator().manual_seed(0), chunk_rays=100)
        (picture.features.square().mean() + picture.depth.mean()).backward()
        assert planes.grad is not None
        found.append(planes.grad)
        planes.grad = None
    assert torch.allclose(*found, atol=1e-7)


@pytest.mark.parametrize("fine", [0, 24])
def test_gradient_is_the_slope(fine: int) -> None:
    renderer, planes = _random(settings=replace(SETTINGS, fine=fine, resolution=6))
    direction = torch.randn(planes.shape, generator=torch.Generator().manual_seed(1))

    def value(step: float) -> torch.Tensor:
        moved = planes + step * direction
        picture = renderer.render(moved, _cameras(2))
        return (picture.features.square().sum() + picture.depth.sum()) / 100.0

    planes.requires_grad_(True)
    (gradient,) = torch.autograd.grad(value(0.0), planes)
    with torch.no_grad():
        slope = (value(2e-3) - value(-2e-3)) / 4e-3
    assert slope.item() == pytest.approx((gradient * direction).sum().item(), rel=0.02, abs=0.02)


def test_density_is_what_the_rays_see() -> None:
    renderer = _dense_where_the_planes_agree()
    points = torch.tensor([[[0.1, 0.0, -0.1], [0.3, 0.3, 0.3]]])
    density, _ = renderer.look_up(_blob((0.1, 0.0, -0.1)), points)
    assert density[0, 0] > 100.0 and density[0, 1] < -10.0


def test_arguments_that_do_not_fit() -> None:
    renderer, planes = _random()
    with pytest.raises(ValueError, match="2 planes and 1 cameras"):
        renderer.render(planes, _cameras(1))
    with pytest.raises(ValueError, match="at least 4"):
        VolumeRenderer(VolumeSettings(resolution=4, coarse=3, fine=2), 4)
