"""Pictures of a sample's targets by networks, square by square: for validation and for scores."""

import numpy as np
import torch
from jaxtyping import UInt8

from likeness.data.sample import Sample, Shot
from likeness.fg_portrait.condition import View, make_source, motion_condition, picture_tensor, tensor_pictures
from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.sampler import Sampler
from likeness.heads.model import HeadModel


@torch.no_grad()
def draw_sample(
    networks: Networks, sample: Sample, head: HeadModel, *, config: FgPortraitConfig, seed: int
) -> UInt8[np.ndarray, "T H W 3"]:
    """One picture per target.

    Args:
        config: the networks' own, or one that differs from it in how the condition is made or frames are drawn.

    Raises:
        InputError: the motion cannot be posed.
    """
    device = networks.context.device
    source = make_source(head, sample.shape, _view(sample.source))
    latents = networks.space.encode(picture_tensor(sample.source.image).to(device))
    sampler = Sampler(networks, latents, settings=config.sampling, seed=seed)
    conditions = (motion_condition(source, _view(target), config.control).to(device) for target in sample.targets)
    drawn = [part for part in sampler.sample(conditions) if part is not None]
    return tensor_pictures(networks.space.decode(torch.cat(drawn)))


def _view(shot: Shot) -> View:
    return View(frame=shot.frame, camera=shot.camera, image=shot.image)
