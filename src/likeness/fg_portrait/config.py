"""Everything that can vary in an FG-Portrait model, as frozen records: networks, condition, diffusion, sampling.

A configuration is written into the weights folder as JSON and rebuilt from there; nothing else decides what is built.
"""

from dataclasses import dataclass, field, fields
from typing import Literal

from likeness.data.region_weights import RegionWeights
from likeness.flow.settings import FlowSettings
from likeness.nn.bounds import (
    MOST_LEVELS,
    PICTURE,
    SHARE,
    WIDTH,
    Range,
    check_count,
    check_ranges,
    check_weights,
)

Space = Literal["vae", "tiny_vae", "pixel_unshuffle"]
Condition = Literal["flow3d", "landmark", "pred_flow", "drive_rgb"]
Prediction = Literal["epsilon", "v", "sample"]  # noise, velocity, clean latents
Part = Literal["appearance", "control", "denoiser", "motion"]
Unconditional = Literal["none_none", "source_only", "control_only"]
Init = Literal["source_noised", "gauss", "warped_noised"]
RGB_CONDITION_CHANNELS = 3  # of the landmark drawing, of the driving picture, and of predicted flow with occlusion
SPACE_CHANNELS = {"vae": 4, "tiny_vae": 4}
MOST_SOURCES = 4  # photos of one person
VAE_FACTOR = 8  # image pixels per latent of both autoencoders
MOST_FRAMES = 4096  # that are held or seen together
GUIDANCE: Range = (1.0, 1000.0)
TIMESTEPS: Range = (1, 1000)  # of the noise schedule
WEIGHT: Range = (0.0, 1e6)  # of a term of the loss


UNET_LAYERS: Range = (1, 16)
UNET_LIMITS = {
    "widths": WIDTH,
    "layers": UNET_LAYERS,
    "heads": WIDTH,
    "norm_groups": WIDTH,
    "context_tokens": WIDTH,
    "context_width": WIDTH,
}
AUTOENCODER_LIMITS = {"widths": WIDTH, "layers": UNET_LAYERS, "norm_groups": WIDTH}
TEMPORAL_LIMITS: dict[str, Range] = {"max_length": (1, MOST_FRAMES), "heads": WIDTH}
FACE_LOSS_LIMITS = {"landmarks": WEIGHT, "identity": WEIGHT, "below": TIMESTEPS}
DIFFUSION_LIMITS: dict[str, Range] = {
    "min_snr_gamma": WEIGHT,
    "noise_offset": WEIGHT,
    "drop_both": SHARE,
    "drop_control": SHARE,
    "elsewhere": SHARE,
    "start_share": SHARE,
}
SAMPLING_LIMITS: dict[str, Range] = {
    "steps": TIMESTEPS,
    "guidance": GUIDANCE,
    "kept_difference": SHARE,
    "section": (1, MOST_FRAMES),
    "batch": (1, MOST_FRAMES),
}
MODEL_LIMITS: dict[str, Range] = {
    "image_size": PICTURE,
    "unshuffle": (1, 64),
    "image_token": WIDTH,
    "distilled_guidance": GUIDANCE,
}


@dataclass(frozen=True, kw_only=True)
class UnetSettings:
    """Sizes that the denoiser, the appearance network and the control network share; one entry per level."""

    widths: tuple[int, ...]
    layers: int  # residual blocks per level
    attention: tuple[bool, ...]  # which levels attend
    heads: tuple[int, ...]  # attention heads of each level
    norm_groups: int
    context_tokens: int  # of the constant that stands where the text was
    context_width: int

    def __post_init__(self) -> None:
        if not len(self.widths) == len(self.attention) == len(self.heads) > 0:
            raise ValueError(
                f"widths, attention and heads need one entry per level, got {len(self.widths)}, "
                f"{len(self.attention)} and {len(self.heads)}"
            )
        check_count("widths", self.widths, 1, MOST_LEVELS)
        check_ranges(self, UNET_LIMITS)
        if not any(self.attention):
            raise ValueError("at least one level must attend: the source enters through attention")
        for width, heads in zip(self.widths, self.heads, strict=True):
            if width % self.norm_groups or width % heads:
                raise ValueError(f"width {width} must divide by {self.norm_groups} norm groups and {heads} heads")
        check_weights("widths and layers", convolution_weights(self.widths, self.layers))

    @property
    def downscale(self) -> int:
        """Latent pixels per pixel of the deepest level."""
        return 2 ** (len(self.widths) - 1)


@dataclass(frozen=True, kw_only=True)
class AutoencoderSettings:
    """Sizes of the autoencoder behind the space `vae`; the defaults are those of Stable Diffusion 1.5."""

    widths: tuple[int, ...] = (128, 256, 512, 512)
    layers: int = 2
    norm_groups: int = 32

    def __post_init__(self) -> None:
        check_count("widths", self.widths, 1, MOST_LEVELS)
        check_ranges(self, AUTOENCODER_LIMITS)
        for width in self.widths:
            if width % self.norm_groups:
                raise ValueError(f"width {width} must divide by {self.norm_groups} norm groups")
        check_weights("widths and layers", convolution_weights(self.widths, self.layers))


