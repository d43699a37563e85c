"""What a frame costs in floating-point operations, counted on networks that hold no memory."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

from likeness.fg_portrait.background import MATTES
from likeness.fg_portrait.config import FgPortraitConfig, SamplingSettings
from likeness.fg_portrait.control import MotionCondition
from likeness.fg_portrait.networks import Networks, build_networks

TERA = 1e12
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """TFLOP (2 per multiply-add) of the pieces of one output frame."""

    source: float  # reading the source: per step and section
    conditional: float  # denoiser with source and control: per frame and step
    unconditional: float  # denoiser alone: per frame and step
    embedding: float  # of the motion condition: per frame
    decode: float  # per frame

    def per_frame(self, settings: SamplingSettings, *, temporal: bool) -> float:
        """TFLOP of one frame of a long clip: all steps, with frames that windows share counted twice."""
        repeats = settings.window / (settings.window - settings.overlap) if temporal else 1.0
        shared = settings.overlap if temporal else 0
        branches = self.conditional + (self.unconditional if settings.guidance != 1.0 else 0.0)
        source = self.source / (settings.section - shared)
        return settings.steps * (repeats * branches + source) + self.embedding + self.decode


@cache
def estimate_cost(config: FgPortraitConfig) -> Cost:
    """Cost of a model; an unconditional branch counts as one that sees neither source nor control."""
    frames = config.sampling.window if config.temporal is not None else 1
    with torch.device("meta"), torch.no_grad():
        networks = build_networks(config).requires_grad_(False)
        size, flow = config.latent_size, config.control.flow.resolution
        count = config.control.sources
        source = torch.empty(count, config.latent_channels, size, size)
        noisy = torch.empty(1, frames, config.latent_channels, size, size)
        times = torch.zeros(1, dtype=torch.int64)
        pixels = torch.empty(frames, flow, flow, 2)
        condition = MotionCondition(
            picture=torch.empty(frames, config.control.channels, flow, flow),
            source=torch.empty(frames, 3, flow, flow),
            source_pixels=pixels,
            source_valid=pixels[..., 0][:, None],
            source_index=pixels[..., 0][:, None],
            source_visibility=torch.empty(frames, count, flow, flow),
            draft=torch.empty(frames, 3, config.image_size, config.image_size),
            person=torch.empty(frames, MATTES, flow, flow),
        )
        sources = source.repeat(frames, 1, 1, 1)
        token = None if config.image_token is None else torch.empty(1, config.image_token)
        embedded, embedding = _counted(lambda: networks.embed(condition, sources))
        bank, reading = _counted(lambda: networks.read_source(source, times.expand(count), sources=count, token=token))
        _, conditional = _counted(lambda: networks.predict(noisy, times, bank=bank, embedded=embedded))
        _, unconditional = _counted(lambda: networks.predict(noisy, times, bank=None, embedded=None))
        _, decode = _counted(lambda: networks.space.decode(source[:1]))
    return Cost(
        source=reading,
        conditional=conditional / frames,
        unconditional=unconditional / frames,
        embedding=embedding / frames,
        decode=decode,
    )


def cost_line(networks: Networks, settings: SamplingSettings, *, seconds: float, frames: int) -> str:
    """Steps, TFLOP and seconds per frame, in one line."""
    config = networks.config
    tera = estimate_cost(config).per_frame(settings, temporal=config.temporal is not None)
    return f"{settings.steps} steps, {tera:.3g} TFLOP and {seconds / max(frames, 1):.3g} s per frame"


def _counted(work: Callable[[], Result]) -> tuple[Result, float]:
    """What a function gives, and its TFLOP."""
    with FlopCounterMode(display=False) as counter:
        result = work()
    return result, counter.get_total_flops() / TERA
