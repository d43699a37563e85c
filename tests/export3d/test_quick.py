"""Inference on a CPU against the plain tracing that training uses, within the stated bounds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.export3d.cameras import camera_around, canonical_camera
from likeness.export3d.config import VolumeSettings
from likeness.export3d.quick_kernels import sigmoid_in_place, softplus_in_place
from likeness.export3d.volume import VolumePicture, VolumeRenderer

SETTINGS = VolumeSettings(resolution=16, coarse=12, fine=12, hidden=16, features=5)
BOUND = 2.0 * (24 + 2) * 1e-5  # of features, which go from -1 to 1


def _renderer(density: float, settings: VolumeSettings = SETTINGS) -> tuple[VolumeRenderer, torch.Tensor]:
    """Random planes; the larger the number the more abrupt the density."""
    torch.manual_seed(0)
    renderer = VolumeRenderer(settings, 6)
    with torch.no_grad():
        renderer.decoder.outer.weight[0] *= density
        renderer.decoder.outer.bias[:] = torch.randn(6)
        renderer.decoder.inner.bias[:] = torch.randn(16)
    return renderer, 2.0 * torch.randn(2, 3, 6, 12, 12)


def _both(
    renderer: VolumeRenderer, planes: torch.Tensor, *, seed: int | None = None
) -> tuple[VolumePicture, VolumePicture]:
    cameras = torch.stack([torch.from_numpy(camera_around(yaw, 0.1, radius=2.2)) for yaw in (0.5, -0.2)])
    draws = [None if seed is None else torch.Generator().manual_seed(seed) for _ in range(2)]
    plain = renderer.render(planes, cameras, generator=draws[0])
    with torch.no_grad():
        quick = renderer.render(planes, cameras, generator=draws[1])
    return plain, quick


@pytest.mark.parametrize("density", [0.3, 5.0, 60.0])
@pytest.mark.parametrize("seed", [None, 4])
def test_inference_draws_what_training_sees(density: float, seed: int | None) -> None:
    plain, quick = _both(*_renderer(density), seed=seed)
    assert plain.opacity.max() > 0.2
    assert (plain.features - quick.features).abs().max() < BOUND
    assert (plain.opacity - quick.opacity).abs().max() < 3e-5
    solid = plain.opacity > 0.05
    assert (plain.depth - quick.depth)[solid].abs().max() < 1e-3
    assert not quick.features.requires_grad


@pytest.mark.parametrize("changes", [{"fine": 0}, {"coarse": 4, "fine": 3}, {"coarse": 5, "fine": 40}])
def test_any_number_of_depths(changes: dict[str, int]) -> None:
    plain, quick = _both(*_renderer(20.0, replace(SETTINGS, **changes)))
    assert (plain.features - quick.features).abs().max() < 2.0 * (47 + 2) * 1e-5


def _sheet_and_wall() -> tuple[VolumeRenderer, torch.Tensor]:
    """A thin sheet at z = 0.107, where an even sample of eight lies on it, and a wall far behind it.

    One channel that is z; the sheet is a hat of softplus steps, dark, the wall is bright.
    """
    renderer = VolumeRenderer(VolumeSettings(resolution=8, coarse=8, fine=40, hidden=4, features=3), 1)
    inner, outer = renderer.decoder.inner, renderer.decoder.outer
    with torch.no_grad():
        inner.weight[:, 0] = torch.tensor([200.0, 200.0, 200.0, -200.0])
        inner.bias[:] = -200.0 * torch.tensor([0.092, 0.107, 0.122, 0.25])
        outer.weight[0] = torch.tensor([65.0, -130.0, 65.0, 65.0])
        outer.weight[1:] = torch.tensor([0.0, 0.0, 0.0, 1.0])
        outer.bias[:] = torch.tensor([-5.0, -3.0, -3.0, -3.0])
    planes = torch.zeros(1, 3, 1, 256, 256)
    z = 1.5 * ((torch.arange(256) + 0.5) / 256 - 0.5)
    planes[0, 1, 0], planes[0, 2, 0] = z[None, :], z[:, None]
    return renderer, planes


def test_what_only_seems_blocked_is_read_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer, planes = _sheet_and_wall()
    camera = torch.from_numpy(canonical_camera())[None]
    plain = renderer.render(planes, camera)
    with torch.no_grad():
        quick = renderer.render(planes, camera)
        monkeypatch.setattr("likeness.export3d.quick._STILL_BLOCKED", 2.0)  # never again
        careless = renderer.render(planes, camera)
    assert (plain.features - quick.features).abs().max() < 2.0 * (48 + 2) * 1e-5
    assert (plain.depth - quick.depth).abs().max() < 1e-3
    assert (plain.features - careless.features).abs().max() > 0.05


def test_threads_change_nothing() -> None:
    renderer, planes = _renderer(5.0)
    _, one = _both(renderer, planes)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        _, three = _both(renderer, planes)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one.features, three.features)


def test_compiled_activations() -> None:
    values = np.concatenate([np.linspace(-200.0, 200.0, 4001), [0.0, 1e-8, -1e-8]]).astype(np.float32)
    exact = values.astype(np.float64)
    mantissas, bits = np.empty_like(values), np.empty(len(values), np.int32)
    grown, squashed = values.copy(), values.copy()
    softplus_in_place(grown, len(values), mantissas, bits, bits.view(np.float32))
    sigmoid_in_place(squashed, len(values), mantissas, bits, bits.view(np.float32))
    assert np.allclose(grown, np.logaddexp(0.0, exact), rtol=3e-7, atol=3e-7)
    assert np.allclose(squashed, np.exp(-np.logaddexp(0.0, -exact)), rtol=1e-6, atol=1e-7)