@dataclass(frozen=True, kw_only=True)
class ControlSettings:
    """What tells the control network where everything goes."""

    condition: Condition = "flow3d"  # `cond`: the paper's Table 4
    flow: FlowSettings = field(default_factory=FlowSettings)  # `x_visibility`, `x_normals`, ... are its extras
    embedding_widths: tuple[int, ...]  # n entries halve the condition's resolution n - 1 times
    warp_latent: bool = False  # `x_warp_latent`: the source latent warped to the target, and where that is valid
    warp_features: bool = False  # `x_warp_feat`: the same with the source's stored tokens, at every attending level
    draft: bool = False  # `x_draft`: flow-warp's picture is seen, and what is diffused is the difference from it
    background: bool = False  # `x_background`: the person's matte is seen, and behind them the photo stands still
    lids: bool = False  # `x_lids`: the lids of the target's mesh open as measured, against those of the source's
    offsets: bool = False  # `x_offsets`: the head's outline is brought onto the person's, hair included
    sources: int = 1  # `x_multi_src`: photos of the person that are read; each pixel is warped from one that shows it

    def __post_init__(self) -> None:
        if not 1 <= self.sources <= MOST_SOURCES:
            raise ValueError(f"a model reads 1 to {MOST_SOURCES} photos of a person, got {self.sources}")
        check_count("embedding_widths", self.embedding_widths, 1, MOST_LEVELS)
        check_ranges(self, {"embedding_widths": WIDTH})
        check_weights("embedding_widths", convolution_weights(self.embedding_widths, 1))

    @property
    def channels(self) -> int:
        """Channels of the condition as the embedding sees it."""
        return self.flow.channels if self.condition == "flow3d" else RGB_CONDITION_CHANNELS


@dataclass(frozen=True, kw_only=True)
class TemporalSettings:
    """The temporal layers of stage 2."""

    max_length: int = 32  # entries of the position table
    mid_block: bool = False
    heads: tuple[int, ...]  # of each level

    def __post_init__(self) -> None:
        check_ranges(self, TEMPORAL_LIMITS)


@dataclass(frozen=True, kw_only=True)
class FaceLossSettings:
    """What decoded predictions of clean latents are compared by; weights of 0 leave a term out."""

    landmarks: float = 0.0  # times the squared distance of landmarks, in 128ths of the picture
    identity: float = 0.0  # times one minus the cosine of embeddings; only with local weights of a recogniser
    below: int = 300  # timesteps: where more noise is added, nothing is decoded

    def __post_init__(self) -> None:
        check_ranges(self, FACE_LOSS_LIMITS)

    @property
    def is_on(self) -> bool:
        """Whether anything is compared."""
        return self.landmarks > 0.0 or self.identity > 0.0


@dataclass(frozen=True, kw_only=True)
class RepairShares:
    """How much of what networks change of the default renderer's picture is kept where that is weak (`repair.py`)."""

    mouth: float = 0.5  # where the lips part, as far as in a smile
    eyes: float = 0.0  # where lids open or shut
    hidden: float = 0.0  # skin that the photo does not show
    shrunk: float = 0.0  # skin that the photo shows much smaller than it is to be, for its distance
    uncovered: float = 0.0  # where the head was, beside where it is

    def __post_init__(self) -> None:
        check_ranges(self, {entry.name: SHARE for entry in fields(self)})


