"""The training objective of both stages: noise is added to target latents, and the networks say what was added.

A training loop needs only `training_loss`; which parameters it changes is `Networks.trained`.
"""

from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from likeness.fg_portrait.config import DiffusionSettings
from likeness.fg_portrait.control import MotionCondition
from likeness.fg_portrait.face_loss import FaceTruth, Recogniser, face_terms
from likeness.fg_portrait.latents import difference_from, draft_with
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.schedule import (
    NUM_TIMESTEPS,
    add_noise,
    clean_and_noise,
    loss_weights,
    make_schedule,
    prediction_target,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """B samples: K pictures of a person, and T moments of the same person. T is 1 in stage 1. Pictures in [-1, 1]."""

    sources: Float[Tensor, "B K 3 H W"]
    targets: Float[Tensor, "B T 3 H W"]
    condition: MotionCondition  # of B x T frames, sample by sample
    weights: Float[Tensor, "B T 1 H W"] | None = None  # of the error per pixel; 0 where the target is not true
    faces: FaceTruth | None = None  # for models whose decoded faces are compared

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        return Batch(
            sources=self.sources.to(device, non_blocking=True),
            targets=self.targets.to(device, non_blocking=True),
            condition=self.condition.to(device),
            weights=None if self.weights is None else self.weights.to(device, non_blocking=True),
            faces=None if self.faces is None else self.faces.to(device),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Noised:
    """Targets with noise on them, and what the networks see of it."""

    clean: Float[Tensor, "B T C h w"]
    noise: Float[Tensor, "B T C h w"]
    noisy: Float[Tensor, "B T C h w"]
    sources: Float[Tensor, "BK C h w"]
    timesteps: Int[Tensor, " B"]  # all frames of a sample share theirs
    keep_source: Bool[Tensor, " B"] | None  # None: every sample keeps it
    keep_control: Bool[Tensor, " B"] | None


def training_loss(networks: Networks, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
    """Weighted mean error of the prediction (FG-Portrait, equation 1): squared or absolute, weighted by min-SNR
    or not, as the model is configured.

    Args:
        generator: draws timesteps, noise and which conditions are dropped; a CPU generator gives the same numbers
            whatever the device.

    Raises:
        ValueError: the batch does not fit the model.
    """
    state = noise_batch(networks, batch, generator)
    return diffusion_term(networks, batch, state, predict_batch(networks, batch, state))


def training_terms(
    networks: Networks, batch: Batch, generator: torch.Generator, recogniser: Recogniser | None = None
) -> dict[str, Float[Tensor, ""]]:
    """The training loss as `diffusion`, and what decoded faces add to it: `landmarks`, `identity`.

    Args:
        recogniser: for the identity term; without it there is none.
    """
    state = noise_batch(networks, batch, generator)
    predicted = predict_batch(networks, batch, state)
    terms = {"diffusion": diffusion_term(networks, batch, state, predicted)}
    settings = networks.config.diffusion.face
    if not settings.is_on:
        return terms
    if batch.faces is None:
        raise ValueError("a loss on decoded faces needs to know where they are")
    chosen = torch.nonzero(state.timesteps < settings.below).flatten()
    if len(chosen) == 0:
        return terms
    share = len(chosen) / len(state.timesteps)
    faces = FaceTruth(maps=batch.faces.maps[chosen], landmarks=batch.faces.landmarks[chosen])
    found = face_terms(
        decoded_prediction(networks, batch, state, predicted, chosen),
        batch.targets[chosen],
        faces,
        settings,
        trust=None if batch.weights is None else batch.weights[chosen],
        recogniser=recogniser,
    )
    return terms | {name: share * value for name, value in found.items()}


def decoded_prediction(
    networks: Networks,
    batch: Batch,
    state: Noised,
    predicted: Float[Tensor, "B T C h w"],
    chosen: Int[Tensor, " N"],
) -> Float[Tensor, "N T 3 H W"]:
    """Pictures of the clean latents that the prediction stands for, of some of the samples; gradients pass through."""
    frames = predicted.shape[1]
    schedule = make_schedule(networks.config.diffusion)
    clean, _ = clean_and_noise(schedule, predicted[chosen], state.noisy[chosen], frame_times(state)[chosen])
    flat = rearrange(clean, "N T C h w -> (N T) C h w")
    if networks.config.control.draft:
        drafts = networks.encode_draft(batch.condition).unflatten(0, (-1, frames))[chosen]
        flat = draft_with(rearrange(drafts, "N T C h w -> (N T) C h w"), flat)
    return networks.space.decode(flat).unflatten(0, (-1, frames))


def diffusion_term(
    networks: Networks, batch: Batch, state: Noised, predicted: Float[Tensor, "B T C h w"]
) -> Float[Tensor, ""]:
    """The weighted error of a prediction."""
    diffusion = networks.config.diffusion
    schedule = make_schedule(diffusion)
    times = frame_times(state)
    target = prediction_target(schedule, state.clean, state.noise, times)
    error = predicted.float() - target.float()  # [B T C h w]
    error = error.abs() if diffusion.error == "absolute" else error.square()
    error = error * loss_weights(schedule, times, diffusion.min_snr_gamma)[..., None, None, None]
    return weighted_mean(error, batch.weights)


def distillation_loss(
    student: Networks, teacher: Networks, batch: Batch, generator: torch.Generator, *, guidance: float
) -> Float[Tensor, ""]:
    """Error between the student's conditional prediction and the teacher's guided one, so that guidance 1 will do.

    Both models share their configuration; the student's checkpoint then says `distilled_guidance`.
    """
    state = noise_batch(teacher, batch, generator, drops=False)
    with torch.no_grad():
        conditional = predict_batch(teacher, batch, state)
        free = teacher.predict(state.noisy, state.timesteps, bank=None, embedded=None)
        guided = free + guidance * (conditional - free)
    predicted = predict_batch(student, batch, state)
    return weighted_mean((predicted.float() - guided.float()).square(), batch.weights)


def noise_batch(networks: Networks, batch: Batch, generator: torch.Generator, *, drops: bool = True) -> Noised:
    """Latents of a batch, noised at random timesteps."""
    diffusion = networks.config.diffusion
    count, frames = batch.targets.shape[:2]
    if frames > 1 and networks.config.temporal is None:
        raise ValueError(f"{frames} frames per sample need temporal layers, which this model does not have")
    if len(batch.condition) != count * frames:
        raise ValueError(f"{count} x {frames} targets need as many conditions, got {len(batch.condition)}")
    clean = networks.space.encode(rearrange(batch.targets, "B T C H W -> (B T) C H W"))
    if networks.config.control.draft:
        clean = difference_from(networks.encode_draft(batch.condition), clean)
    clean = rearrange(clean, "(B T) C h w -> B T C h w", B=count)
    sources = networks.space.encode(rearrange(batch.sources, "B K C H W -> (B K) C H W"))
    device = generator.device
    timesteps = torch.randint(NUM_TIMESTEPS, (count,), generator=generator, device=device).to(clean.device)
    if diffusion.start_share:
        starts = torch.rand(count, generator=generator, device=device).to(clean.device) < diffusion.start_share
        timesteps = torch.where(starts, NUM_TIMESTEPS - 1, timesteps)
    noise = torch.randn(clean.shape, generator=generator, device=device)
    if diffusion.noise_offset:
        shift = torch.randn((count, 1, clean.shape[2], 1, 1), generator=generator, device=device)
        noise = noise + diffusion.noise_offset * shift
    noise = noise.to(clean)
    keep_source, keep_control = _kept(diffusion, count, generator, clean.device) if drops else (None, None)
    state_times = timesteps[:, None].expand(-1, frames)
    return Noised(
        clean=clean,
        noise=noise,
        noisy=add_noise(make_schedule(diffusion), clean, noise, state_times),
        sources=sources,
        timesteps=timesteps,
        keep_source=keep_source,
        keep_control=keep_control,
    )


def predict_batch(networks: Networks, batch: Batch, state: Noised) -> Float[Tensor, "B T C h w"]:
    """The networks' prediction for a noised batch."""
    num_sources, frames = batch.sources.shape[1], batch.targets.shape[1]
    bank = networks.read_source(
        state.sources,
        state.timesteps.repeat_interleave(num_sources),
        sources=num_sources,
        keep=state.keep_source,
        token=networks.picture_token(batch.sources[:, 0]),
    )
    per_frame = repeat(state.sources, "(B K) C h w -> (B T K) C h w", K=num_sources, T=frames)
    embedded = networks.embed(batch.condition, per_frame)
    return networks.predict(state.noisy, state.timesteps, bank=bank, embedded=embedded, keep_control=state.keep_control)


def frame_times(state: Noised) -> Int[Tensor, "B T"]:
    """The timestep of every frame."""
    return state.timesteps[:, None].expand(-1, state.clean.shape[1])


def weighted_mean(error: Float[Tensor, "B T C h w"], weights: Float[Tensor, "B T 1 H W"] | None) -> Float[Tensor, ""]:
    """Mean of the error; weights of pictures are averaged to the size of latents."""
    if weights is None:
        return error.mean()
    small = F.interpolate(weights.flatten(0, 1).float(), error.shape[-2:], mode="area").unflatten(0, weights.shape[:2])
    return (error * small).sum() / (small.sum() * error.shape[2]).clamp(min=1e-6)


def _kept(
    diffusion: DiffusionSettings, count: int, generator: torch.Generator, device: torch.device
) -> tuple[Bool[Tensor, " B"] | None, Bool[Tensor, " B"] | None]:
    """Which samples keep source and control; None where the configuration never drops them."""
    if diffusion.drop_both + diffusion.drop_control == 0.0:
        return None, None
    draw = torch.rand(count, generator=generator, device=generator.device).to(device)
    keep_source = draw >= diffusion.drop_both
    return keep_source if diffusion.drop_both else None, draw >= diffusion.drop_both + diffusion.drop_control
