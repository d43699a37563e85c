"""The loss on decoded faces (`x_face_loss`): where little noise was added, the clean latents that the networks predict
become pictures, whose landmarks shall lie where the truth has them, and whose faces a recogniser shall know again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from likeness.data.face_places import ALIGNED, SPEAKING, face_places, five_places, mirrored, similarity
from likeness.data.sample import Sample
from likeness.fg_portrait.config import FaceLossSettings
from likeness.heads.model import HeadModel
from likeness.nn.face_recognition import aligned_faces
from likeness.nn.local_landmarks import landmark_error

Recogniser = Callable[[Tensor], Tensor]  # aligned faces to embeddings of length 1


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceTruth:
    """Where the faces of B x T targets are."""

    maps: Float[Tensor, "B T 2 3"]  # from aligned faces to places in the target, -1 to 1 across it
    landmarks: Float[Tensor, "B T L 2"]  # 0 to 1 across the target

    def to(self, device: torch.device) -> "FaceTruth":
        """The same on another device."""
        return FaceTruth(maps=self.maps.to(device), landmarks=self.landmarks.to(device))


def face_truth(samples: Sequence[Sample], head: HeadModel) -> FaceTruth:
    """The faces of samples that all have the same number of targets."""
    maps, landmarks = [], []
    for sample in samples:
        for target in sample.targets:
            places = face_places(head, sample.shape, target)
            five = five_places(places, is_mirrored=sample.is_mirrored)
            maps.append(similarity(ALIGNED, 2.0 * five - 1.0))
            landmarks.append((mirrored(places) if sample.is_mirrored else places)[list(SPEAKING)])
    shape = len(samples), -1
    return FaceTruth(
        maps=torch.from_numpy(np.stack(maps)).float().unflatten(0, shape),
        landmarks=torch.from_numpy(np.stack(landmarks)).float().unflatten(0, shape),
    )


def face_terms(
    drawn: Float[Tensor, "B T 3 H W"],
    truth: Float[Tensor, "B T 3 H W"],
    faces: FaceTruth,
    settings: FaceLossSettings,
    *,
    trust: Float[Tensor, "B T 1 H W"] | None,
    recogniser: Recogniser | None,
) -> dict[str, Float[Tensor, ""]]:
    """Weighted terms, means over the frames: `landmarks`, and `identity` where there is a recogniser.

    Args:
        trust: 0 where the truth is not true: there the drawn picture counts as right.
    """
    pictures, true = (rearrange(images, "B T C H W -> (B T) C H W") for images in (drawn.float(), truth.float()))
    if trust is not None:
        share = rearrange((trust > 0).to(pictures.dtype), "B T C H W -> (B T) C H W")
        pictures = share * pictures + (1.0 - share) * true
    terms = {}
    if settings.landmarks > 0.0:
        error = landmark_error(pictures, true, faces.landmarks.flatten(0, 1))
        terms["landmarks"] = settings.landmarks * error.mean()
    if settings.identity > 0.0 and recogniser is not None:
        maps = faces.maps.flatten(0, 1)
        shown, known = (recogniser(aligned_faces(images, maps)) for images in (pictures, true))
        terms["identity"] = settings.identity * (1.0 - (shown * known.detach()).sum(dim=1).mean())
    return terms
