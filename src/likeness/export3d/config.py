"""Everything that can vary in an Export3D model, as frozen records: expression, generator, volume renderer,
super-resolution, discriminator.

A configuration is written into the weights folder as JSON and rebuilt from there; nothing else decides what is built.
"""

from dataclasses import dataclass
from typing import Literal

from likeness.nn.bounds import (
    LAYERS,
    MOST_LAYERS,
    MOST_LEVELS,
    PICTURE,
    SHARE,
    WIDTH,
    Range,
    check_count,
    check_ranges,
    check_weights,
)

Encoding = Literal["clebs", "lebs", "direct"]  # contrastive basis, the same basis learned with the rest, no basis
Conditioning = Literal["eadaln", "cross_attention"]
UpMode = Literal["steps", "single"]
PoseMode = Literal["exact", "eg3d"]
CAMERA_NUMBERS = 25  # camera to world 4 x 4, then normalised intrinsics 3 x 3, both row by row
GAZE_NUMBERS = 4  # yaw and pitch of the left, then of the right eye
EXPRESSION_LIMITS = {
    "size": WIDTH,
    "width": WIDTH,
    "basis": WIDTH,
    "gaze_basis": WIDTH,
    "hidden": WIDTH,
    "layers": LAYERS,
}
GENERATOR_LIMITS: dict[str, Range] = {
    "stem": WIDTH,
    "width": WIDTH,
    "blocks": LAYERS,
    "heads": WIDTH,
    "reduction": (1, 64),
    "feed_forward": (1, 64),
    "up": WIDTH,
    "plane_channels": WIDTH,
    "low_pass": (0.0, 16.0),
    "average": SHARE,
    "early_average": SHARE,
    "norm_groups": WIDTH,
}
VOLUME_LIMITS: dict[str, Range] = {
    "resolution": PICTURE,
    "coarse": (3, 1024),
    "fine": (0, 1024),
    "box": (0.01, 100.0),
    "hidden": WIDTH,
    "features": (3, WIDTH[1]),
}
SUPER_RESOLUTION_LIMITS: dict[str, Range] = {"first": WIDTH, "blocks": (0, MOST_LAYERS), "doublings": WIDTH}
DISCRIMINATOR_LIMITS: dict[str, Range] = {"base": (1, 1 << 20), "most": WIDTH, "embedding": WIDTH}
MODEL_LIMITS = {"image_size": PICTURE, "read_size": PICTURE, "background_channels": WIDTH}


@dataclass(frozen=True, kw_only=True)
class ExpressionSettings:
    """Which numbers tell the expression, and how they become the vector that the generator sees."""

    head: str  # name of the head model whose coefficients these are
    size: int  # coefficients per frame, see `expression.py`
    gaze: bool = False  # `x_gaze`: the direction of both eyes is told too
    encoding: Encoding = "clebs"
    width: int = 512  # d, of the vector that the generator sees
    basis: int = 10  # n, directions of the basis
    gaze_basis: int = 4  # further directions, of the gaze
    hidden: int = 256  # width of the perceptron's layers
    layers: int = 3  # with an activation
    layer_norm: bool = True  # of the standardised numbers: how strong an expression is goes with it

    def __post_init__(self) -> None:
        check_ranges(self, EXPRESSION_LIMITS)
        if self.directions > self.width:
            raise ValueError(f"{self.directions} directions are not orthogonal in {self.width} dimensions")

    @property
    def inputs(self) -> int:
        """Numbers per frame that go in."""
        return self.size + (GAZE_NUMBERS if self.gaze else 0)

    @property
    def directions(self) -> int:
        """Directions of the basis, those of the gaze included."""
        return self.basis + (self.gaze_basis if self.gaze else 0)


@dataclass(frozen=True, kw_only=True)
class GeneratorSettings:
    """Photo and expression to tri-plane."""

    stem: tuple[int, ...]  # channels at full resolution, then of each halving; a last halving makes the tokens
    width: int  # h, of a token
    blocks: int  # L
    heads: int
    reduction: int  # R: keys and values come from a map that is R times as coarse
    feed_forward: int = 2  # times the width
    up: tuple[int, ...]  # channels of each doubling
    plane_channels: int = 32
    up_mode: UpMode = "steps"  # doublings one by one, or all in one pixel shuffle
    low_pass: float = 1.0  # deviation of the Gaussian after each shuffle, pixels; 0: none
    conditioning: Conditioning = "eadaln"
    average: float = 0.999  # of the tri-plane's running average T_EMA; 0: there is none
    early_average: float = 0.99  # of it in the first steps
    norm_groups: int = 8
    high_resolution_skip: bool = False  # `hires_skip`: the stem's features at 1/2 and 1/4 reach the last doublings

    def __post_init__(self) -> None:
        if len(self.stem) < 2 or not self.up:
            raise ValueError("the stem needs two entries or more, the doublings one or more")
        check_count("stem", self.stem, 2, MOST_LEVELS)
        check_ranges(self, GENERATOR_LIMITS)
        if self.width % self.heads:
            raise ValueError(f"the width {self.width} must divide by {self.heads} heads")
        for channels in (*self.stem, *self.up):
            if channels % self.norm_groups:
                raise ValueError(f"{channels} channels must divide by {self.norm_groups} norm groups")
        if len(self.up) > len(self.stem):
            raise ValueError(f"{len(self.up)} doublings make planes larger than the picture")
        check_weights("blocks", self.blocks * self.feed_forward * self.width**2)
        check_weights("stem and up", 9 * sum(width**2 for width in (*self.stem, *self.up)))

    @property
    def coarseness(self) -> int:
        """Picture pixels per token, along each side."""
        return int(2 ** len(self.stem))


