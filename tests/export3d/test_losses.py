"""The terms: closed forms, weights, the start of the game, the squared gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.export3d.batches import Batch
from likeness.export3d.discriminator import Discriminator
from likeness.export3d.losses import (
    LossSettings,
    density_term,
    judged,
    layer_terms,
    on_truth,
    reconstruction,
)
from likeness.export3d.model import Content, Picture
from likeness.export3d.perceptual import plain_distance
from tests.export3d.models import tiny_config, tiny_model

CONFIG = tiny_config()
TRUTH = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3)) * 2.0 - 1.0


def batch(**changes):
    one = torch.ones(2, 1, 64, 64)
    whole = Batch(
        sources=TRUTH, source_mattes=one, targets=TRUTH, weights=one, mattes=one, knows_matte=torch.ones(2),
        inputs=torch.zeros(2, 4), cameras=torch.zeros(2, 25), face_maps=torch.zeros(2, 2, 3),
    )  # fmt: skip
    return replace(whole, **changes)


def picture(image, small=None, opacity=1.0):
    small = (
        torch.nn.functional.interpolate(image, size=(16, 16), mode="bilinear", antialias=True)
        if small is None
        else small
    )
    plain = torch.ones(2, 1, 16, 16)
    return Picture(image=image, small=small, depth=plain, opacity=opacity * plain)


def test_the_truth_costs_nothing():
    terms = reconstruction(picture(TRUTH), batch(), LossSettings(), plain_distance)
    assert max(float(value) for value in terms.values()) < 1e-5


def test_a_shift_in_brightness_costs_its_size():
    terms = reconstruction(picture(TRUTH + 0.5), batch(), LossSettings(picture=2.0), plain_distance)
    assert float(terms["picture"]) == pytest.approx(1.0, abs=1e-5)
    assert float(terms["small"]) == pytest.approx(0.5, abs=1e-5)
    assert float(terms["perceptual"]) == pytest.approx(0.5, abs=1e-4)  # no gradient differs


def test_pixels_that_are_not_trusted_do_not_count():
    weights = torch.ones(2, 1, 64, 64)
    weights[..., 32:] = 0.0
    changed = TRUTH.clone()
    changed[..., 36:] += 1.0
    terms = reconstruction(picture(changed), batch(weights=weights), LossSettings(small=0.0), plain_distance)
    assert float(terms["picture"]) == 0.0
    shown = on_truth(picture(changed), batch(weights=weights))
    torch.testing.assert_close(shown.image, TRUTH)


def test_the_game_begins_when_its_time_has_come():
    settings = LossSettings(adversarial=0.02, adversarial_start=0.4, adversarial_ramp=0.1)
    now = [settings.adversarial_now(progress) for progress in (0.0, 0.39, 0.45, 0.5, 1.0)]
    np.testing.assert_allclose(now, [0.0, 0.0, 0.01, 0.02, 0.02])


def test_the_penalty_is_the_squared_gradient_at_real_pictures():
    torch.manual_seed(0)
    judge = Discriminator(CONFIG.discriminator, image_size=64)
    data = batch(cameras=torch.randn(2, 25))
    fake = picture(-TRUTH)
    with_penalty, without = (judged(judge, fake, data, penalty=value) for value in (3.0, 0.0))
    assert set(with_penalty) - set(without) == {"penalty"}
    real = TRUTH.clone().requires_grad_()
    small = picture(TRUTH).small.clone().requires_grad_()
    gradients = torch.autograd.grad(judge(real, small, data.cameras).sum(), (real, small))
    expected = 1.5 * sum(gradient.square().sum() for gradient in gradients) / 2.0
    torch.testing.assert_close(with_penalty["penalty"], expected, rtol=1e-4, atol=1e-6)
    with_penalty["penalty"].backward()
    assert any(value.grad is not None and value.grad.abs().max() > 0.0 for value in judge.parameters())


def test_opacity_is_asked_to_be_the_matte_only_where_that_is_known():
    data = batch(mattes=torch.zeros(2, 1, 64, 64), knows_matte=torch.tensor([1.0, 0.0]))
    settings = LossSettings(matte=1.0, entropy=1.0)
    full, half = (layer_terms(picture(TRUTH, opacity=value), data, settings) for value in (1.0, 0.5))
    assert float(full["matte"]) == pytest.approx(1.0, abs=1e-3)
    assert float(half["matte"]) == pytest.approx(0.25, abs=1e-3)
    assert float(half["entropy"]) == pytest.approx(np.log(2.0), abs=1e-4)
    assert float(full["entropy"]) < 2e-3


def test_even_density_costs_nothing():
    model = tiny_model(CONFIG)
    planes = torch.zeros(1, 3, 8, 32, 32)
    even = density_term(model, Content(planes=planes), torch.Generator().manual_seed(0))
    uneven = density_term(model, Content(planes=torch.randn(1, 3, 8, 32, 32)), torch.Generator().manual_seed(0))
    assert float(even) < 1e-6 < 1e-3 < float(uneven)
