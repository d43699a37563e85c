"""What a model makes of given samples: pictures of their targets, and the loss, for scores."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from likeness.data.region_weights import RegionWeights
from likeness.data.sample import Sample
from likeness.export3d.batches import Batch, make_batch, picture_array
from likeness.export3d.losses import LossSettings, reconstruction
from likeness.export3d.model import Export3dModel, Picture
from likeness.export3d.perceptual import Distance
from likeness.heads.model import HeadModel


@torch.no_grad()
def draw_target(model: Export3dModel, sample: Sample, head: HeadModel) -> UInt8[np.ndarray, "H W 3"]:
    """The first target of a sample, always the same.

    Raises:
        InputError: the motion is of another head, or the camera stands inside the head.
    """
    _, picture = drawn(model, sample, head)
    return picture_array(picture.image[0])


@torch.no_grad()
def mean_loss(
    model: Export3dModel, samples: Sequence[Sample], head: HeadModel, *, losses: LossSettings, distance: Distance
) -> float:
    """The terms of the training objective that compare with the truth, mean over the samples.

    All regions count the same, whatever the model was trained with.

    Raises:
        InputError: a motion is of another head, or a camera stands inside the head.
    """
    totals = []
    for sample in samples:
        batch, picture = drawn(model, sample, head)
        totals.append(float(torch.stack(list(reconstruction(picture, batch, losses, distance).values())).sum()))
    return float(np.mean(totals))


def drawn(model: Export3dModel, sample: Sample, head: HeadModel) -> tuple[Batch, Picture]:
    """A sample as a batch, and the picture of its first target."""
    device = model.generator.average.device
    batch = make_batch([sample], head, model.config, RegionWeights()).to(device)
    source = model.read(batch.sources, batch.source_mattes)
    content = model.content(source, model.expression(batch.inputs), batch.carriers)
    return batch, model.picture(content, batch.cameras, source)
