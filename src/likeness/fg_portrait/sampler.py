"""Frames from noise: sections of a clip are denoised together in overlapping windows, and stream out one by one.

Sections follow each other with constant memory. Each new section sees the last frames of the one before at every noise
level (their latents are kept on the way down), so that temporal layers join the sections as they join the windows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from likeness.fg_portrait.config import SamplingSettings
from likeness.fg_portrait.control import OPTIONAL_ENTRIES, Embedded, MotionCondition, join_embedded
from likeness.fg_portrait.latents import draft_with
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.schedule import (
    NUM_TIMESTEPS,
    NoiseSchedule,
    add_noise,
    ddim_step,
    lcm_step,
    make_schedule,
    sampling_timesteps,
)
from likeness.fg_portrait.warping import warp_source
from likeness.fg_portrait.windows import blend_windows, frame_windows
from likeness.nn.attention_bank import SourceBank


@dataclass(frozen=True, kw_only=True, slots=True)
class Carry:
    """What a section hands to the next: its last frames at every noise level, and their embedded condition."""

    levels: tuple[Float[Tensor, "N C h w"], ...]
    embedded: Embedded


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Frames that are denoised together: first those carried over, then new ones."""

    first: int  # number of the first new frame in the clip
    embedded: Embedded  # of all frames
    carried: Carry | None

    @property
    def num_carried(self) -> int:
        return 0 if self.carried is None else len(self.carried.embedded)


