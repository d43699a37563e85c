"""An Export3D model: photo and expression to tri-plane, tri-plane and camera to picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.background import BackgroundLayer
from likeness.export3d.blocks import reduced
from likeness.export3d.clebs import ExpressionEncoder
from likeness.export3d.composite import composed
from likeness.export3d.config import Export3dConfig
from likeness.export3d.fine_detail import PhotoShare
from likeness.export3d.generator import Generator, ReadSource
from likeness.export3d.lift import Lift, LiftEncoder, LiftMaps, lift_of
from likeness.export3d.photo_detail import Detailed, PhotoDetail, without_photo
from likeness.export3d.plate import Plate, PlateLayers
from likeness.export3d.super_resolution import SuperResolution
from likeness.export3d.volume import VolumePicture, VolumeRenderer
from likeness.flow.carry import Carrier

Part = Literal["expression", "generator", "volume", "super_resolution", "background", "lift", "detail"]


@dataclass(frozen=True, kw_only=True)
class SourceFeatures:
    """All that a model takes from photos; it does not depend on expression or camera."""

    read: ReadSource
    background: Float[Tensor, "B F r r"] | None
    lift_maps: LiftMaps | None
    plate: PlateLayers | None = None


@dataclass(frozen=True, kw_only=True)
class Content:
    """What fills the cube around each head: it depends on photo and expression, not on the camera."""

    planes: Float[Tensor, "B 3 C size size"]
    lift: Lift | None = None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What a camera sees of a tri-plane."""

    image: Float[Tensor, "B 3 H W"]  # about -1 to 1, not clamped
    small: Float[Tensor, "B 3 r r"]  # the volume's own colours, before super-resolution
    depth: Float[Tensor, "B 1 r r"]  # world units along the ray
    opacity: Float[Tensor, "B 1 r r"]  # 0 where nothing but background is seen
    photo_shares: tuple[PhotoShare, ...] = ()  # what one picture has of the photo, where that was asked for


class Export3dModel(nn.Module):
    """The networks that inference needs; the discriminator belongs to the training."""

    def __init__(self, config: Export3dConfig) -> None:
        super().__init__()
        self.config = config
        features, resolution = config.volume.features, config.volume.resolution
        self.expression = ExpressionEncoder(config.expression)
        self.generator = Generator(
            config.generator, expression_width=config.expression.width, plane_size=config.plane_size
        )
        self.volume = VolumeRenderer(config.volume, config.generator.plane_channels, is_lifted=config.lift)
        self.super_resolution = SuperResolution(config.super_resolution, features=features)
        self.background = (
            BackgroundLayer(config.background_channels, features=features, resolution=resolution)
            if config.background
            else None
        )
        self.lift = LiftEncoder(resolution=resolution, features=features) if config.lift else None
        self.detail = PhotoDetail() if config.lift else None

    @property
    def parts(self) -> tuple[Part, ...]:
        """Names of the networks that this model has."""
        names: list[Part] = ["expression", "generator", "volume", "super_resolution"]
        if self.background is not None:
            names.append("background")
        if self.lift is not None:
            names += ["lift", "detail"]
        return tuple(names)

    def part(self, name: Part) -> nn.Module:
        """One of them."""
        found: nn.Module = getattr(self, name)
        return found

    def read(self, image: Float[Tensor, "B 3 H W"], matte: Float[Tensor, "B 1 H W"] | None = None) -> SourceFeatures:
        """What is taken from photos.

        Args:
            image: -1 to 1.
            matte: 1 where the person is; a model with a background layer or lifted features needs it.
        """
        if self.config.needs_matte and matte is None:
            raise ValueError("a model with a background layer or lifted features needs the person's matte")
        side = self.config.reads
        return SourceFeatures(
            read=self.generator.read(image if side == image.shape[-1] else reduced(image, side)),
            background=None if self.background is None else self.background(image, matte),
            lift_maps=None if self.lift is None else self.lift(image, matte),
        )

    def content(
        self, source: SourceFeatures, expression: Float[Tensor, "B d"], carriers: Sequence[Carrier] = ()
    ) -> Content:
        """People with expression vectors, see `ExpressionEncoder`.

        Args:
            carriers: the way back to each photo, for a model with lifted features.
        """
        return Content(planes=self.generator(source.read, expression), lift=self.lift_of(source, carriers))

    def lift_of(self, source: SourceFeatures, carriers: Sequence[Carrier]) -> Lift | None:
        """What points read of the photos, for a model with lifted features."""
        return lift_of(source.lift_maps, carriers, mirrors=self.config.mirror)

    def picture(
        self,
        content: Content,
        cameras: Float[Tensor, "B 25"],
        source: SourceFeatures,
        *,
        generator: torch.Generator | None = None,
        tells_shares: bool = False,
    ) -> Picture:
        """What cameras see.

        Args:
            generator: draws the places on the rays, in training; None: always the same places.
            tells_shares: of one picture, what it has of the photo.
        """
        seen: VolumePicture = self.volume.render(content.planes, cameras, lift=content.lift, generator=generator)
        features = seen.features
        if source.background is not None:
            features = features + (1.0 - seen.opacity) * (source.background + 1.0)
        plate = None if source.plate is None else source.plate.seen_by(cameras[0])
        finished = self.finished(seen, features, cameras, content.lift, plate=plate)
        image = finished.image
        shares: tuple[PhotoShare, ...] = ()
        if plate is not None or tells_shares:
            image, shares = composed(finished, seen.opacity, plate, source.lift_maps)
        return Picture(image=image, small=features[:, :3], depth=seen.depth, opacity=seen.opacity, photo_shares=shares)

    def finished(
        self,
        seen: VolumePicture,
        features: Float[Tensor, "B F r r"],
        cameras: Float[Tensor, "B 25"],
        lift: Lift | None,
        *,
        plate: Plate | None = None,
    ) -> Detailed:
        """The picture at full size, and what it took from the photo.

        Args:
            features: what the volume shows, the background behind it.
        """
        image: Tensor = self.super_resolution(features)
        if self.detail is None:
            return without_photo(image)
        if lift is None:
            raise ValueError("a model with lifted features needs the way back to the photos")
        side = self.config.image_size
        if image.shape[-1] != side:
            image = F.interpolate(image, size=(side, side), mode="bilinear", align_corners=False)
        detailed: Detailed = self.detail(image, seen, cameras, lift, plate=plate)
        return detailed
