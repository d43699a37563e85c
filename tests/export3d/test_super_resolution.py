import torch
import torch.nn.functional as F

from likeness.export3d.config import SuperResolutionSettings
from likeness.export3d.super_resolution import SuperResolution


def test_it_begins_near_the_enlarged_small_picture():
    torch.manual_seed(0)
    network = SuperResolution(SuperResolutionSettings(first=24, blocks=1, doublings=(16, 16)), features=16)
    features = torch.rand(2, 16, 16, 16) * 2.0 - 1.0
    picture = network(features)
    plain = F.interpolate(
        F.interpolate(features[:, :3], scale_factor=2, mode="bilinear"), scale_factor=2, mode="bilinear"
    )
    assert picture.shape == (2, 3, 64, 64)
    assert (picture - plain).abs().mean() < 0.15 * plain.abs().mean() + 0.05


def test_without_doublings_the_colours_pass():
    network = SuperResolution(SuperResolutionSettings(first=8, blocks=1, doublings=()), features=16)
    features = torch.randn(1, 16, 8, 8)
    torch.testing.assert_close(network(features), features[:, :3])
