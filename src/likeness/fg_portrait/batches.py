"""Training samples to batches: pictures as tensors, the condition of every target, weights where targets are true."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from likeness.data.region_weights import RegionWeights, region_weights
from likeness.data.sample import Sample, Shot
from likeness.fg_portrait.condition import (
    Source,
    View,
    in_all_places,
    make_sources,
    motion_condition,
    picture_tensor,
    posed_head,
)
from likeness.fg_portrait.config import DiffusionSettings, FgPortraitConfig
from likeness.fg_portrait.control import OPTIONAL_ENTRIES, MotionCondition
from likeness.fg_portrait.face_loss import face_truth
from likeness.fg_portrait.objective import Batch
from likeness.fg_portrait.repair import ALL_PARTS, repair_gate, resized_gate
from likeness.fg_portrait.sampler import join_conditions
from likeness.heads.model import HeadModel


def make_batch(samples: Sequence[Sample], head: HeadModel, config: FgPortraitConfig) -> Batch:
    """One batch of samples that all have the same number of targets, on the CPU.

    Raises:
        InputError: a sample's motion cannot be posed.
    """
    made = [_sample_tensors(sample, head, config) for sample in samples]
    return Batch(
        sources=torch.stack([sources for sources, _, _, _ in made]),
        targets=torch.stack([targets for _, targets, _, _ in made]),
        condition=join_conditions([condition for _, _, condition, _ in made]),
        weights=torch.stack([weights for _, _, _, weights in made]),
        faces=face_truth(samples, head) if config.diffusion.face.is_on else None,
    )


def _sample_tensors(
    sample: Sample, head: HeadModel, config: FgPortraitConfig
) -> tuple[Float32[Tensor, "K 3 H W"], Float32[Tensor, "T 3 H W"], MotionCondition, Float32[Tensor, "T 1 H W"]]:
    """Sources, targets, condition and weights of one sample; mirrored together where the sample says so."""
    sources, pictures = sources_of(sample, head, config)
    conditions = [motion_condition(sources, view_of(target), config.control) for target in sample.targets]
    targets = torch.cat([picture_tensor(target.image) for target in sample.targets])
    weights = torch.stack([_weights(sample, target, sources[0], config.diffusion) for target in sample.targets])
    condition = join_conditions(conditions)
    if sample.is_mirrored:
        condition = mirrored_condition(condition, config)
        pictures, targets, weights = pictures.flip(-1), targets.flip(-1), weights.flip(-1)
    return pictures, targets, condition, weights


def sources_of(
    sample: Sample, head: HeadModel, config: FgPortraitConfig
) -> tuple[tuple[Source, ...], Float32[Tensor, "K 3 H W"]]:
    """As many sources as the model reads, and their pictures; a sample that has fewer shows some of them again.

    Raises:
        InputError: the motion cannot be posed.
    """
    shots = (sample.source, *sample.more_sources)[: config.control.sources]
    sources = make_sources([(head, sample.shape, view_of(shot)) for shot in shots], config.control)
    pictures = [picture_tensor(shot.image) for shot in shots]
    return sources, torch.cat(in_all_places(pictures, config.control.sources))


def _weights(sample: Sample, target: Shot, source: Source, settings: DiffusionSettings) -> Float32[Tensor, "1 H W"]:
    """Zero where the target is not true, elsewhere as its region and the repair gate count."""
    trust, view = target.trust.astype(np.float32), view_of(target)
    if settings.regions != RegionWeights():
        trust *= region_weights(source.head, posed_head(source.head, sample.shape, view), settings.regions)
    if settings.elsewhere is not None:
        opening = resized_gate(repair_gate(source, view, ALL_PARTS), len(trust))
        trust *= settings.elsewhere + (1.0 - settings.elsewhere) * opening
    return torch.from_numpy(trust)[None]


def mirrored_condition(condition: MotionCondition, config: FgPortraitConfig) -> MotionCondition:
    """The condition of mirrored pictures: maps flipped, sideways components negated, positions counted from the right.

    Left and right eye change places in nothing that the channels hold.
    """
    picture = condition.picture.flip(-1)
    if config.control.condition == "flow3d":
        signs = [-1.0 if name.endswith(".x") else 1.0 for name in config.control.flow.names]
        picture = picture * torch.tensor(signs)[:, None, None]
    pixels = condition.source_pixels
    if pixels is not None:
        pixels = pixels.flip(-2) * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    flipped = [name for name in OPTIONAL_ENTRIES if name != "source_pixels"]
    return MotionCondition(
        picture=picture,
        source_pixels=pixels,
        **{name: None if (entry := getattr(condition, name)) is None else entry.flip(-1) for name in flipped},
    )


def view_of(shot: Shot) -> View:
    """A shot as the condition sees it."""
    return View(frame=shot.frame, camera=shot.camera, image=shot.image, draft=shot.draft, matte=shot.matte)
