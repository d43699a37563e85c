"""Noise schedules and the steps that undo them, as functions of tensors: DDIM (Song et al. 2021) and LCM (Luo et al.
2023), for networks that predict noise, v (Salimans and Ho 2022) or the clean latents.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from likeness.fg_portrait.config import DiffusionSettings, Prediction, SamplingSettings

NUM_TIMESTEPS = 1000
FIRST_BETA, LAST_BETA = 0.00085, 0.012  # of Stable Diffusion 1.5
COSINE_SHIFT = 0.008  # Nichol and Dhariwal 2021
LARGEST_BETA = 0.999
LCM_ORIGINAL_STEPS = 50  # of the teacher's skipping during consistency distillation
LCM_SIGMA_DATA, LCM_TIME_SCALE = 0.5, 10.0  # of its boundary condition


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseSchedule:
    """How much signal is left at each timestep, and what the network predicts."""

    signal: Float[Tensor, "1000"]  # factor of the clean latents: the root of the cumulative product of 1 - beta
    noise: Float[Tensor, "1000"]  # factor of the noise; signal^2 + noise^2 = 1
    prediction: Prediction

    def factors(
        self, timesteps: Int[Tensor, "*batch"], like: Float[Tensor, "*shape"]
    ) -> tuple[Float[Tensor, "*batch _ _ _"], Float[Tensor, "*batch _ _ _"]]:
        """Signal and noise factors, ready to multiply latents `[*batch C H W]`; timestep -1 is no noise at all."""
        known = timesteps.to(self.signal.device).clamp(min=0)
        clean = (timesteps < 0).to(self.signal.device)
        signal = torch.where(clean, torch.ones_like(self.signal[known]), self.signal[known])
        noise = torch.where(clean, torch.zeros_like(signal), self.noise[known])
        return signal.to(like)[..., None, None, None], noise.to(like)[..., None, None, None]


def make_schedule(settings: DiffusionSettings) -> NoiseSchedule:
    """The schedule of a configuration, on the CPU, in float32 from float64."""
    signal = (1.0 - _betas(settings)).cumprod(0).sqrt()
    if settings.zero_terminal_snr:  # Lin et al. 2023, algorithm 1: shift the end to zero, keep the start
        first, last = signal[0].clone(), signal[-1].clone()
        signal = (signal - last) * first / (first - last)
    return NoiseSchedule(
        signal=signal.float(), noise=(1.0 - signal.square()).sqrt().float(), prediction=settings.prediction
    )


def _betas(settings: DiffusionSettings) -> Float[Tensor, "1000"]:
    if settings.betas == "scaled_linear":
        return torch.linspace(FIRST_BETA**0.5, LAST_BETA**0.5, NUM_TIMESTEPS, dtype=torch.float64).square()
    if settings.betas == "linear":
        return torch.linspace(FIRST_BETA, LAST_BETA, NUM_TIMESTEPS, dtype=torch.float64)
    time = torch.arange(NUM_TIMESTEPS + 1, dtype=torch.float64) / NUM_TIMESTEPS
    left = torch.cos((time + COSINE_SHIFT) / (1.0 + COSINE_SHIFT) * torch.pi / 2.0).square()
    return (1.0 - left[1:] / left[:-1]).clamp(max=LARGEST_BETA)


def add_noise(
    schedule: NoiseSchedule,
    clean: Float[Tensor, "*batch C H W"],
    noise: Float[Tensor, "*batch C H W"],
    timesteps: Int[Tensor, "*batch"],
) -> Float[Tensor, "*batch C H W"]:
    """Latents at that noise level."""
    signal_factor, noise_factor = schedule.factors(timesteps, clean)
    return signal_factor * clean + noise_factor * noise


def prediction_target(
    schedule: NoiseSchedule,
    clean: Float[Tensor, "*batch C H W"],
    noise: Float[Tensor, "*batch C H W"],
    timesteps: Int[Tensor, "*batch"],
) -> Float[Tensor, "*batch C H W"]:
    """What the network shall say: the noise, the clean latents, or v = signal * noise - noise level * clean."""
    if schedule.prediction == "epsilon":
        return noise
    if schedule.prediction == "sample":
        return clean
    signal_factor, noise_factor = schedule.factors(timesteps, clean)
    return signal_factor * noise - noise_factor * clean


def clean_and_noise(
    schedule: NoiseSchedule,
    predicted: Float[Tensor, "*batch C H W"],
    noisy: Float[Tensor, "*batch C H W"],
    timesteps: Int[Tensor, "*batch"],
) -> tuple[Float[Tensor, "*batch C H W"], Float[Tensor, "*batch C H W"]]:
    """The clean latents and the noise that a prediction stands for."""
    signal_factor, noise_factor = schedule.factors(timesteps, noisy)
    if schedule.prediction == "epsilon":
        return (noisy - noise_factor * predicted) / signal_factor, predicted
    if schedule.prediction == "sample":
        return predicted, (noisy - signal_factor * predicted) / noise_factor
    return signal_factor * noisy - noise_factor * predicted, signal_factor * predicted + noise_factor * noisy


def loss_weights(
    schedule: NoiseSchedule, timesteps: Int[Tensor, "*batch"], gamma: float | None
) -> Float[Tensor, "*batch"]:
    """Min-SNR weights of the squared error (Hang et al. 2023): min(SNR, gamma) on clean latents; None: all are 1."""
    if gamma is None:
        return torch.ones(timesteps.shape, device=timesteps.device)
    known = timesteps.to(schedule.signal.device)
    signal, noise = schedule.signal[known].square(), schedule.noise[known].square()
    ratio = signal / noise
    clipped = ratio.clamp(max=gamma)
    per_error = {"epsilon": ratio, "v": ratio + 1.0, "sample": torch.ones_like(ratio)}[schedule.prediction]
    return (clipped / per_error).to(timesteps.device)


def sampling_timesteps(settings: SamplingSettings) -> list[int]:
    """Noise levels to visit, from the noisiest on.

    Raises:
        ValueError: more steps than the sampler has.
    """
    limit = LCM_ORIGINAL_STEPS if settings.sampler == "lcm" else NUM_TIMESTEPS
    if settings.steps > limit:
        raise ValueError(f"{settings.sampler} has at most {limit} steps, got {settings.steps}")
    if settings.sampler == "lcm":
        skip = NUM_TIMESTEPS // LCM_ORIGINAL_STEPS
        original = [skip * (index + 1) - 1 for index in range(LCM_ORIGINAL_STEPS)][::-1]
        return [original[LCM_ORIGINAL_STEPS * index // settings.steps] for index in range(settings.steps)]
    if settings.spacing == "leading":  # Stable Diffusion's own, with its offset of 1
        stride = NUM_TIMESTEPS // settings.steps
        return [min(stride * index + 1, NUM_TIMESTEPS - 1) for index in range(settings.steps)][::-1]
    return [round(NUM_TIMESTEPS * (1.0 - index / settings.steps)) - 1 for index in range(settings.steps)]


def ddim_step(
    schedule: NoiseSchedule,
    predicted: Float[Tensor, "N C H W"],
    noisy: Float[Tensor, "N C H W"],
    *,
    timestep: int,
    following: int,
) -> Float[Tensor, "N C H W"]:
    """Latents at the next noise level without fresh noise (eta 0); `following` = -1 gives clean latents."""
    clean, noise = clean_and_noise(schedule, predicted, noisy, _every(timestep, noisy))
    return add_noise(schedule, clean, noise, _every(following, noisy))


def lcm_step(
    schedule: NoiseSchedule,
    predicted: Float[Tensor, "N C H W"],
    noisy: Float[Tensor, "N C H W"],
    fresh_noise: Float[Tensor, "N C H W"],
    *,
    timestep: int,
    following: int,
) -> Float[Tensor, "N C H W"]:
    """Clean latents by the consistency function, noised anew to the next level; `following` = -1 leaves them clean."""
    clean, _ = clean_and_noise(schedule, predicted, noisy, _every(timestep, noisy))
    scaled = timestep * LCM_TIME_SCALE
    skip = LCM_SIGMA_DATA**2 / (scaled**2 + LCM_SIGMA_DATA**2)
    out = scaled / (scaled**2 + LCM_SIGMA_DATA**2) ** 0.5
    return add_noise(schedule, out * clean + skip * noisy, fresh_noise, _every(following, noisy))


def _every(timestep: int, like: Float[Tensor, "N C H W"]) -> Int[Tensor, " N"]:
    return torch.full((len(like),), timestep, device=like.device)
