"""Flow-lifted features (`x_lift`): every point of the volume is carried back to the photo by the 3D flow and takes
along what the photo shows there, so that the tri-plane invents only what the photo does not show.

Not part of Export3D: it joins FG-Portrait's surface field to its volume.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.blocks import ResidualBlock, activation, convolution, coordinate_channels, doubled, reduced
from likeness.export3d.cameras import frame_of_camera, head_from_world, world_from_head
from likeness.export3d.mirror import air, badly_shown, eye_of, nearness, need, share_of_better, trust
from likeness.flow.carry import CarriedPoints, Carrier, before_turning, carry, seen_from, target_surface
from likeness.flow.posture import body_share

HINTS = 6  # seen, facing, near the surface, far from it, mouth, matte
FAR = 3  # the number of the fourth
NEAR_HEIGHT, FAR_HEIGHT = 0.005, 0.04  # metres above the surface that the hints tell apart
BESIDE = 4  # pixels of the photo from the person at which it surely shows background
MIRRORED_HEIGHT = 0.03  # metres from the surface within which points are looked for on the other half
WELL_FACING = 0.5  # cosine to the way to the camera from which a place needs no mirror image
_OUTLINE = 3  # pixels of the photo within a person's outline that show background too
_WELL_ABOVE = (0.25, 0.5)  # the hint of the distance at 1 and at 2 cm: between these air begins to be surely empty
_NECK = 0.25  # share of the body in the turn of a place that is no head any more
_DARK = 0.05  # of 1: darker colours tell little about light
_CHANNELS = 32


@dataclass(frozen=True, slots=True)
class ReadPlaces:
    """Where photos were read, 0 to 1 across them."""

    own: Float[Tensor, "B N 2"]
    mirrored: Float[Tensor, "B N 2"]
    share: Float[Tensor, "B N 1"]  # of the mirrored ones


@dataclass(frozen=True, slots=True)
class Halves:
    """How the two halves of heads show points."""

    unshown: Float[Tensor, "B N 1"]  # how far neither shows what an eye sees there; zeros where no eye is told
    brighter: Float[Tensor, "B N 3"]  # by how much the own half is, natural logarithms
    both: Float[Tensor, "B N 1"]  # how far both show it, and the own one counts


@dataclass(frozen=True, kw_only=True, slots=True)
class LiftedPoints:
    """What points took along."""

    features: Float[Tensor, "B N F"]  # 0 to 1, the first three the photo's colours
    hints: Float[Tensor, "B N hints"]  # -1 to 1
    places: ReadPlaces | None = None
    halves: Halves | None = None


@dataclass(frozen=True, kw_only=True)
class LiftMaps:
    """What points can read of photos; what follows from mattes is found once for all views."""

    features: Float[Tensor, "B F h w"]  # 0 to 1, the first three the photo's colours
    colours: Float[Tensor, "B 3 H W"]  # the photo itself, 0 to 1
    matte: Float[Tensor, "B 1 H W"]  # 1 where the person is; zeros where that is not known

    @cached_property
    def free(self) -> Float[Tensor, "B 1 H W"]:
        """Where photos show background, without the rim of the person."""
        return 1.0 - _widened(self.matte, 1)

    @cached_property
    def beside(self) -> Float[Tensor, "B 1 H W"]:
        """Where they surely do."""
        return 1.0 - _widened(self.matte, BESIDE)

    @cached_property
    def surely(self) -> Float[Tensor, "B 1 H W"]:
        """Where they surely show the person."""
        return 1.0 - _widened(1.0 - self.matte, _OUTLINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lift:
    """Maps of photos, and the way back to them from the volume of each picture."""

    maps: LiftMaps
    carriers: tuple[Carrier, ...]
    mirrors: bool = False  # what a photo hides is read at its mirror image

    def split(self) -> list["Lift"]:
        """One picture after the other."""
        maps = (self.maps.features.split(1), self.maps.colours.split(1), self.maps.matte.split(1))
        return [
            replace(self, maps=LiftMaps(features=features, colours=colours, matte=matte), carriers=(carrier,))
            for features, colours, matte, carrier in zip(*maps, self.carriers, strict=True)
        ]

    def surface(self, cameras: Float[Tensor, "B 25"], side: int) -> Float[Tensor, "B N 3"]:
        """World points of the heads' surfaces that the pixels of cameras show, row by row; NaN where they show none."""
        places = []
        for carrier, numbers in zip(self.carriers, cameras.detach().cpu().double().numpy(), strict=True):
            T_cam_head, camera = frame_of_camera(numbers, width=side, height=side)
            found = target_surface(carrier, T_cam_head, camera, threads=torch.get_num_threads())
            places.append(torch.from_numpy(world_from_head(found).astype(np.float32)))
        return torch.stack(places).to(cameras.device)

    def at(
        self, points: Float[Tensor, "B N 3"], *, full: bool = False, eyes: Float[Tensor, "B 3"] | None = None
    ) -> LiftedPoints:
        """Read the photos at world points, as they are before heads turn, carried back.

        Args:
            full: the photo's own colours, at its full resolution, in place of the features; tells places and halves.
            eyes: world points from where the points are looked at: what is seen there no better than in the photo needs
                no mirror image.
        """
        in_head = head_from_world(points.detach().cpu().double().numpy())
        looking = [None] * len(in_head) if eyes is None else list(head_from_world(eyes.detach().cpu().double().numpy()))
        read = [
            self._read(number, carrier, own, eye, full=full)
            for number, (carrier, own, eye) in enumerate(zip(self.carriers, in_head, looking, strict=True))
        ]
        features, hints, *told = (torch.stack(kind) for kind in zip(*read, strict=True))
        if not told:
            return LiftedPoints(features=features, hints=hints)
        return LiftedPoints(features=features, hints=hints, places=ReadPlaces(*told[:3]), halves=Halves(*told[3:]))

    def before_turning(self, points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B N 3"]:
        """World points where they were before the heads turned and the bodies stayed."""
        if not any(carrier.turn.any() for carrier in self.carriers):
            return points
        in_head = head_from_world(points.detach().cpu().double().numpy())
        before = [before_turning(carrier, own) for carrier, own in zip(self.carriers, in_head, strict=True)]
        return torch.from_numpy(world_from_head(np.stack(before))).to(points)

    def head_share(self, points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B N 1"]:
        """How far world points, as they are before heads turn, belong to heads: 0 at their bodies."""
        in_head = head_from_world(points.detach().cpu().double().numpy())
        body = np.stack([body_share(own) for own in in_head])[..., None]
        return torch.from_numpy(np.clip(1.0 - body / _NECK, 0.0, 1.0)).to(points)

    def nearness(self, eyes: Float[Tensor, "B 3"]) -> Float[Tensor, "B 1 1"]:
        """1 where eyes (world points) look as the photos' cameras do, 0 from 20 degrees beside them."""
        looking = head_from_world(eyes.detach().cpu().double().numpy())
        near = [nearness(eye_of(carrier), eye) for carrier, eye in zip(self.carriers, looking, strict=True)]
        return torch.tensor(near).to(eyes)[:, None, None]

    def looked_through(
        self, places: Float[Tensor, "B N 2"], near: Float[Tensor, "B 1 1"], far: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B N 1"]:
        """How far photos show background where points were read. For eyes that look from elsewhere it counts well above
        the surface alone: nearer to it the fit may mislead.

        Args:
            places: in the photos, 0 to 1 across them.
            near: of the eyes, see `nearness`.
            far: the hint that tells how far from the surface they are.
        """
        low, high = _WELL_ABOVE
        above = ((far[..., None] - low) / (high - low)).clamp(0.0, 1.0)
        return torch.maximum(above, near) * _sampled(self.maps.beside, places)

    def _read(
        self,
        number: int,
        carrier: Carrier,
        points: Float[np.ndarray, "N 3"],
        eye: Float[np.ndarray, "3"] | None,
        *,
        full: bool,
    ) -> tuple[Tensor, ...]:
        """One photo read at points of its head's frame, where that is asked for on its better half.

        Returns:
            Features and hints, as `LiftedPoints` has them; if `full`, what `ReadPlaces` and `Halves` tell.
        """
        threads = torch.get_num_threads()
        carried = carry(carrier, points, threads=threads)
        features, hints = self._taken(number, carried, full=full)
        place = torch.from_numpy(carried.positions).to(features.device)
        nowhere = torch.zeros_like(place[:, :1])
        if not self.mirrors:
            if not full:
                return features, hints
            return features, hints, place, place, nowhere, nowhere, torch.zeros_like(features), nowhere
        own = trust(carried, hints[:, -1])
        near = np.flatnonzero((own < WELL_FACING) & (np.abs(carried.height) < MIRRORED_HEIGHT))
        other = carry(carrier, points[near] * np.array([-1.0, 1.0, 1.0]), threads=threads)
        mirrored, mirrored_hints = self._taken(number, other, full=full)
        others = trust(other, mirrored_hints[:, -1])
        better = share_of_better(others, own[near])
        badly, both = np.zeros_like(better), np.zeros_like(better)
        if eye is not None:
            facing, away = seen_from(carrier, points[near], eye), 1.0 - nearness(eye_of(carrier), eye)
            better *= need(facing, carried, hints[:, -1], near, away)
            surely = _sampled(self.maps.surely[number : number + 1], place[None])[0, :, 0]
            both = np.minimum(trust(carried, surely)[near], others)
            badly = away * badly_shown(facing, carried, surely, near)
        share = torch.from_numpy(better).to(features.device, features.dtype)[:, None]
        share = share * mirrored_hints[:, -1:]  # as far as that place shows the person
        is_air = torch.from_numpy(air(carried.height[near])).to(features.device, features.dtype)
        behind = torch.minimum(mirrored_hints[:, -1], hints[torch.from_numpy(near).to(hints.device), -1])
        mirrored_hints[:, -1] = torch.lerp(mirrored_hints[:, -1], behind, is_air)  # air that the photo looks through
        at = torch.from_numpy(near).to(features.device)
        keep = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 1.0], device=features.device)  # the place itself does not change
        read = (
            features.index_copy(0, at, torch.lerp(features[at], mirrored, share)),
            hints.index_copy(0, at, torch.lerp(hints[at], mirrored_hints, share * keep)),
        )
        if not full:
            return read
        share = share.to(place)
        unshown, shown = (torch.from_numpy(part).to(place)[:, None] * (1.0 - share) for part in (badly, both))
        return (
            *read,
            place,
            place.index_copy(0, at, torch.from_numpy(other.positions).to(place)),
            nowhere.index_copy(0, at, share),
            nowhere.index_copy(0, at, unshown),
            torch.zeros_like(features).index_copy(0, at, ((features[at] + _DARK) / (mirrored + _DARK)).log()),
            nowhere.index_copy(0, at, shown),
        )

    def _taken(
        self, number: int, carried: CarriedPoints, *, full: bool
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N hints"]]:
        """What a photo shows where points were carried."""
        maps = self.maps.colours if full else self.maps.features
        told = (carried.positions, carried.is_seen, carried.facing, carried.height, carried.is_mouth)
        positions, seen, facing, height, mouth = (torch.from_numpy(part).to(maps.device).float() for part in told)
        features, matte = (_sampled(part[number : number + 1], positions[None])[0] for part in (maps, self.maps.matte))
        near, far = torch.tanh(height / NEAR_HEIGHT), torch.tanh(height / FAR_HEIGHT)
        return features, torch.stack([seen, facing, near, far, mouth, matte[..., 0]], dim=-1)


class LiftEncoder(nn.Module):
    """Photo and matte to the maps that points are carried to."""

    def __init__(self, *, resolution: int, features: int, groups: int = 8) -> None:
        """Args:
        resolution: of the volume's pictures: colours are as fine as those, the other features twice as fine.
        features: of the volume.
        """
        super().__init__()
        self.resolution = resolution
        self.first = nn.Sequential(convolution(6, _CHANNELS), activation())
        self.blocks = nn.Sequential(ResidualBlock(_CHANNELS, _CHANNELS, groups=groups))
        self.last = convolution(_CHANNELS, features - 3)

    def forward(self, image: Float[Tensor, "B 3 H W"], matte: Float[Tensor, "B 1 H W"]) -> LiftMaps:
        """Args:
        image: -1 to 1.
        matte: 1 where the person is; zeros where that is not known.
        """
        side = 2 * self.resolution
        small, small_matte = (value if value.shape[-1] <= side else reduced(value, side) for value in (image, matte))
        read = torch.cat([small, coordinate_channels(small), small_matte], dim=1)
        learned = self.last(self.blocks(self.first(read)))
        colours = reduced(image, self.resolution) * 0.5 + 0.5
        if small.shape[-1] != self.resolution:
            colours = doubled(colours)
        features = torch.cat([colours, learned.sigmoid()], dim=1)
        return LiftMaps(features=features, colours=image * 0.5 + 0.5, matte=matte)


def lift_of(maps: LiftMaps | None, carriers: Sequence[Carrier], *, mirrors: bool = False) -> Lift | None:
    """The lift of a model that has one.

    Args:
        mirrors: what a photo hides is read at its mirror image.

    Raises:
        ValueError: it needs a carrier for each photo.
    """
    if maps is None:
        return None
    if len(maps.matte) != len(carriers):
        raise ValueError(f"each photo needs the way back to it, got {len(maps.matte)} photos and {len(carriers)} ways")
    return Lift(maps=maps, carriers=tuple(carriers), mirrors=mirrors)


def _widened(share: Float[Tensor, "B 1 H W"], reach: int) -> Float[Tensor, "B 1 H W"]:
    """The largest within so many pixels."""
    return F.max_pool2d(share, 2 * reach + 1, stride=1, padding=reach)


def _sampled(maps: Float[Tensor, "B C h w"], positions: Float[Tensor, "B N 2"]) -> Float[Tensor, "B N C"]:
    """Maps read at positions from 0 to 1 across them, bilinear, edges repeated."""
    grid = positions[:, None] * 2.0 - 1.0
    sampled = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return sampled[:, :, 0].transpose(1, 2)
