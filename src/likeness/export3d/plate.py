"""The plate: what shows where a head has moved away from where the photo has it (`plate` in the settings)."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from likeness.export3d.volume import VolumePicture

_UNCOVERED = (0.4, 1.0)  # by how much the volume's opacity has fallen where something begins to be uncovered, and is
_BEYOND = (0.3, 0.8)  # opacity of the volume around a place that is beyond it, and of one that is not
_MOVED = (0.3, 0.7)  # change of the volume's opacity nearby where the photo's background begins to be replaced, and is
_NEAR = 2  # samples of the volume to each side that are nearby


@dataclass(frozen=True, kw_only=True)
class Plate:
    """What heads uncover where they move away."""

    picture: Float[Tensor, "B 3 H W"]  # -1 to 1: photos without the head
    covered: Float[Tensor, "B 1 r r"]  # opacity of the volume as the photo shows it


def uncovered(
    image: Float[Tensor, "B 3 H W"], opacity: Float[Tensor, "B 1 r r"], plate: Plate
) -> Float[Tensor, "B 3 H W"]:
    """The picture with the plate where the volume was and is no more."""
    size = image.shape[-2:]
    both = (plate.covered, opacity)
    was, now = (F.interpolate(each, size, mode="bilinear", align_corners=False) for each in both)
    low, high = _UNCOVERED
    return torch.lerp(image, plate.picture, ((was - now - low) / (high - low)).clamp(0.0, 1.0))


def over_plate(seen: VolumePicture, plate: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """The volume's own colours before the plate."""
    own = torch.cat([seen.features[:, :3], seen.opacity], dim=1)
    own = F.interpolate(own, plate.shape[-2:], mode="bilinear", align_corners=False)
    return own[:, :3] + (1.0 - own[:, 3:]) * (plate + 1.0)


def around_moved(
    photo: Float[Tensor, "B 3 H W"], matte: Float[Tensor, "B 1 H W"], opacity: Float[Tensor, "B 1 r r"], plate: Plate
) -> Float[Tensor, "B 3 H W"]:
    """The photo, but beside the person and near what has moved the plate: hairs reach beyond every matte and would
    stay behind as an outline.
    """
    change = F.max_pool2d((plate.covered - opacity).abs(), 2 * _NEAR + 1, stride=1, padding=_NEAR)
    low, high = _MOVED
    share = (F.interpolate(change, photo.shape[-2:], mode="bilinear", align_corners=False) - low) / (high - low)
    return torch.lerp(photo, plate.picture, (1.0 - matte) * share.clamp(0.0, 1.0))


def beyond(covered: Float[Tensor, "1 1 r r"], size: int) -> Float[np.ndarray, "size size"]:
    """Where a volume of that opacity does not reach, not near its rim either: 0 to 1."""
    low, high = _BEYOND
    around = F.max_pool2d(covered, 3, stride=1, padding=1)
    share = ((high - around) / (high - low)).clamp(0.0, 1.0)
    return F.interpolate(share, (size, size), mode="bilinear", align_corners=False)[0, 0].double().cpu().numpy()