@dataclass(frozen=True, kw_only=True)
class DiffusionSettings:
    """Noise schedule and objective."""

    prediction: Prediction = "epsilon"
    betas: Literal["scaled_linear", "linear", "squared_cosine"] = "scaled_linear"
    zero_terminal_snr: bool = False
    min_snr_gamma: float | None = None  # None: every timestep weighs the same
    noise_offset: float = 0.0
    regions: RegionWeights = field(default_factory=RegionWeights)  # `x_face_loss`
    face: FaceLossSettings = field(default_factory=FaceLossSettings)  # `x_face_loss`
    drop_both: float = 0.0  # share of the training samples without source and control
    drop_control: float = 0.0  # share of the training samples without control alone
    error: Literal["squared", "absolute"] = "squared"  # absolute: of two likely pictures one, not their mean
    elsewhere: float | None = None  # what errors count where the repair gate is shut; None: the gate plays no part
    start_share: float = 0.0  # share of the training samples at the noisiest timestep, where sampling begins

    def __post_init__(self) -> None:
        check_ranges(self, DIFFUSION_LIMITS)
        if self.zero_terminal_snr and self.prediction == "epsilon":
            raise ValueError("zero terminal SNR leaves no signal for epsilon to be found in: choose prediction v")
        if self.drop_both + self.drop_control > 1.0:
            raise ValueError(f"drop shares must be 0 to 1 together, got {self.drop_both} and {self.drop_control}")


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How frames are drawn from the model."""

    sampler: Literal["ddim", "lcm"] = "ddim"
    steps: int = 30
    spacing: Literal["trailing", "leading"] = "trailing"
    guidance: float = 3.5  # 1: the conditional branch alone, as distilled models need it
    unconditional: Unconditional = "none_none"  # `uncond`: what the other branch still sees
    init: Init = "source_noised"
    noise: Literal["frame", "clip"] = "frame"  # each frame its own, or all the same: what is left of it stands still
    kept_difference: float = 1.0  # share of the difference from a draft that is added to it: caution, below 1
    draft_by: Literal["flow-warp", "export3d"] = "flow-warp"  # whose picture networks that see one work on
    repair: RepairShares | None = None  # None: the change of a draft is kept everywhere
    window: int = 16  # frames that temporal layers see together
    overlap: int = 4  # frames that neighbouring windows share
    section: int = 48  # frames denoised together; memory does not grow beyond it
    batch: int = 8  # frames at a time where frames are independent: an image model, decoding

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.window <= self.section:
            raise ValueError(
                f"0 <= overlap < window <= section must hold, got {self.overlap}, {self.window}, {self.section}"
            )
        check_ranges(self, SAMPLING_LIMITS)


@dataclass(frozen=True, kw_only=True)
class FgPortraitConfig:
    """A whole model. Presets are in `presets.py`."""

    image_size: int  # pixels of the square crop
    space: Space
    unshuffle: int = 4  # factor of the pixel-unshuffle space; the autoencoders ignore it
    autoencoder: AutoencoderSettings = field(default_factory=AutoencoderSettings)
    pretrained: bool = False  # denoiser and text constant come from Stable Diffusion 1.5 and are never trained
    unet: UnetSettings
    control: ControlSettings
    image_token: int | None = None  # width of CLIP's embedding of the photo, if that stands where the text was
    temporal: TemporalSettings | None = None  # None: stage 1, an image model
    diffusion: DiffusionSettings
    sampling: SamplingSettings
    reference_time: Literal["same", "zero"] = "same"  # `ref_time`: timestep at which the source is read
    trained: tuple[Part, ...]  # parts that a training changes; only these need a checkpoint of their own
    distilled_guidance: float | None = None  # guidance that is already in the weights; sampling then uses 1

    def __post_init__(self) -> None:
        check_ranges(self, MODEL_LIMITS)
        if self.image_size % self.latent_factor or self.latent_size % self.unet.downscale:
            raise ValueError(f"image size {self.image_size} must divide by {self.latent_factor * self.unet.downscale}")
        reduction = 2 ** (len(self.control.embedding_widths) - 1)
        if self.control.flow.resolution != self.latent_size * reduction:
            raise ValueError(
                f"{len(self.control.embedding_widths)} embedding widths reduce a condition of "
                f"{self.latent_size * reduction} pixels to the latent's {self.latent_size}, "
                f"but the flow has {self.control.flow.resolution}"
            )
        if self.temporal is not None:
            if len(self.temporal.heads) != len(self.unet.widths):
                raise ValueError(f"temporal heads need {len(self.unet.widths)} entries, got {len(self.temporal.heads)}")
            for width, heads in zip(self.unet.widths, self.temporal.heads, strict=True):
                if width % heads:
                    raise ValueError(f"width {width} must divide by {heads} temporal heads")
            if self.sampling.window > self.temporal.max_length:
                raise ValueError(
                    f"a window of {self.sampling.window} frames is longer than the position table "
                    f"of {self.temporal.max_length}"
                )
        if self.pretrained and self.image_token not in (None, self.unet.context_width):
            raise ValueError(
                f"the frozen denoiser reads tokens of {self.unet.context_width} numbers, and the image encoder gives "
                f"{self.image_token}: CLIP ViT-L/14 fits Stable Diffusion 1.5"
            )
        if self.pretrained and "denoiser" in self.trained:
            raise ValueError("a pretrained denoiser is not trained: its weights come from another folder")
        gated = self.sampling.repair is not None or self.diffusion.elsewhere is not None
        if gated and not self.control.draft:
            raise ValueError("only models that work on drafts can repair them: the gate needs control.draft")
        if ("motion" in self.trained) > (self.temporal is not None):
            raise ValueError("the part motion cannot be trained without temporal settings")

    @property
    def latent_factor(self) -> int:
        """Image pixels per latent pixel."""
        return self.unshuffle if self.space == "pixel_unshuffle" else VAE_FACTOR

    @property
    def latent_size(self) -> int:
        """Height and width of a latent."""
        return self.image_size // self.latent_factor

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return SPACE_CHANNELS.get(self.space, 3 * self.unshuffle**2)


def convolution_weights(widths: tuple[int, ...], layers: int) -> int:
    """About how many weights one 3 x 3 convolution per layer has."""
    return 9 * layers * sum(width**2 for width in widths)
