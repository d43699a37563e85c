"""The expression encoder: an orthonormal basis that does not flip, gradients through QR, its frozen form, sizes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.export3d.clebs import ExpressionEncoder
from likeness.export3d.config import GAZE_NUMBERS, ExpressionSettings
from likeness.export3d.image_encoder import ImageEncoder, ImageEncoderSettings, parameter_count, picture_tensor

torch.set_num_threads(1)
PAPER = ExpressionSettings(head="bfm", size=64)
SMALL = ExpressionSettings(head="drawn", size=12, width=32, basis=5, gaze_basis=2, hidden=16)
WITH_GAZE = ExpressionSettings(head="drawn", size=12, gaze=True, width=32, basis=5, gaze_basis=2, hidden=16)


def made(settings: ExpressionSettings, seed: int = 0) -> ExpressionEncoder:
    torch.manual_seed(seed)
    return ExpressionEncoder(settings)


def numbers(settings: ExpressionSettings, count: int = 6) -> torch.Tensor:
    return torch.randn(count, settings.inputs, generator=torch.Generator().manual_seed(1))


def test_the_basis_is_orthonormal_and_spans_the_vectors():
    encoder = made(PAPER)
    basis = encoder.basis()
    assert (basis.T @ basis - torch.eye(10)).abs().max() < 1e-5
    inputs = numbers(PAPER)
    coefficients = encoder.coefficients(inputs)
    torch.testing.assert_close(encoder(inputs), coefficients @ basis.T, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(encoder(inputs) @ basis, coefficients, rtol=1e-4, atol=1e-5)


def test_the_basis_follows_its_weight_without_flipping():
    encoder = made(SMALL)
    before = encoder.basis().detach()
    with torch.no_grad():
        encoder.weight += 1e-4 * torch.randn(encoder.weight.shape)
    assert (encoder.basis() - before).abs().max() < 1e-3
    with torch.no_grad():
        encoder.weight.copy_(before * torch.arange(1.0, 6.0))  # an orthogonal weight is its own basis
    torch.testing.assert_close(encoder.basis(), before, rtol=0, atol=1e-5)


def test_gradients_reach_the_basis_and_the_perceptron():
    encoder = made(WITH_GAZE)
    encoder(numbers(WITH_GAZE)).square().sum(dim=-1).sub(1.0).pow(3).sum().backward()
    assert all(value.grad is not None and torch.isfinite(value.grad).all() for value in encoder.parameters())
    (encoder(numbers(WITH_GAZE)) * torch.arange(32.0)).sum().backward()
    assert encoder.weight.grad.abs().max() > 1e-3


def test_gaze_has_directions_of_its_own():
    encoder = made(WITH_GAZE)
    inputs = numbers(WITH_GAZE)
    looked = inputs.clone()
    looked[:, -GAZE_NUMBERS:] += 1.0
    change = encoder.coefficients(looked) - encoder.coefficients(inputs)
    assert change[:, :5].abs().max() == 0.0 and change[:, 5:].abs().max() > 1e-4
    expression, gaze = encoder.groups(inputs)
    torch.testing.assert_close(expression + gaze, encoder(inputs), rtol=1e-5, atol=1e-6)
    assert (expression * gaze).sum(dim=-1).abs().max() < 1e-5  # groups are orthogonal


def test_freezing_keeps_the_numbers_and_stops_learning():
    encoder, inputs = made(WITH_GAZE), numbers(WITH_GAZE)
    encoder.set_statistics(inputs.mean(0), inputs.std(0))
    encoder.set_gain(inputs)
    before = encoder(inputs).detach()
    assert encoder.freeze() is encoder and encoder.is_frozen
    torch.testing.assert_close(encoder(inputs), before, rtol=1e-6, atol=1e-6)
    assert not any(value.requires_grad for value in encoder.parameters())
    assert {"mean", "deviation", "gain", "directions"} <= set(encoder.state_dict())
    assert "weight" not in encoder.state_dict()
    other = made(WITH_GAZE, seed=5).freeze()
    other.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(other(inputs), before, rtol=0, atol=0)
    assert encoder.freeze().is_frozen  # once more changes nothing


def test_the_gain_makes_coefficients_about_one():
    encoder, inputs = made(SMALL), numbers(SMALL, 500)
    encoder.set_gain(inputs)
    assert encoder(inputs).norm(dim=-1).mean().item() == pytest.approx(5**0.5, rel=1e-4)


def test_numbers_that_hardly_vary_are_not_blown_up():
    encoder = made(SMALL)
    deviation = torch.ones(12)
    deviation[3] = 1e-7
    encoder.set_statistics(torch.zeros(12), deviation)
    assert encoder.deviation[3].item() == pytest.approx(0.05)


def test_sizes_are_those_of_the_specification():
    assert parameter_count(made(PAPER)) == 156_042
    assert parameter_count(made(replace(PAPER, layer_norm=False))) == 156_042 - 2 * 64
    assert parameter_count(ImageEncoder(ImageEncoderSettings())) == pytest.approx(11.4e6, rel=0.01)
    small = ImageEncoderSettings(channels=(32, 64, 128, 256))
    assert parameter_count(ImageEncoder(small)) == pytest.approx(2.9e6, rel=0.02)


def test_a_layer_norm_loses_how_strong_an_expression_is():
    inputs = numbers(SMALL) - numbers(SMALL).mean(dim=-1, keepdim=True)
    for layer_norm in (True, False):
        encoder = made(replace(SMALL, layer_norm=layer_norm))
        is_equal = torch.allclose(encoder(inputs), encoder(3.0 * inputs), atol=1e-3)
        assert is_equal == layer_norm


def test_direct_is_linear_and_has_no_coefficients():
    encoder = made(ExpressionSettings(head="drawn", size=12, encoding="direct", width=32))
    first, second = numbers(SMALL)[:2], numbers(SMALL)[2:4]
    twice = encoder(0.5 * (first + second))
    torch.testing.assert_close(twice, 0.5 * (encoder(first) + encoder(second)), rtol=1e-5, atol=1e-6)
    for call in (encoder.coefficients, encoder.groups):
        with pytest.raises(ValueError, match="no basis"):
            call(first)
    with pytest.raises(ValueError, match="no basis"):
        encoder.freeze()


def test_pictures_of_several_sides_become_vectors():
    encoder = ImageEncoder(ImageEncoderSettings(channels=(8, 16), width=12))
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3)).astype(np.uint8)
    tensor = picture_tensor(torch.from_numpy(pictures))
    assert tensor.shape == (2, 3, 32, 64) and -1.0 <= tensor.min() < tensor.max() <= 1.0
    assert encoder(tensor).shape == (2, 12)
    for wrong in ({"channels": ()}, {"channels": (12,)}, {"width": 0}):
        with pytest.raises(ValueError):
            ImageEncoderSettings(**wrong)
