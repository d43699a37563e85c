"""Noise schedules and steps, against closed forms and an independent implementation."""

from dataclasses import replace

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, LCMScheduler

from likeness.fg_portrait.config import DiffusionSettings, SamplingSettings
from likeness.fg_portrait.schedule import (
    NUM_TIMESTEPS,
    add_noise,
    clean_and_noise,
    ddim_step,
    lcm_step,
    loss_weights,
    make_schedule,
    prediction_target,
    sampling_timesteps,
)

THEIR_BETAS = {"scaled_linear": "scaled_linear", "linear": "linear", "squared_cosine": "squaredcos_cap_v2"}
THEIR_PREDICTION = {"epsilon": "epsilon", "v": "v_prediction", "sample": "sample"}


def latents(seed: int = 0) -> torch.Tensor:
    return torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("betas", THEIR_BETAS)
@pytest.mark.parametrize("prediction", THEIR_PREDICTION)
@pytest.mark.parametrize("zero", [False, True])
def test_ddim_agrees_with_another_implementation(betas: str, prediction: str, zero: bool) -> None:
    if zero and prediction == "epsilon":
        pytest.skip("not a valid combination")
    schedule = make_schedule(DiffusionSettings(betas=betas, prediction=prediction, zero_terminal_snr=zero))
    theirs = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule=THEIR_BETAS[betas],
        prediction_type=THEIR_PREDICTION[prediction],
        rescale_betas_zero_snr=zero,
        timestep_spacing="trailing",
        clip_sample=False,
    )
    theirs.set_timesteps(20)
    times = sampling_timesteps(SamplingSettings(steps=20))
    assert times == theirs.timesteps.tolist()
    noisy = ours = latents()
    for index, time in enumerate(times):
        predicted = latents(seed=index + 1)
        following = times[index + 1] if index + 1 < len(times) else -1
        ours = ddim_step(schedule, predicted, ours, timestep=time, following=following)
        noisy = theirs.step(predicted, time, noisy).prev_sample
        scale = noisy.abs().max()
        torch.testing.assert_close(
            ours / scale, noisy / scale, atol=2e-3 if betas == "squared_cosine" else 1e-4, rtol=0
        )


def test_leading_spacing_is_that_of_stable_diffusion() -> None:
    theirs = DDIMScheduler(timestep_spacing="leading", steps_offset=1)
    theirs.set_timesteps(25)
    assert sampling_timesteps(SamplingSettings(steps=25, spacing="leading")) == theirs.timesteps.tolist()


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_lcm_agrees_with_another_implementation(steps: int) -> None:
    schedule = make_schedule(DiffusionSettings())
    theirs = LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
    theirs.set_timesteps(steps, original_inference_steps=50)
    times = sampling_timesteps(SamplingSettings(sampler="lcm", steps=steps))
    assert times == theirs.timesteps.tolist()
    ours = noisy = latents()
    for index, time in enumerate(times):
        predicted, generator = latents(seed=index + 1), torch.Generator().manual_seed(index)
        fresh = torch.randn(noisy.shape, generator=generator)
        noisy = theirs.step(predicted, time, noisy, generator=generator.manual_seed(index)).prev_sample
        following = times[index + 1] if index + 1 < len(times) else -1
        ours = lcm_step(schedule, predicted, ours, fresh, timestep=time, following=following)
        torch.testing.assert_close(ours, noisy, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("prediction", THEIR_PREDICTION)
def test_a_true_prediction_gives_back_clean_latents_and_noise(prediction: str) -> None:
    schedule = make_schedule(DiffusionSettings(prediction=prediction))
    clean, noise, times = latents(1), latents(2), torch.tensor([0, 400, 999])
    noisy = add_noise(schedule, clean, noise, times)
    theirs = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    torch.testing.assert_close(noisy, theirs.add_noise(clean, noise, times), atol=1e-5, rtol=1e-5)
    target = prediction_target(schedule, clean, noise, times)
    found = clean_and_noise(schedule, target, noisy, times)
    torch.testing.assert_close(found, (clean, noise), atol=1e-4, rtol=1e-4)
    if prediction == "v":
        torch.testing.assert_close(target, theirs.get_velocity(clean, noise, times), atol=1e-5, rtol=1e-5)


def test_zero_terminal_snr_ends_in_pure_noise() -> None:
    settings = DiffusionSettings(prediction="v", zero_terminal_snr=True)
    schedule = make_schedule(settings)
    plain = make_schedule(replace(settings, zero_terminal_snr=False))
    assert schedule.signal[-1] == 0.0
    torch.testing.assert_close(schedule.signal[0], plain.signal[0])
    last = torch.full((3,), NUM_TIMESTEPS - 1)
    assert torch.equal(add_noise(schedule, latents(1), latents(2), last), latents(2))


def test_min_snr_weights_in_closed_form() -> None:
    times = torch.tensor([10, 500, 990])
    for prediction in ("epsilon", "v", "sample"):
        schedule = make_schedule(DiffusionSettings(prediction=prediction))
        ratio = (schedule.signal[times] / schedule.noise[times]) ** 2
        expected = ratio.clamp(max=5.0) / {"epsilon": ratio, "v": ratio + 1.0, "sample": 1.0}[prediction]
        torch.testing.assert_close(loss_weights(schedule, times, 5.0), expected)
        assert torch.equal(loss_weights(schedule, times, None), torch.ones(3))


def test_too_many_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 50"):
        sampling_timesteps(SamplingSettings(sampler="lcm", steps=51))
