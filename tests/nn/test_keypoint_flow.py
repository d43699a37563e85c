"""Predicted flow: zero between equal pictures, and of the right sign and size between shifted ones."""

import torch

from likeness.nn.keypoint_flow import FLOW_SCALE, KeypointFlow

torch.set_num_threads(1)


def bump(x: float, y: float, size: int = 32) -> torch.Tensor:
    centres = (torch.arange(size) + 0.5) / size * 2.0 - 1.0
    across, down = torch.meshgrid(centres, centres, indexing="xy")
    return torch.exp(-((across - x) ** 2 + (down - y) ** 2) / 0.1).expand(1, 3, -1, -1)


def test_equal_pictures_have_no_flow() -> None:
    torch.manual_seed(0)
    out = KeypointFlow()(bump(0.1, -0.2), bump(0.1, -0.2))
    assert out.shape == (1, 3, 32, 32)
    assert out[:, :2].abs().max() < 1e-6
    assert (out[:, 2:] > 0).all() and (out[:, 2:] < 1).all()


def test_a_detector_that_finds_the_bump_gives_its_displacement() -> None:
    network = KeypointFlow(points=1, width=8)
    network.detector = _Brightness()
    network.mixer = _OnlyThePoint()
    out = network(bump(0.3, 0.0), bump(-0.1, 0.2))
    expected = torch.tensor([0.4, -0.2]) / (2.0 * FLOW_SCALE)  # source minus target, in half picture widths
    assert (out[0, :2].mean((1, 2)) - expected).abs().max() < 0.03  # a pixel has 0.06


class _Brightness(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return 100.0 * image[:, :1]


class _OnlyThePoint(torch.nn.Module):
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out = torch.zeros(len(features), 3, *features.shape[2:])
        out[:, 0] = 50.0
        return out
