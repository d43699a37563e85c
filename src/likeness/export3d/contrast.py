"""The contrastive loss of CLeBS: an expression must find its own frame among other frames of the same video.

Source: Export3D (Ki et al. 2024). All candidates show one person in one place, so that appearance tells nothing apart:
`-log(exp(cos(f_I(X_k), f_e(b_k)) / tau) / sum_{j != k} exp(cos(f_I(X_j), f_e(b_k)) / tau))`.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class ContrastSettings:
    """The loss, and what can be changed about it."""

    temperature: float = 0.1  # tau
    include_positive: bool = False  # the denominator holds the pair itself too, as in InfoNCE
    symmetric: bool = False  # pictures look for their expressions as well
    mixed: bool = False  # `mixed`: candidates come from all videos of the batch; appearance then tells them apart

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature < math.inf:
            raise ValueError(f"the temperature must be positive and finite, got {self.temperature}")


def contrastive_loss(
    images: Float[Tensor, "B K d"], codes: Float[Tensor, "B K d"], settings: ContrastSettings
) -> Float[Tensor, ""]:
    """The mean over frames and videos.

    Raises:
        ValueError: there is nothing to compare with.
    """
    return contrastive_terms(images, codes, settings).mean()


def contrastive_terms(
    images: Float[Tensor, "B K d"], codes: Float[Tensor, "B K d"], settings: ContrastSettings
) -> Float[Tensor, "B K"]:
    """The loss of each frame: vectors of K frames of B videos, of any length; it may be negative.

    Raises:
        ValueError: there is nothing to compare with.
    """
    with torch.autocast(images.device.type, enabled=False):
        similarity = frame_similarity(images, codes, mixed=settings.mixed) / settings.temperature  # [G N N]
        terms = _terms(similarity, include_positive=settings.include_positive)
        if settings.symmetric:
            terms = 0.5 * (terms + _terms(similarity.mT, include_positive=settings.include_positive))
    return terms.reshape(images.shape[:2])


def frame_similarity(
    images: Float[Tensor, "B K d"], codes: Float[Tensor, "B K d"], *, mixed: bool = False
) -> Float[Tensor, "G N N"]:
    """Cosine of each expression (rows) and each picture (columns): within each video, or of the whole batch."""
    if mixed:
        images, codes = images.flatten(0, 1)[None], codes.flatten(0, 1)[None]
    return F.normalize(codes.float(), dim=-1) @ F.normalize(images.float(), dim=-1).mT


def _terms(logits: Float[Tensor, "G N N"], *, include_positive: bool) -> Float[Tensor, "G N"]:
    """Minus the positive on the diagonal, plus the logarithm of the sum over the candidates."""
    count = logits.shape[-1]
    if count < 2:
        raise ValueError(f"a video must give 2 frames at least to be told apart, got {count}")
    positives = torch.diagonal(logits, dim1=-2, dim2=-1)
    if not include_positive:
        own = torch.eye(count, dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(own, -torch.inf)
    return torch.logsumexp(logits, dim=-1) - positives
