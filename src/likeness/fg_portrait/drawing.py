"""What networks make of given samples: pictures of their targets, and the loss; for validation and for scores."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import UInt8

from likeness.data.background_plate import background_plate
from likeness.data.region_weights import RegionWeights
from likeness.data.sample import Sample
from likeness.fg_portrait.background import drawn_matte, over_background
from likeness.fg_portrait.batches import make_batch, sources_of, view_of
from likeness.fg_portrait.condition import (
    Source,
    motion_condition,
    picture_matte,
    posed_head,
    tensor_pictures,
)
from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.objective import training_loss
from likeness.fg_portrait.sampler import Sampler
from likeness.heads.model import HeadModel


@torch.no_grad()
def draw_targets(
    networks: Networks, sample: Sample, head: HeadModel, *, config: FgPortraitConfig, seed: int
) -> UInt8[np.ndarray, "T H W 3"]:
    """One picture per target.

    Args:
        config: the networks' own, or one that differs from it in how the condition is made or frames are drawn.

    Raises:
        InputError: the motion cannot be posed.
    """
    device = networks.context.device
    sources, shown = sources_of(sample, head, config)
    latents = networks.space.encode(shown.to(device))
    token = networks.picture_token(shown[:1].to(device))
    sampler = Sampler(networks, latents, settings=config.sampling, seed=seed, token=token)
    conditions = (motion_condition(sources, view_of(target), config.control).to(device) for target in sample.targets)
    drawn = [part for part in sampler.sample(conditions) if part is not None]
    pictures = tensor_pictures(networks.space.decode(torch.cat(drawn)))
    return _before_the_background(pictures, sample, sources[0]) if config.control.background else pictures


def _before_the_background(
    pictures: UInt8[np.ndarray, "T H W 3"], sample: Sample, source: Source
) -> UInt8[np.ndarray, "T H W 3"]:
    """The drawn people before the source's background, or before that of their drafts."""
    plate = background_plate(sample.source.image, picture_matte(source.view), source.posed)
    composed = []
    for picture, target in zip(pictures, sample.targets, strict=True):
        matte = drawn_matte(picture, posed_head(source.head, source.shape, view_of(target)))
        composed.append(over_background(picture, matte, plate if target.draft is None else target.draft))
    return np.stack(composed)


@torch.no_grad()
def mean_loss(
    networks: Networks,
    samples: Sequence[Sample],
    head: HeadModel,
    *,
    config: FgPortraitConfig,
    seed: int,
    draws: int = 1,
) -> float:
    """The training objective on the samples, each at `draws` noise levels; equal seeds give equal noise.

    All regions count the same, whatever the model was trained with.

    Raises:
        InputError: a motion cannot be posed.
    """
    config = replace(config, diffusion=replace(config.diffusion, regions=RegionWeights()))
    losses = []
    for number, sample in enumerate(samples):
        batch = make_batch([sample], head, config).to(networks.context.device)
        for draw in range(draws):
            generator = torch.Generator().manual_seed(seed + number + len(samples) * draw)
            losses.append(float(training_loss(networks, batch, generator)))
    return float(np.mean(losses))
