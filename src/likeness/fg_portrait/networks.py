"""The networks of FG-Portrait and one call of them: source tokens, control residuals, the denoiser's prediction.

Denoiser, appearance network and control network share their sizes (section 6 of the method: Stable Diffusion 1.5 and
copies of it, or smaller ones trained from nothing); the second stage puts temporal layers into the denoiser.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from likeness.fg_portrait.config import FgPortraitConfig, Part, TemporalSettings, UnetSettings
from likeness.fg_portrait.control import Embedded, FlowControl, MotionCondition
from likeness.fg_portrait.latents import LatentSpace, PixelUnshuffleSpace, TinyVaeSpace, VaeSpace
from likeness.nn.attention_bank import TEMPORAL, SourceBank, TokenRecorder, bank_names, install_bank, make_bank
from likeness.nn.foreign.clip_image import ImageEncoder

CONTEXT_DEVIATION = 0.02  # of the learned constant's start
PARTS: tuple[Part, ...] = ("appearance", "control", "denoiser", "motion")


class Networks(nn.Module):
    """All weights of one model. `space` and, where pretrained, the denoiser stay as they are; see `trained`."""

    def __init__(
        self,
        config: FgPortraitConfig,
        *,
        space: LatentSpace,
        denoiser: UNet2DConditionModel | UNetMotionModel,
        appearance: UNet2DConditionModel,
        control: FlowControl,
        context: Float[Tensor, "1 L D"],
    ) -> None:
        super().__init__()
        self.config = config
        self.space = space
        self.denoiser = denoiser
        self.appearance = appearance
        self.control = control
        self.context = nn.Parameter(context)  # what stands where the text was; belongs to the part `denoiser`
        width = config.image_token
        self.image_encoder: ImageEncoder | None = None  # read from its own folder
        self.image_projection = (  # likewise part of the denoiser; none where the embedding fits as it is
            nn.Linear(width, config.unet.context_width) if width not in (None, config.unet.context_width) else None
        )
        install_bank(self.denoiser)
        install_bank(self.appearance)

    @property
    def motion(self) -> nn.ModuleDict:
        """The temporal layers, by their place in the denoiser; empty in stage 1. Shares the denoiser's weights."""
        found = {
            name.replace(".", "/"): module for name, module in self.denoiser.named_modules() if name.endswith(TEMPORAL)
        }
        return nn.ModuleDict(found)

    def part(self, part: Part) -> dict[str, nn.Parameter]:
        """Parameters of one part by their name in its checkpoint; temporal layers belong to `motion` alone."""
        if part in ("appearance", "control"):
            return dict(getattr(self, part).named_parameters())
        wanted = part == "motion"
        found = {name: value for name, value in self.denoiser.named_parameters() if (TEMPORAL in name) == wanted}
        if wanted:
            return found
        found["context"] = self.context
        if self.image_projection is not None:
            found |= dict(self.image_projection.named_parameters(prefix="image_projection"))
        return found

    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that the configuration trains, as `part.name`; those that get no gradient are left out."""
        unread = {f"appearance.{name}" for name in unread_parameters(self.appearance)}
        if self.config.image_token is not None:
            unread.add("denoiser.context")
        found = {f"{part}.{name}": value for part in self.config.trained for name, value in self.part(part).items()}
        return {name: value for name, value in found.items() if name not in unread}

    def freeze(self) -> None:
        """Let exactly the trained parameters ask for gradients, which still pass through the frozen ones."""
        wanted = {id(value) for value in self.trained().values()}
        for value in self.parameters():
            value.requires_grad_(id(value) in wanted)

    def read_source(
        self,
        latents: Float[Tensor, "BK C h w"],
        timesteps: Int[Tensor, " BK"],
        *,
        sources: int = 1,
        keep: Bool[Tensor, " B"] | None = None,
        token: Float[Tensor, "B E"] | None = None,
    ) -> SourceBank:
        """Tokens of clean source latents, projected for the denoiser.

        Args:
            timesteps: those of the denoiser; set to zero here where the model reads its sources so.
            sources: pictures of each sample, which follow each other in `latents`.
            keep: False for samples that shall not see their source.
            token: what `picture_token` says about each sample's first picture.
        """
        if self.config.reference_time == "zero":
            timesteps = torch.zeros_like(timesteps)
        recorder = TokenRecorder()
        context = self._context(token, len(latents) // sources)
        seen = context.repeat_interleave(sources, dim=0)
        self.appearance(latents, timesteps, encoder_hidden_states=seen, cross_attention_kwargs={"bank": recorder})
        bank = make_bank(self.denoiser, recorder.tokens, sources=sources, keep=keep)
        if self.config.image_token is None:
            return bank
        return replace(bank, context=context if keep is None else context * keep[:, None, None])

    def picture_token(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B E"] | None:
        """CLIP's embedding of pictures in [-1, 1], for models that see it; zeros while no encoder has been read."""
        if self.config.image_token is None:
            return None
        if self.image_encoder is None:
            return pictures.new_zeros(len(pictures), self.config.image_token)
        return self.image_encoder(pictures)

    def _context(self, token: Float[Tensor, "B E"] | None, count: int) -> Float[Tensor, "count L C"]:
        """What stands where the text was: the constant, or one token of a picture; zeros where there is none."""
        if self.config.image_token is None:
            return self.context.expand(count, -1, -1)
        if token is None:
            return self.context.new_zeros(count, 1, self.config.unet.context_width)
        projected = token if self.image_projection is None else self.image_projection(token)
        return projected[:, None]

    def embed(self, condition: MotionCondition, source_latents: Float[Tensor, "NK C h w"]) -> Embedded:
        """The condition's embedding: once per frame, whatever the number of steps; each frame has its K sources."""
        draft = self.encode_draft(condition) if self.config.control.draft else None
        return self.control.embed(condition, source_latents, draft)

    def encode_draft(self, condition: MotionCondition) -> Float[Tensor, "N C h w"]:
        """Latents of the drafts.

        Raises:
            ValueError: the condition has none.
        """
        if condition.draft is None:
            raise ValueError("a model that works on drafts needs them in the condition")
        return self.space.encode(condition.draft)

    def predict(
        self,
        noisy: Float[Tensor, "B T C h w"],
        timesteps: Int[Tensor, " B"],
        *,
        bank: SourceBank | None,
        embedded: Embedded | None,
        keep_control: Bool[Tensor, " B"] | None = None,
    ) -> Float[Tensor, "B T C h w"]:
        """What the denoiser says about noisy latents: epsilon, v or clean latents.

        Args:
            bank: None: no source.
            embedded: embedding of the motion condition, of B x T frames; None: no control.
            keep_control: False for samples that the control shall not reach.
        """
        batch, frames = noisy.shape[:2]
        flat = rearrange(noisy, "B T C h w -> (B T) C h w")
        frame_times = timesteps.repeat_interleave(frames)
        context = self._context(None, len(flat))
        if bank is not None and bank.context is not None:
            context = bank.context.repeat_interleave(len(flat) // len(bank.context), dim=0)
        down, mid = None, None
        if embedded is not None:
            residuals = self.control(flat, frame_times, context=context, embedded=embedded.control)
            if keep_control is not None:
                residuals = residuals.kept(keep_control.repeat_interleave(frames))
            down, mid = residuals.down, residuals.mid
            if bank is not None:
                bank = self._with_warped_features(bank, embedded, keep_control)
        temporal = isinstance(self.denoiser, UNetMotionModel)
        predicted = self.denoiser(
            rearrange(noisy, "B T C h w -> B C T h w") if temporal else flat,
            timesteps if temporal else frame_times,
            encoder_hidden_states=context,
            cross_attention_kwargs=None if bank is None else {"bank": bank},
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
        ).sample
        if temporal:
            return rearrange(predicted, "B C T h w -> B T C h w")
        return rearrange(predicted, "(B T) C h w -> B T C h w", B=batch)

    def _with_warped_features(
        self, bank: SourceBank, embedded: Embedded, keep_control: Bool[Tensor, " B"] | None
    ) -> SourceBank:
        """The bank with what is added to the denoiser's tokens, for samples that see source and control."""
        warp = self.control.feature_warp
        if warp is None or embedded.source_pixels is None or embedded.source_valid is None:
            return bank
        added = warp(
            bank.tokens,
            embedded.source_pixels,
            embedded.source_valid,
            sources=bank.sources,
            source_index=embedded.source_index,
        )
        for keep in (bank.keep, keep_control):
            if keep is not None:
                share = keep.repeat_interleave(len(embedded) // len(keep))[:, None, None]
                added = {name: tokens * share for name, tokens in added.items()}
        return replace(bank, added=added)


def build_networks(config: FgPortraitConfig, *, denoiser: UNet2DConditionModel | None = None) -> Networks:
    """Networks with fresh weights: appearance and control start as copies of the denoiser, temporal layers silent.

    Args:
        denoiser: a loaded image U-Net of the configuration's sizes; otherwise a random one.

    The trained parameters ask for gradients, the others do not. Under `torch.device("meta")` nothing is allocated.
    """
    image_unet = denoiser if denoiser is not None else _fresh_denoiser(config)
    appearance = build_unet(config.unet, config.latent_channels)
    if not next(image_unet.parameters()).is_meta:
        appearance.load_state_dict(image_unet.state_dict())
    unshuffle = config.unshuffle if config.space == "pixel_unshuffle" else 1
    control = FlowControl(image_unet, config.control, latent_channels=config.latent_channels, unshuffle=unshuffle)
    width = config.unet.context_width
    context = torch.zeros(1, config.unet.context_tokens, width)
    if "denoiser" in config.trained:
        context = torch.randn_like(context) * CONTEXT_DEVIATION
    networks = Networks(
        config,
        space=build_space(config),
        denoiser=image_unet if config.temporal is None else with_temporal_layers(image_unet, config),
        appearance=appearance,
        control=control,
        context=context,
    )
    networks.freeze()
    return networks


def _fresh_denoiser(config: FgPortraitConfig) -> UNet2DConditionModel:
    """Random weights; one that predicts clean latents begins with zero, which is the draft where there is one."""
    unet = build_unet(config.unet, config.latent_channels)
    if config.diffusion.prediction == "sample":
        nn.init.zeros_(unet.conv_out.weight)
        nn.init.zeros_(unet.conv_out.bias)
    return unet


def build_unet(settings: UnetSettings, channels: int) -> UNet2DConditionModel:
    """An image U-Net with random weights."""
    return UNet2DConditionModel(
        in_channels=channels,
        out_channels=channels,
        down_block_types=tuple("CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in settings.attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in settings.attention[::-1]),
        block_out_channels=settings.widths,
        layers_per_block=settings.layers,
        norm_num_groups=settings.norm_groups,
        cross_attention_dim=settings.context_width,
        attention_head_dim=settings.heads,  # diffusers: the number of heads, in spite of its name
    )


def build_motion_adapter(unet: UnetSettings, temporal: TemporalSettings) -> MotionAdapter:
    """Temporal layers whose output projection is zero, so that each frame passes unchanged."""
    adapter = MotionAdapter(
        block_out_channels=unet.widths,
        motion_layers_per_block=unet.layers,
        motion_num_attention_heads=temporal.heads,
        motion_norm_num_groups=unet.norm_groups,
        motion_max_seq_length=temporal.max_length,
        use_motion_mid_block=temporal.mid_block,
    )
    for name, value in adapter.named_parameters():
        if "proj_out" in name:
            nn.init.zeros_(value)
    return adapter


def with_temporal_layers(denoiser: UNet2DConditionModel, config: FgPortraitConfig) -> UNetMotionModel:
    """The image U-Net with silent temporal layers in it."""
    assert config.temporal is not None
    adapter = build_motion_adapter(config.unet, config.temporal)
    notes = logging.getLogger("diffusers.models.modeling_utils")
    level = notes.level
    notes.setLevel(logging.ERROR)  # it warns about a cast to the precision that the network already has
    try:
        return UNetMotionModel.from_unet2d(denoiser, adapter, load_weights=not next(denoiser.parameters()).is_meta)
    finally:
        notes.setLevel(level)


def build_space(config: FgPortraitConfig) -> LatentSpace:
    """The latent space; autoencoders have random weights until a weights folder is read."""
    if config.space == "pixel_unshuffle":
        return PixelUnshuffleSpace(config.unshuffle)
    if config.space == "tiny_vae":
        return TinyVaeSpace(AutoencoderTiny())
    sizes = config.autoencoder
    return VaeSpace(
        AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * len(sizes.widths),
            up_block_types=("UpDecoderBlock2D",) * len(sizes.widths),
            block_out_channels=sizes.widths,
            layers_per_block=sizes.layers,
            norm_num_groups=sizes.norm_groups,
        )
    )


def unread_parameters(appearance: nn.Module) -> Iterator[str]:
    """Names of what the network does after its last stored token: there no gradient ever arrives."""
    last = _last_bank_layer(appearance)
    block = last.rsplit(".attn1", 1)[0]  # up_blocks.i.attentions.j.transformer_blocks.0
    transformer = block.rsplit(".transformer_blocks", 1)[0]
    after = [f"{block}.{name}." for name in ("attn1", "norm2", "attn2", "norm3", "ff")]
    after += [f"{transformer}.proj_out.", "conv_norm_out.", "conv_out."]
    level = int(last.split(".")[1])
    following = len(appearance.up_blocks)  # type: ignore[arg-type]
    for name, _ in appearance.named_parameters():
        later_block = any(name.startswith(f"up_blocks.{index}.") for index in range(level + 1, following))
        upsampler = name.startswith(f"up_blocks.{level}.upsamplers.")
        if later_block or upsampler or any(name.startswith(prefix) for prefix in after):
            yield name


def _last_bank_layer(network: nn.Module) -> str:
    """The self-attention layer that runs last: the deepest place in the last attending block of the way up."""
    up = [name for name in bank_names(network) if name.startswith("up_blocks.")]

    def place(name: str) -> tuple[int, ...]:
        return tuple(int(piece) for piece in name.split(".") if piece.isdigit())

    return max(up, key=place)
