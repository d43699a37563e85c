"""A finished picture before the plate, hair beyond the volume beside it, and what of all that is the photo's."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from likeness.export3d.fine_detail import PhotoShare, as_array, photo_shares
from likeness.export3d.lift import LiftMaps
from likeness.export3d.outer_hair import beyond
from likeness.export3d.photo_detail import Detailed
from likeness.export3d.plate import Plate, uncovered


def composed(
    detailed: Detailed, opacity: Float[Tensor, "1 1 r r"], plate: Plate | None, maps: LiftMaps | None
) -> tuple[Float[Tensor, "1 3 H W"], tuple[PhotoShare, ...]]:
    """One picture, about -1 to 1, and its shares of the photo.

    Args:
        opacity: of the volume.
        maps: of the photo, for a model with lifted features; without them there are no shares.
    """
    image, laid = detailed.image, torch.zeros_like(detailed.carried)
    if plate is not None:
        laid = uncovered(opacity, plate)
        image = torch.lerp(image, plate.picture, laid)
    shares = () if maps is None else photo_shares(detailed, maps.free, plate, laid)
    if plate is None or plate.hair is None or maps is None:
        return image, shares
    share = plate.hair.share * torch.maximum(beyond(opacity, image.shape[-1]), detailed.still + detailed.plate)
    rest = 1.0 - as_array(share[0, 0])
    return torch.lerp(image, 2.0 * plate.hair.picture - 1.0, share), (
        *(replace(each, share=each.share * rest) for each in shares),
        PhotoShare(share=(1.0 - rest) * as_array(plate.hair.true[0, 0]), places=as_array(plate.hair.places[0])),
    )
