"""The objective: learns, is the same for one seed, weighs pixels and timesteps, and drops conditions at its rates."""

from dataclasses import replace

import pytest
import torch

from likeness.fg_portrait.config import DiffusionSettings
from likeness.fg_portrait.latents import draft_with
from likeness.fg_portrait.networks import build_networks
from likeness.fg_portrait.objective import (
    diffusion_term,
    distillation_loss,
    noise_batch,
    training_loss,
    weighted_mean,
)
from likeness.fg_portrait.presets import second_stage, tiny
from likeness.fg_portrait.schedule import NUM_TIMESTEPS
from tests.fg_portrait.models import batch, draft_model, image_model, video_model


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_loss_falls_on_one_fixed_batch() -> None:
    torch.manual_seed(0)
    networks = build_networks(replace(tiny(), diffusion=replace(tiny().diffusion, min_snr_gamma=None)))
    pairs = batch(networks.config, samples=1)
    optimiser = torch.optim.AdamW(networks.trained().values(), lr=5e-3)
    losses = []
    for _ in range(12):
        optimiser.zero_grad()
        loss = training_loss(networks, pairs, seeded())
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("make", [image_model, video_model])
def test_the_same_seed_gives_the_same_loss(make) -> None:
    networks = make()
    pairs = batch(networks.config, frames=1 if networks.config.temporal is None else 3)
    with torch.no_grad():
        first = training_loss(networks, pairs, seeded(1))
        assert torch.equal(first, training_loss(networks, pairs, seeded(1)))
        assert not torch.equal(first, training_loss(networks, pairs, seeded(2)))


def test_a_perfect_network_has_no_loss() -> None:
    networks = image_model()
    pairs = batch(networks.config)
    state = noise_batch(networks, pairs, seeded())
    schedule_target = []

    def knows(noisy, timesteps, **_):
        from likeness.fg_portrait.schedule import make_schedule, prediction_target

        schedule = make_schedule(networks.config.diffusion)
        schedule_target.append(torch.equal(noisy, state.noisy))
        return prediction_target(schedule, state.clean, state.noise, timesteps[:, None])

    networks.predict = knows
    assert float(training_loss(networks, pairs, seeded())) == 0.0
    assert schedule_target == [True]


def test_weights_choose_the_pixels_that_count() -> None:
    error = torch.zeros(1, 1, 2, 4, 4)
    error[..., :2] = 3.0
    left = torch.zeros(1, 1, 1, 16, 16)
    left[..., :8] = 2.0
    assert float(weighted_mean(error, None)) == 1.5
    assert float(weighted_mean(error, left)) == 3.0
    assert float(weighted_mean(error, left.flip(-1))) == 0.0
    assert float(weighted_mean(error, torch.zeros_like(left))) == 0.0


def test_absolute_errors_grow_with_their_size_and_not_its_square() -> None:
    def loss(error: str, off_by: float) -> float:
        networks = image_model(diffusion=DiffusionSettings(prediction="sample", error=error))
        state = noise_batch(networks, pairs, seeded())
        return diffusion_term(networks, pairs, state, state.clean + off_by).item()

    pairs = batch(image_model().config)
    assert [loss("absolute", size) for size in (0.5, 1.0)] == pytest.approx([0.5, 1.0])
    assert [loss("squared", size) for size in (0.5, 1.0)] == pytest.approx([0.25, 1.0])


def test_drops_come_at_their_rates() -> None:
    networks = image_model(diffusion=DiffusionSettings(drop_both=0.25, drop_control=0.25))
    pairs = batch(networks.config, samples=200)
    state = noise_batch(networks, pairs, seeded())
    assert state.keep_source is not None and state.keep_control is not None
    assert abs(float(state.keep_source.float().mean()) - 0.75) < 0.06
    assert abs(float(state.keep_control.float().mean()) - 0.5) < 0.06
    assert not (state.keep_control & ~state.keep_source).any()
    never = image_model(diffusion=DiffusionSettings())
    assert noise_batch(never, batch(never.config), seeded()).keep_source is None


def test_with_drafts_the_difference_is_diffused() -> None:
    networks = draft_model()
    pairs = batch(networks.config)
    clean = noise_batch(networks, pairs, seeded()).clean
    pictures = draft_with(networks.encode_draft(pairs.condition), clean[:, 0])
    torch.testing.assert_close(networks.space.decode(pictures), pairs.targets[:, 0])
    right = replace(pairs, condition=replace(pairs.condition, draft=pairs.targets[:, 0]))
    assert not noise_batch(networks, right, seeded()).clean.any()


def test_a_share_of_the_samples_is_at_the_noisiest_timestep() -> None:
    for share in (0.0, 0.4, 1.0):
        networks = image_model(diffusion=DiffusionSettings(start_share=share))
        timesteps = noise_batch(networks, batch(networks.config, samples=200), seeded()).timesteps
        assert abs(float((timesteps == NUM_TIMESTEPS - 1).float().mean()) - share) < 0.08
        assert share == 1.0 or float((timesteps < 500).float().mean()) > 0.4 * (1.0 - share)


def test_noise_offset_shifts_whole_channels() -> None:
    networks = image_model(diffusion=DiffusionSettings(noise_offset=10.0))
    noise = noise_batch(networks, batch(networks.config, samples=4), seeded()).noise
    assert noise.mean((-1, -2)).std() > 5.0
    assert abs(float(noise.std((-1, -2)).mean()) - 1.0) < 0.1


def test_frames_of_a_sample_share_their_timestep_and_not_their_noise() -> None:
    networks = video_model()
    state = noise_batch(networks, batch(networks.config, samples=2, frames=3), seeded())
    assert state.timesteps.shape == (2,)
    assert not torch.allclose(state.noise[:, 0], state.noise[:, 1])


def test_several_sources_train() -> None:
    networks = image_model()
    loss = training_loss(networks, batch(networks.config, sources=3), seeded())
    loss.backward()
    assert torch.isfinite(loss)


def test_a_student_that_equals_its_teacher_has_no_loss_without_guidance() -> None:
    networks = image_model()
    pairs = batch(networks.config)
    assert distillation_loss(networks, networks, pairs, seeded(), guidance=1.0).item() < 1e-10
    assert distillation_loss(networks, networks, pairs, seeded(), guidance=3.0).item() > 1e-6


def test_batches_that_do_not_fit_are_refused() -> None:
    networks = image_model()
    with pytest.raises(ValueError, match="temporal layers"):
        training_loss(networks, batch(networks.config, frames=2), seeded())
    wrong = replace(batch(networks.config), condition=batch(networks.config, samples=3).condition)
    with pytest.raises(ValueError, match="as many conditions"):
        training_loss(networks, wrong, seeded())


def test_only_motion_is_trained_in_the_second_stage() -> None:
    torch.manual_seed(0)
    networks = build_networks(second_stage(tiny()))
    assert all("motion_modules" in name for name in networks.trained())
    pairs = batch(networks.config, frames=2)
    training_loss(networks, pairs, seeded()).backward()
    assert any(value.grad is not None and value.grad.any() for value in networks.trained().values())
