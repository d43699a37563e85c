"""What a photo shows of a turned head, repaired: mirror images in their own half's light, no specks at edges, and skin
that the photo shows on neither half in the colours around it (a part of `x_lift`).
"""

from functools import partial

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from likeness.export3d.fill import filled_from_around
from likeness.export3d.lift import LiftedPoints

_EDGE = 0.3  # difference of cosines to the camera between neighbouring pixels that is an edge of the surface
_ASTRAY = 2.0  # pixels between the place that a pixel reads and the median of those around it: it does not belong there
_SPECK = 3  # pixels, side of what specks are cleaned with; 5 blur eyes and nose
_SLIVER = 7  # pixels around skin that the photo does not show from which it takes its colour
_KNOWN = 0.3  # share of them that it has to show
_SMEARED = 0.2  # weight of places that the photo shows, but too badly
_ALIKE, _SAME_HUE = 0.3, 0.15  # differences of logarithms between halves of a head that may well be light alone
_LIGHT = 4  # pixels over which light is averaged, to each side, and between places where it is told
_ENOUGH = 0.1  # weight of a place from which it tells the light


def repaired(
    found: LiftedPoints, is_skin: Bool[Tensor, "B 1 H W"], *, is_drawn: bool
) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B 1 H W"]]:
    """The colours that pixels have read of photos, 0 to 1; and how far these are the photos' own.

    Args:
        found: of the pixels, row by row, read in full.
        is_skin: where pixels show the head's own surface.
        is_drawn: for a finished picture with a plate: networks learn from photos as they are.
    """
    picture = partial(as_pictures, side=is_skin.shape[-2])
    carried, hints, skin = picture(found.features), picture(found.hints), is_skin.to(found.features.dtype)
    halves = found.halves if is_drawn else None
    astray = torch.zeros_like(is_skin)
    if halves is not None and found.places is not None:
        own, mirrored, share = found.places.own, found.places.mirrored, found.places.share
        carried = in_own_light(carried, *map(picture, (share, halves.brighter, halves.both)))
        astray = _astray(picture(torch.lerp(own, mirrored, share)))
    carried, known = filled_in(without_specks(carried, hints[:, 1:2], astray), hints[:, :1], skin)
    if halves is None:
        return carried, known
    unshown = skin * picture(halves.unshown)
    person = (4.0 * hints[:, 5:6] - 3.0).clamp_min(0.0)  # surely
    told = person * (1.0 - unshown * (1.0 - _SMEARED * hints[:, :1]))
    return from_around(carried, told, unshown), known * (1.0 - unshown)


def as_pictures(values: Shaped[Tensor, "B N C"], side: int) -> Shaped[Tensor, "B C H W"]:
    """What pixels have, row by row, as squares."""
    return rearrange(values, "B (H W) C -> B C H W", H=side)


def filled_in(
    colours: Float[Tensor, "B 3 H W"], seen: Float[Tensor, "B 1 H W"], is_skin: Float[Tensor, "B 1 H W"]
) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B 1 H W"]]:
    """Slivers of skin that no half of the photo shows, in the colours of the skin around; and where nothing was filled.

    Args:
        seen: how far the photo shows the places that were read.
    """
    reach = _SLIVER // 2
    known = seen * is_skin
    around = F.avg_pool2d(F.pad(torch.cat([colours * known, known, is_skin], dim=1), (reach,) * 4), _SLIVER, stride=1)
    amount, skin = around[:, 3:4], around[:, 4:5]
    filled = around[:, :3] / amount.clamp_min(1e-6)
    is_sliver = is_skin * (1.0 - seen) * (amount > _KNOWN * skin).to(seen.dtype)
    return torch.lerp(colours, filled, is_sliver), 1.0 - is_sliver