class Sampler:
    """Draws the frames of one clip from one set of source pictures; holds what steps and sections share."""

    def __init__(
        self,
        networks: Networks,
        sources: Float[Tensor, "K C h w"],
        *,
        settings: SamplingSettings,
        seed: int,
        token: Float[Tensor, "1 E"] | None = None,
    ) -> None:
        """Args:
        sources: latents of the source pictures of one person; sampling starts from the first.
        token: what `Networks.picture_token` says about the first picture.
        seed: with the frame's number it decides each frame's noise, whatever the sections and windows.
        """
        self.networks = networks
        self.sources = sources
        self.settings = settings
        self.seed = seed
        self.token = token
        self.schedule: NoiseSchedule = make_schedule(networks.config.diffusion)
        self.timesteps = sampling_timesteps(settings)
        self.precision = torch.autocast("cuda", torch.bfloat16, enabled=sources.is_cuda)  # float32 on the CPU

    @property
    def is_temporal(self) -> bool:
        return self.networks.config.temporal is not None

    @property
    def shared(self) -> int:
        """Frames that a section takes over from the one before."""
        return self.settings.overlap if self.is_temporal else 0

    def sections(self, count: int) -> int:
        """How many sections a clip of that many frames has."""
        return 1 + max(0, -(-(count - self.settings.section) // (self.settings.section - self.shared)))

    def sample(self, frames: Iterable[MotionCondition]) -> Iterator[Float[Tensor, "N C h w"] | None]:
        """One item per denoising step: None, or the latents of a section when its last step is done.

        Args:
            frames: conditions of one frame each, in order; taken as sections need them.
        """
        carried: Carry | None = None
        first, shared = 0, self.shared
        source = iter(frames)
        while True:
            room = self.settings.section - (0 if carried is None else len(carried.embedded))
            taken = list(islice(source, room))
            if not taken:
                return
            new = join_conditions(taken)
            embedded, start = self._prepare(new, first)
            if carried is not None:
                embedded = join_embedded([carried.embedded, embedded])
            section = Section(first=first, embedded=embedded, carried=carried)
            levels = []
            latents = start
            banks = _StepBanks(self.networks, self.sources, self.token)
            for step in range(len(self.timesteps)):
                levels.append(latents[max(len(latents) - shared, 0) :])
                latents = self._step(section, latents, step, banks)
                if step + 1 < len(self.timesteps):
                    yield None
            if shared:
                carried = Carry(levels=tuple(levels), embedded=embedded[len(embedded) - len(levels[0]) :])
            first += len(new)
            yield self._finished(new, latents)

    @torch.no_grad()
    def _prepare(self, condition: MotionCondition, first: int) -> tuple[Embedded, Float[Tensor, "N C h w"]]:
        """Embedding and starting latents of new frames, a batch at a time."""
        size = self.settings.batch
        embedded, start = [], []
        for begin in range(0, len(condition), size):
            part = condition[begin : begin + size]
            with self.precision:
                embedded.append(self.networks.embed(part, self.sources.repeat(len(part), 1, 1, 1)))
            noise = self._noise(first + begin, len(part), stream=0)
            start.append(self._start(part, noise))
        return join_embedded(embedded), torch.cat(start)

    @torch.no_grad()
    def _finished(self, condition: MotionCondition, latents: Float[Tensor, "N C h w"]) -> Float[Tensor, "N C h w"]:
        """Latents of pictures, where differences from drafts were sampled."""
        if not self.networks.config.control.draft:
            return latents
        return draft_with(self.networks.encode_draft(condition), self.settings.kept_difference * latents)

    def _start(self, condition: MotionCondition, noise: Float[Tensor, "N C h w"]) -> Float[Tensor, "N C h w"]:
        """Latents at the noisiest level; where there is a draft, sampling starts from no difference to it."""
        if self.settings.init == "gauss":
            return noise
        if self.networks.config.control.draft:
            return self._noised(torch.zeros_like(noise), noise)
        clean = source = self.sources[:1].expand(len(noise), -1, -1, -1)
        if self.settings.init == "warped_noised":
            if condition.source_pixels is None or condition.source_valid is None:
                raise ValueError("init warped_noised needs source pixels and where they are valid in the condition")
            warped = warp_source(
                self.sources.repeat(len(noise), 1, 1, 1),
                condition.source_pixels,
                condition.source_valid,
                unshuffle=self.networks.control.unshuffle,
                source_index=condition.source_index,
            )
            valid = (warped[:, -1:] > 0).to(source.dtype)
            clean = valid * warped[:, :-1] + (1.0 - valid) * source
        return self._noised(clean, noise)

    def _noised(self, clean: Float[Tensor, "N C h w"], noise: Float[Tensor, "N C h w"]) -> Float[Tensor, "N C h w"]:
        last = torch.full((len(clean),), NUM_TIMESTEPS - 1, device=clean.device)
        return add_noise(self.schedule, clean, noise, last)

    @torch.no_grad()
    def _step(
        self, section: Section, latents: Float[Tensor, "N C h w"], step: int, banks: "_StepBanks"
    ) -> Float[Tensor, "N C h w"]:
        """The new frames of a section at the next noise level."""
        timestep = self.timesteps[step]
        following = self.timesteps[step + 1] if step + 1 < len(self.timesteps) else -1
        joined = latents
        if section.carried is not None:
            joined = torch.cat([section.carried.levels[step], latents])
        with self.precision:
            bank = banks.at(timestep)

            def predict(frames: list[int]) -> Float[Tensor, "T C h w"]:
                return self._predict(joined[frames], section.embedded[frames], timestep, bank)

            predicted = blend_windows(self._windows(len(joined), section.first, step), predict, joined)
        predicted = predicted[section.num_carried :]
        if self.settings.sampler == "lcm":
            fresh = self._noise(section.first, len(latents), stream=step + 1)
            return lcm_step(self.schedule, predicted, latents, fresh, timestep=timestep, following=following)
        return ddim_step(self.schedule, predicted, latents, timestep=timestep, following=following)

    def _windows(self, count: int, first: int, step: int) -> list[list[int]]:
        """Frames that the networks see together: windows at a random offset, or batches of independent frames."""
        settings = self.settings
        if not self.is_temporal:
            return [list(range(begin, min(begin + settings.batch, count))) for begin in range(0, count, settings.batch)]
        stride = settings.window - settings.overlap
        offset = int(np.random.default_rng((self.seed, first, step)).integers(stride))
        return frame_windows(count, length=settings.window, overlap=settings.overlap, offset=offset)

    def _predict(
        self,
        noisy: Float[Tensor, "T C h w"],
        embedded: Embedded,
        timestep: int,
        bank: SourceBank,
    ) -> Float[Tensor, "T C h w"]:
        """Guided prediction for one window; guidance 1 runs the conditional branch alone."""
        frames = rearrange(noisy, "T C h w -> 1 T C h w" if self.is_temporal else "T C h w -> T 1 C h w")
        times = torch.full((len(frames),), timestep, device=noisy.device)
        conditional = self.networks.predict(frames, times, bank=bank, embedded=embedded)
        if self.settings.guidance != 1.0:
            kind = self.settings.unconditional
            free = self.networks.predict(
                frames,
                times,
                bank=bank if kind == "source_only" else None,
                embedded=embedded if kind == "control_only" else None,
            )
            conditional = free + self.settings.guidance * (conditional - free)
        return rearrange(conditional, "B T C h w -> (B T) C h w")

    def _noise(self, first: int, count: int, *, stream: int) -> Float[Tensor, "N C h w"]:
        """Noise of consecutive frames; each frame has its own seed, or all have that of the first."""
        shape = self.sources.shape[1:]
        if self.settings.noise == "clip":
            return frame_noise(self.seed, 0, stream, shape).to(self.sources).expand(count, -1, -1, -1)
        noise = torch.stack([frame_noise(self.seed, first + index, stream, shape) for index in range(count)])
        return noise.to(self.sources)


class _StepBanks:
    """Keys and values of the source at the present timestep: read once for all windows of a step, and once for all
    steps where the model reads its source at time zero.
    """

    def __init__(
        self, networks: Networks, sources: Float[Tensor, "K C h w"], token: Float[Tensor, "1 E"] | None
    ) -> None:
        self.networks = networks
        self.sources = sources
        self.token = token
        self.key: int | None = None
        self.bank: SourceBank | None = None

    def at(self, timestep: int) -> SourceBank:
        """The bank for that timestep."""
        key = 0 if self.networks.config.reference_time == "zero" else timestep
        if self.bank is None or key != self.key:
            times = torch.full((len(self.sources),), key, device=self.sources.device)
            count = len(self.sources)
            self.bank = self.networks.read_source(self.sources, times, sources=count, token=self.token)
            self.key = key
        return self.bank


def frame_noise(seed: int, frame: int, stream: int, shape: Iterable[int]) -> Float[Tensor, "C h w"]:
    """Standard normal noise of one frame, the same on every machine that runs the same torch on its CPU."""
    mixed = np.random.SeedSequence((seed, frame, stream)).generate_state(2, np.uint32)
    generator = torch.Generator().manual_seed(int(mixed[0]) << 31 ^ int(mixed[1]))
    return torch.randn(tuple(shape), generator=generator)


def join_conditions(frames: list[MotionCondition]) -> MotionCondition:
    """Conditions one after the other; all must hold the same entries."""

    def joined(name: str) -> Tensor | None:
        entries = [getattr(frame, name) for frame in frames]
        return None if entries[0] is None else torch.cat(entries)

    picture = joined("picture")
    assert picture is not None
    return MotionCondition(picture=picture, **{name: joined(name) for name in OPTIONAL_ENTRIES})
