"""Compositing against closed forms."""

import torch

from likeness.export3d.march import composited, composited_depth, interval_weights, sample_weights


def _uneven_depths() -> torch.Tensor:
    steps = torch.rand(5, 40, generator=torch.Generator().manual_seed(0))
    return 2.0 + steps.cumsum(dim=-1) / 20.0


def test_constant_density_gives_the_analytic_transmittance() -> None:
    depths = _uneven_depths()
    density = torch.full_like(depths, 0.7)
    weights = interval_weights(depths, density)
    sigma = torch.log1p(torch.exp(torch.tensor(0.7 - 1.0)))
    through = torch.exp(-sigma * (depths[:, 1:] - depths[:, :1]))
    assert torch.allclose(1.0 - weights.cumsum(dim=-1), through, atol=1e-6)


def test_weights_are_those_of_the_product_form() -> None:
    depths = _uneven_depths()
    density = 6.0 * torch.randn(5, 40, generator=torch.Generator().manual_seed(1))
    sigma = torch.nn.functional.softplus(0.5 * (density[:, 1:] + density[:, :-1]) - 1.0)
    alpha = 1.0 - torch.exp(-sigma * depths.diff(dim=-1))
    before = torch.cumprod(torch.cat([torch.ones(5, 1), 1.0 - alpha + 1e-10], dim=-1), dim=-1)[:, :-1]
    weights = interval_weights(depths, density)
    assert torch.allclose(weights, alpha * before, atol=1e-6)
    assert (weights >= 0.0).all() and (weights.sum(dim=-1) <= 1.0).all()


def test_samples_share_the_weight_of_their_intervals() -> None:
    weights = torch.rand(3, 7, generator=torch.Generator().manual_seed(0))
    features = torch.randn(3, 8, 2, generator=torch.Generator().manual_seed(1))
    of_middles = (weights[..., None] * 0.5 * (features[:, 1:] + features[:, :-1])).sum(dim=1)
    assert torch.allclose(composited(sample_weights(weights), features), of_middles, atol=1e-5)


def test_compositing_has_the_gradient_of_the_sum() -> None:
    draw = torch.Generator().manual_seed(0)
    weights = torch.rand(2, 3, 4, generator=draw, dtype=torch.float64, requires_grad=True)
    features = torch.randn(2, 3, 4, 5, generator=draw, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(composited, (weights, features))


def test_depth_of_a_wall_and_of_nothing() -> None:
    depths = _uneven_depths()
    wall = torch.where(torch.arange(40) >= 20, 1e4, -1e4).expand(5, 40)
    weights = interval_weights(depths, wall)
    at = composited_depth(depths, weights)
    assert (at >= depths[:, 19]).all() and (at <= depths[:, 21]).all()
    empty = interval_weights(depths, torch.full_like(depths, -60.0))
    assert torch.allclose(composited_depth(depths, empty), depths[:, -1], atol=1e-3)
