"""The photo's own pixels in the picture (a part of `x_lift`): the head's own surface, or what the volume shows before
or beside it, is carried back to the photo at the picture's full resolution; a small network mixes what is seen there,
the photo's background and the super-resolved picture.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.blocks import activation, convolution, small_start
from likeness.export3d.lift import FAR, HINTS, Lift, ReadPlaces
from likeness.export3d.photo_repair import as_pictures, repaired
from likeness.export3d.plate import Plate, around_moved, before_plate
from likeness.export3d.rays import camera_rays
from likeness.export3d.super_resolution import START_GAIN, PlainBlock
from likeness.export3d.volume import VolumePicture

_CHANNELS = 32
_SHARES = 3  # of a pixel: the picture, the photo carried, the photo's background
_BEFORE = 0.08  # world units, 3 cm: what the volume shows this far before the head's own surface hides it
_SOFT = 80  # of this many parts of the picture's side, one to each side is averaged in hints: no seams at hidden places
_START = 4.0  # logit of a share where it is surely right, above where it is not


@dataclass(frozen=True, kw_only=True, slots=True)
class Detailed:
    """A sharper picture, and what it took from where."""

    image: Float[Tensor, "B 3 H W"]  # about -1 to 1, not clamped
    places: ReadPlaces | None  # of its pixels, row by row
    carried: Float[Tensor, "B 1 H W"]  # share of what was read there
    still: Float[Tensor, "B 1 H W"]  # of the photo's background, in its place
    plate: Float[Tensor, "B 1 H W"]  # of the plate


def without_photo(image: Float[Tensor, "B 3 H W"]) -> Detailed:
    """A picture that took nothing from a photo."""
    nothing = torch.zeros_like(image[:, :1])
    return Detailed(image=image, places=None, carried=nothing, still=nothing, plate=nothing)


class PhotoDetail(nn.Module):
    """Picture and photo to a sharper picture."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = 3 * _SHARES + HINTS + 2  # colours, hints, opacity, matte of the same pixel
        self.first = nn.Sequential(convolution(self.inputs, _CHANNELS), activation(), PlainBlock(_CHANNELS))
        self.last = small_start(convolution(_CHANNELS, _SHARES + 3), START_GAIN)

    def forward(
        self,
        image: Float[Tensor, "B 3 H W"],
        seen: VolumePicture,
        cameras: Float[Tensor, "B 25"],
        lift: Lift,
        *,
        plate: Plate | None = None,
    ) -> Detailed:
        """Args:
        image: the super-resolved picture.
        seen: what the volume shows, of any resolution; its depth says where the photo is looked at.
        plate: with it, the volume's own colours before it stand for what the photo does not show, in place of the
            super-resolved picture, and around what has moved it is the background.
        """
        side = image.shape[-1]
        depth, opacity = (
            F.interpolate(value, size=(side, side), mode="bilinear", align_corners=False)
            for value in (seen.depth.detach(), seen.opacity)
        )
        rays = camera_rays(cameras, resolution=side, box=1.0)
        distance = rearrange(depth, "B 1 H W -> B (H W) 1")
        surface = lift.surface(cameras, side)
        is_before = distance < (surface - rays.origins[:, None]).norm(dim=-1, keepdim=True) - _BEFORE
        is_shown = ~is_before & surface[..., :1].isfinite()
        points = torch.where(is_shown, surface, rays.origins[:, None] + distance * rays.directions)
        points = lift.before_turning(points)
        found = lift.at(points, full=True, eyes=rays.origins)
        carried, known = repaired(found, as_pictures(is_shown, side), is_drawn=plate is not None)
        hints = as_pictures(found.hints, side)
        reach = side // _SOFT
        hints = F.avg_pool2d(F.pad(hints, (reach,) * 4, mode="replicate"), 2 * reach + 1, stride=1)
        background, free = lift.maps.colours * 2.0 - 1.0, lift.maps.free
        carried = carried * 2.0 - 1.0
        out = self.last(self.first(torch.cat([image, carried, background * free, hints, opacity, free], dim=1)))
        sure = torch.cat([torch.full_like(opacity, 0.5), hints[:, :1] * opacity, (1.0 - opacity) * free], dim=1)
        shares = (out[:, :_SHARES] + _START * (2.0 * sure - 1.0)).softmax(dim=1)
        shown, carried_share, still = shares.split(1, dim=1)
        if plate is None or found.places is None:
            mixed = shown * image + carried_share * carried + still * background
            return Detailed(
                image=mixed + out[:, _SHARES:],
                places=found.places,
                carried=carried_share * known,
                still=still,
                plate=torch.zeros_like(still),
            )
        filled = _inside((1.0 - known) * opacity * as_pictures(lift.head_share(points), side))
        near = lift.nearness(rays.origins)
        empty = as_pictures(lift.looked_through(found.places.own, near, found.hints[..., FAR]), side)
        still = still * (1.0 - filled)
        gap = (1.0 - still) * empty
        shown = shown * (1.0 - filled) * (1.0 - empty)
        carried_share = 1.0 - shown - still - gap
        replaced = around_moved(lift.maps.matte, seen.opacity, plate)
        background = torch.lerp(background, plate.picture, replaced)
        image, through = before_plate(seen, torch.lerp(plate.picture, background, free))
        bare = torch.lerp(free, torch.ones_like(free), near[:, None])  # what is read is what stands here, if near
        mixed = shown * image + carried_share * carried + still * background
        mixed = mixed + gap * torch.lerp(plate.picture, background, bare)
        of_photo = (still + gap * bare) * (1.0 - replaced)
        return Detailed(
            image=mixed + out[:, _SHARES:],
            places=found.places,
            carried=carried_share * known,
            still=of_photo,
            plate=shown * through + still + gap - of_photo,
        )


def _inside(share: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B 1 H W"]:
    """The same without stairs at outlines."""
    return torch.minimum(share, F.avg_pool2d(share, 3, stride=1, padding=1))
