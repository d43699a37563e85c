"""The generator: shapes, what holds before training, the running average, the low-pass filter."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from likeness.export3d.attention import EPSILON, ExpressionNorm, ReducedAttention
from likeness.export3d.blocks import LowPass
from likeness.export3d.generator import EARLY_STEPS, Generator
from likeness.export3d.presets import PRESETS
from tests.export3d.models import settings, tiny_config

CONFIG = tiny_config()
WIDTH = CONFIG.expression.width
IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2.0 - 1.0
ONE, OTHER = torch.randn(2, 2, WIDTH, generator=torch.Generator().manual_seed(2))


def generator(**changes):
    torch.manual_seed(0)
    chosen = replace(CONFIG.generator, **changes)
    return Generator(chosen, expression_width=WIDTH, plane_size=CONFIG.plane_size)


@pytest.mark.parametrize(
    ("preset", "size", "millions"),
    [("base_512", 256, 94.99), ("base_256", 128, 69.81), ("small", 128, 18.84), ("tiny", 32, 0.32)],
)
def test_presets_have_the_planes_and_parameters_of_the_specification(preset, size, millions):
    config = PRESETS[preset](settings())
    with torch.device("meta"):
        network = Generator(config.generator, expression_width=config.expression.width, plane_size=config.plane_size)
        image = torch.empty(1, 3, config.image_size, config.image_size)
        planes = network(network.read(image), torch.empty(1, config.expression.width))
    assert planes.shape == (1, 3, config.generator.plane_channels, size, size)
    assert sum(value.numel() for value in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.006)


@pytest.mark.parametrize("conditioning", ["eadaln", "cross_attention"])
def test_expressions_are_alike_before_training_and_differ_after_one_step(conditioning):
    network = generator(conditioning=conditioning)
    source = network.read(IMAGES)
    torch.testing.assert_close(network(source, ONE), network(source, OTHER))
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    (network(network.read(IMAGES), ONE) * torch.randn(2, 3, 8, 32, 32)).mean().backward()
    optimiser.step()
    source = network.read(IMAGES)
    assert (network(source, ONE) - network(source, OTHER)).abs().max() > 1e-6


def test_the_norm_is_a_plain_one_before_training():
    norm = ExpressionNorm(16, 8)
    tokens = torch.randn(2, 5, 16)
    torch.testing.assert_close(norm(tokens, torch.randn(2, 8)), F.layer_norm(tokens, (16,), eps=EPSILON))


def test_a_reduction_of_one_is_plain_attention():
    attention = ReducedAttention(16, 2, 1)
    tokens = torch.randn(2, 16, 16)
    key, value = attention.key_value(tokens).chunk(2, dim=-1)
    parts = [part.unflatten(-1, (2, 8)).transpose(1, 2) for part in (attention.query(tokens), key, value)]
    shares = (parts[0] @ parts[1].transpose(-1, -2) / 8**0.5).softmax(dim=-1)
    expected = attention.output((shares @ parts[2]).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(tokens, 4), expected)


def test_the_low_pass_keeps_means_and_removes_the_grid():
    assert LowPass(1.0).kernel.numel() == 5
    assert LowPass(4.0).kernel.numel() == 17
    filtered = LowPass(1.0)
    flat = torch.full((1, 2, 9, 9), 0.7)
    torch.testing.assert_close(filtered(flat), flat)
    stripes = torch.ones(1, 1, 32, 32)
    stripes[..., 1::2] = -1.0
    left = filtered(stripes)[..., 4:-4, 4:-4].abs().max()
    assert 20.0 * torch.log10(left) < -20.0


def test_the_average_converges_to_the_mean_of_constant_planes_and_never_contains_itself():
    network = generator(average=0.9, early_average=0.5)
    planes = torch.randn(4, 3, 8, 32, 32)
    for step in range(20):
        network.follow(planes, step)
    torch.testing.assert_close(network.average, planes.mean(dim=0), atol=1e-4, rtol=0.0)
    before = network.average.clone()
    network.follow(planes + 1.0, EARLY_STEPS)
    torch.testing.assert_close(network.average, before + 0.1, atol=1e-3, rtol=0.0)
    source = network.read(IMAGES)
    torch.testing.assert_close(
        network(source, ONE) - network.difference(source, ONE), network.average.expand(2, -1, -1, -1, -1)
    )


def test_without_an_average_nothing_follows():
    network = generator(average=0.0)
    network.follow(torch.randn(1, 3, 8, 32, 32), 0)
    assert not network.average.any()


def test_a_single_shuffle_and_high_resolution_skips_have_the_same_planes():
    for changes in ({"up_mode": "single"}, {"high_resolution_skip": True}, {"low_pass": 0.0}):
        network = generator(**changes)
        assert network(network.read(IMAGES), ONE).shape == (2, 3, 8, 32, 32)


def test_high_resolution_skips_change_nothing_before_training():
    network = generator(high_resolution_skip=True)
    source = network.read(IMAGES)
    assert sorted(source.skips) == [16, 32]
    silent = replace(source, skips={side: torch.zeros_like(value) for side, value in source.skips.items()})
    difference = network(source, ONE) - network(silent, ONE)
    assert difference.abs().max() < 1e-5