@dataclass(frozen=True, kw_only=True)
class VolumeSettings:
    """Tri-plane and camera to a small picture of features."""

    resolution: int  # pixels per side
    coarse: int = 48  # depths per ray, evenly spread
    fine: int = 48  # further ones, where the first found something
    box: float = 1.0  # side of the cube that the planes span, world units
    hidden: int = 64  # width of the decoder
    features: int = 32  # channels that are composited; the first three are the small picture

    def __post_init__(self) -> None:
        check_ranges(self, VOLUME_LIMITS)


@dataclass(frozen=True, kw_only=True)
class SuperResolutionSettings:
    """Small picture of features to picture."""

    first: int  # channels at the small resolution
    blocks: int  # residual blocks there
    doublings: tuple[int, ...]  # channels of each

    def __post_init__(self) -> None:
        check_count("doublings", self.doublings, 0, MOST_LEVELS)
        check_ranges(self, SUPER_RESOLUTION_LIMITS)
        squares = sum(width**2 for width in self.doublings)
        check_weights("super-resolution", 9 * ((1 + self.blocks) * self.first**2 + squares))


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSettings:
    """Channels at side r: min(base / r, most)."""

    base: int
    most: int
    embedding: int = 512  # of picture and camera, before their product

    def __post_init__(self) -> None:
        check_ranges(self, DISCRIMINATOR_LIMITS)


@dataclass(frozen=True, kw_only=True)
class Export3dConfig:
    """One model."""

    image_size: int  # pixels per side
    read_size: int | None = None  # at which the generator reads the photo; `image_size` if not given
    expression: ExpressionSettings
    generator: GeneratorSettings
    volume: VolumeSettings
    super_resolution: SuperResolutionSettings
    discriminator: DiscriminatorSettings
    pose_mode: PoseMode = "exact"
    background: bool = False  # `x_background`: a layer of its own behind the volume, from the photo
    background_channels: int = 32
    plate: bool = False  # drawn photos fill what the head uncovers from around, not by the layer
    lift: bool = False  # `x_lift`: points take along what the photo shows where the 3D flow carries them
    mirror: bool = False  # `x_lift=mirror`: and where it hides them, what it shows on the other half of the head
    fine_detail: bool = False  # drawn photos keep their full resolution where the picture is the photo's
    drawn_mouth: bool = False  # what an opened mouth shows inside is drawn as flow-warp draws it
    drawn_eyes: bool = False  # what lies between the lids likewise
    still_body: bool = False  # in a driven photo the shoulders stay while the head turns

    def __post_init__(self) -> None:
        check_ranges(self, MODEL_LIMITS)
        if self.reads % self.generator.coarseness:
            raise ValueError(f"{self.reads} pixels must divide by {self.generator.coarseness}")
        if self.plate and not self.background:
            raise ValueError("a continued background is for a model with a background layer")
        if self.fine_detail and not self.lift:
            raise ValueError("the photo's full resolution is for lifted features")
        if self.still_body and not self.lift:
            raise ValueError("shoulders that stay are for lifted features")
        if self.mirror and not self.lift:
            raise ValueError("the mirror image of what the photo hides is for lifted features")
        doubled = self.volume.resolution * 2 ** len(self.super_resolution.doublings)
        if doubled != self.image_size and not (self.lift and self.image_size % doubled == 0):
            parts = "a whole part of " if self.lift else ""
            raise ValueError(
                f"{self.volume.resolution} pixels doubled {len(self.super_resolution.doublings)} times are {doubled}, "
                f"not {parts}{self.image_size}"
            )

    @property
    def reads(self) -> int:
        """Pixels per side of the photo as the generator reads it."""
        return self.image_size if self.read_size is None else self.read_size

    @property
    def needs_matte(self) -> bool:
        """Whether photos are read with the person's matte."""
        return self.background or self.lift

    @property
    def plane_size(self) -> int:
        """Pixels per side of a plane."""
        return int(self.reads // self.generator.coarseness * 2 ** len(self.generator.up))
