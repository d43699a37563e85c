"""Small models and conditions for the tests of FG-Portrait."""

import copy
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.control import MotionCondition
from likeness.fg_portrait.networks import Networks, build_networks
from likeness.fg_portrait.objective import Batch
from likeness.fg_portrait.presets import second_stage, tiny

torch.set_num_threads(1)


def noisy_networks(config: FgPortraitConfig) -> Networks:
    """Networks in which nothing is zero but what must be: the temporal layers' output. Each caller's own copy."""
    return copy.deepcopy(_built(config))


@cache
def _built(config: FgPortraitConfig) -> Networks:
    torch.manual_seed(0)
    networks = build_networks(config).eval()
    with torch.no_grad():
        for name, value in networks.named_parameters():
            if not value.any() and "motion_modules" not in name:
                value.copy_(0.1 * torch.randn_like(value))
    return networks


def image_model(**changes: object) -> Networks:
    return noisy_networks(replace(tiny(), **changes))


def video_model(**changes: object) -> Networks:
    return noisy_networks(replace(second_stage(tiny()), **changes))


def draft_model(**changes: object) -> Networks:
    return image_model(control=replace(tiny().control, draft=True), **changes)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def condition(config: FgPortraitConfig, frames: int, seed: int = 0) -> MotionCondition:
    size = config.control.flow.resolution
    pixels = torch.rand((frames, size, size, 2), generator=torch.Generator().manual_seed(seed))
    return MotionCondition(
        picture=random(frames, config.control.channels, size, size, seed=seed),
        source=random(frames, 3, size, size, seed=seed + 1).clamp(-1, 1),
        source_pixels=pixels,
        source_valid=torch.ones(frames, 1, size, size),
        draft=random(frames, 3, config.image_size, config.image_size, seed=seed + 2).clamp(-1, 1),
    )


def batch(config: FgPortraitConfig, *, samples: int = 2, frames: int = 1, sources: int = 1, seed: int = 0) -> Batch:
    size = config.image_size
    return Batch(
        sources=random(samples, sources, 3, size, size, seed=seed).clamp(-1, 1),
        targets=random(samples, frames, 3, size, size, seed=seed + 1).clamp(-1, 1),
        condition=condition(config, samples * frames, seed=seed),
    )
