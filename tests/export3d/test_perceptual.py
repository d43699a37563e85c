"""The plain distance of the loss; LPIPS has its own tests (`tests/nn/test_lpips.py`)."""

import pytest
import torch

from likeness.export3d.perceptual import plain_distance, sobel

PICTURE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
EVERYWHERE = torch.ones(1, 1, 64, 64)


def test_a_ramp_has_its_slope():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    gradients = sobel(ramp)[..., 1:-1, 1:-1]
    torch.testing.assert_close(gradients[:, 0], torch.ones(1, 6, 6))
    assert not gradients[:, 1].any()


def test_distances_grow_with_the_difference():
    noise = torch.randn(PICTURE.shape, generator=torch.Generator().manual_seed(2))
    far = [float(plain_distance(PICTURE + size * noise, PICTURE, EVERYWHERE)) for size in (0.0, 0.05, 0.2, 0.8)]
    assert far[0] == pytest.approx(0.0, abs=1e-6)
    assert far[0] < far[1] < far[2] < far[3]
    half = EVERYWHERE.clone()
    half[..., 32:] = 0.0
    beside = PICTURE.clone()
    beside[..., 48:] += 0.5
    assert float(plain_distance(beside, PICTURE, half)) < 0.3 * float(plain_distance(beside, PICTURE, EVERYWHERE))