def in_own_light(
    colours: Float[Tensor, "B 3 H W"],
    mirrored: Float[Tensor, "B 1 H W"],
    brighter: Float[Tensor, "B 3 H W"],
    both: Float[Tensor, "B 1 H W"],
) -> Float[Tensor, "B 3 H W"]:
    """Mirror images in the light of the half in which they stand: by what the halves differ where both are shown.

    Args:
        mirrored: share of them in the colours.
        brighter: by how much the own half is brighter where both are shown, natural logarithm.
        both: how far both are shown.
    """
    if not mirrored.any():
        return colours
    level = brighter.mean(dim=1, keepdim=True)
    hue = (brighter - level).abs().amax(dim=1, keepdim=True)
    alike = both / (1.0 + (level / _ALIKE).square() + (hue / _SAME_HUE).square())
    told = torch.cat([brighter * alike, alike], dim=1)
    soft = F.avg_pool2d(told, 2 * _LIGHT, stride=_LIGHT, padding=_LIGHT // 2)
    weight = soft[:, 3:]
    light = filled_from_around(soft[:, :3] / weight.clamp_min(1e-6), (weight / _ENOUGH).clamp_max(1.0))
    light = F.interpolate(light, colours.shape[-2:], mode="bilinear", align_corners=False)
    level = light.mean(dim=1, keepdim=True)
    light = level + (light - level).clamp(-_SAME_HUE, _SAME_HUE)
    return (colours * (mirrored * light).exp()).clamp(0.0, 1.0)


def from_around(
    colours: Float[Tensor, "B 3 H W"], told: Float[Tensor, "B 1 H W"], unshown: Float[Tensor, "B 1 H W"]
) -> Float[Tensor, "B 3 H W"]:
    """Skin that the photo shows too badly, in the colours around it.

    Args:
        told: how far colours are the person's own at their places.
    """
    if not unshown.any():
        return colours
    return torch.lerp(colours, filled_from_around(colours, told), unshown)


def without_specks(
    colours: Float[Tensor, "B 3 H W"], facing: Float[Tensor, "B 1 H W"], astray: Bool[Tensor, "B 1 H W"]
) -> Float[Tensor, "B 3 H W"]:
    """The median of nine pixels where the surface has an edge: slivers of triangles behind it show another part of the
    photo, a pixel wide.

    Args:
        astray: where pixels have read places that do not belong among those of their neighbours, besides.
    """
    edges = ((_spread(facing) > _EDGE) | astray)[:, 0]
    cleaned = rearrange(colours, "B C H W -> B H W C").clone()
    cleaned[edges] = _medians(colours, edges)
    return rearrange(cleaned, "B H W C -> B C H W")


def _astray(places: Float[Tensor, "B 2 H W"]) -> Bool[Tensor, "B 1 H W"]:
    """Where places (0 to 1) are far from the median of nine: seldom in a field that is stretched, however far."""
    least = _ASTRAY / places.shape[-1]
    found = _spread(places)[:, 0] > least
    own = rearrange(places, "B C H W -> B H W C")[found]
    found[found.clone()] = (own - _medians(places, found)).abs().amax(dim=-1) > least
    return found[:, None]


def _spread(values: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
    """Largest difference among a pixel's neighbours, in the channel where it is largest."""
    pooled = F.max_pool2d(torch.cat([values, -values], dim=1), _SPECK, stride=1, padding=_SPECK // 2)
    highest, lowest = pooled.chunk(2, dim=1)
    return (highest + lowest).amax(dim=1, keepdim=True)


def _medians(values: Float[Tensor, "B C H W"], chosen: Bool[Tensor, "B H W"]) -> Float[Tensor, "N C"]:
    """Of nine pixels, around the chosen ones."""
    padded = F.pad(values, (_SPECK // 2,) * 4, mode="replicate")
    around = rearrange(padded.unfold(2, _SPECK, 1).unfold(3, _SPECK, 1), "B C H W y x -> B H W C (y x)")
    medians: Tensor = around[chosen].median(dim=-1).values
    return medians
