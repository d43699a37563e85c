"""Where a drawn picture shows the landmarks of a true one, as a loss with a gradient; no trained detector is needed.

Around each landmark a patch of the true picture is compared with the drawn picture at every shift of a small window;
the mean of the shifts, weighted by how well they match, is where the drawn picture has it. The same is done with the
true picture itself, which is what a perfect drawing would give.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

STEPS_ACROSS = 128  # sampling steps across a picture; a step is never finer than a pixel
PATCH, REACH = 4, 4  # steps: half sides of the patch and of the window of shifts
SHARPNESS = 20.0  # of the weights: correlations are -1 to 1
LEAST_CONTRAST = 0.02  # root mean square of a patch (grey values from -1 to 1) that can be found again
GREY = (0.299, 0.587, 0.114)


def landmark_error(
    drawn: Float[Tensor, "N 3 H W"], truth: Float[Tensor, "N 3 H W"], landmarks: Float[Tensor, "N L 2"]
) -> Float[Tensor, " N"]:
    """Mean squared distance between where both pictures show the landmarks, in sampling steps; flat patches are left
    out.

    Args:
        landmarks: places in the true picture, x and y from 0 to 1 across it; those outside are left out.
    """
    drawn_shifts, usable = landmark_shifts(drawn, truth.detach(), landmarks)
    true_shifts, _ = landmark_shifts(truth.detach(), truth.detach(), landmarks)
    squared = (drawn_shifts - true_shifts).square().sum(dim=-1) * usable
    return squared.sum(dim=1) / usable.sum(dim=1).clamp(min=1.0)


def landmark_shifts(
    pictures: Float[Tensor, "N 3 H W"], truth: Float[Tensor, "N 3 H W"], landmarks: Float[Tensor, "N L 2"]
) -> tuple[Float[Tensor, "N L 2"], Float[Tensor, "N L"]]:
    """How far from each landmark, in sampling steps to the right and down, pictures show what the truth has there; and
    1 for the landmarks that can be found again.
    """
    count = landmarks.shape[1]
    templates = _around(truth, landmarks, PATCH).flatten(0, 1)  # [NL 1 P P]
    windows = _around(pictures, landmarks, PATCH + REACH).flatten(0, 1)
    side = 2 * PATCH + 1
    patches = F.unfold(windows, side)  # [NL P*P shifts]
    wanted = templates.flatten(1)
    contrast = wanted.std(dim=1, correction=0)
    match = torch.einsum("NPS,NP->NS", _normalised(patches, 1), _normalised(wanted, 1))
    weights = torch.softmax(SHARPNESS * match, dim=1)
    steps = torch.arange(-REACH, REACH + 1, device=pictures.device, dtype=weights.dtype)
    rows, columns = torch.meshgrid(steps, steps, indexing="ij")
    shifts = weights @ torch.stack([columns.flatten(), rows.flatten()], dim=1)
    inside = ((landmarks >= 0.0) & (landmarks <= 1.0)).all(dim=-1)
    usable = inside & (contrast > LEAST_CONTRAST).unflatten(0, (-1, count))
    return shifts.unflatten(0, (-1, count)), usable.to(weights.dtype)


def _around(
    pictures: Float[Tensor, "N 3 H W"], landmarks: Float[Tensor, "N L 2"], reach: int
) -> Float[Tensor, "N L 1 S S"]:
    """Grey values on a small grid around each landmark; borders repeat."""
    height, width = pictures.shape[-2:]
    grey = torch.einsum("NCHW,C->NHW", pictures.float(), torch.tensor(GREY, device=pictures.device))
    steps = torch.arange(-reach, reach + 1, device=pictures.device, dtype=torch.float32)
    rows, columns = torch.meshgrid(steps / min(STEPS_ACROSS, height), steps / min(STEPS_ACROSS, width), indexing="ij")
    places = landmarks.float()[:, :, None, None] + torch.stack([columns, rows], dim=-1)  # [N L S S 2]
    sampled = F.grid_sample(
        grey[:, None], (2.0 * places - 1.0).flatten(1, 2), padding_mode="border", align_corners=False
    )  # [N 1 L*S S]
    side = 2 * reach + 1
    return sampled.unflatten(2, (-1, side)).transpose(1, 2)


def _normalised(values: Float[Tensor, "*shape"], dim: int) -> Float[Tensor, "*shape"]:
    """Without their mean, with length 1; nothing is divided by less than the least contrast."""
    centred = values - values.mean(dim=dim, keepdim=True)
    floor = LEAST_CONTRAST * values.shape[dim] ** 0.5
    return centred / (centred.square().sum(dim=dim, keepdim=True) + floor**2).sqrt()
