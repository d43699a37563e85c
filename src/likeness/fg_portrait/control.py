"""The control network: noisy latents and the motion condition to residuals that steer the denoiser.

A diffusers `ControlNetModel` whose condition embedding stands outside of it, so that the embedding of a clip's
condition is computed once, not once per denoising step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from likeness.fg_portrait.config import ControlSettings
from likeness.nn.keypoint_flow import KeypointFlow

OPTIONAL_ENTRIES = ("source", "source_pixels", "source_valid", "draft")  # of a condition


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionCondition:
    """What is known about the motion of N frames, as tensors. N runs over frames of all samples, frame by frame.

    `picture` holds flow channels, drawn landmarks or the driving picture, as the model's condition asks.
    """

    picture: Float[Tensor, "N C H W"]
    source: Float[Tensor, "N 3 H W"] | None = None  # source picture in [-1, 1]; only predicted flow reads it
    source_pixels: Float[Tensor, "N H W 2"] | None = None  # where each pixel lies in the source, 0 to 1; x, y
    source_valid: Float[Tensor, "N 1 H W"] | None = None  # 1 where that is known
    draft: Float[Tensor, "N 3 S S"] | None = None  # flow-warp's picture in [-1, 1]

    def __len__(self) -> int:
        return len(self.picture)

    def __getitem__(self, index: slice) -> "MotionCondition":
        """Some of the frames."""
        return self._each(lambda entry: entry[index])

    def to(self, device: torch.device) -> "MotionCondition":
        """The same on another device."""
        return self._each(lambda entry: entry.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "MotionCondition":
        optional = {
            name: None if (entry := getattr(self, name)) is None else change(entry) for name in OPTIONAL_ENTRIES
        }
        return MotionCondition(picture=change(self.picture), **optional)


@dataclass(frozen=True, kw_only=True, slots=True)
class Residuals:
    """What the control network adds to the denoiser's skip connections and middle block."""

    down: tuple[Float[Tensor, "N _ _ _"], ...]
    mid: Float[Tensor, "N _ _ _"]

    def kept(self, keep: Bool[Tensor, " N"]) -> "Residuals":
        """Zero for the frames that are not kept."""
        share = keep.to(self.mid.dtype)[:, None, None, None]
        return Residuals(down=tuple(entry * share for entry in self.down), mid=self.mid * share)


class FlowControl(nn.Module):
    """Control network with an embedding for the flow and, as a switch, for the warped source latent."""

    def __init__(
        self,
        denoiser: UNet2DConditionModel,
        settings: ControlSettings,
        *,
        latent_channels: int,
        unshuffle: int = 1,
    ) -> None:
        """Args:
        unshuffle: factor by which pixels were moved into channels; 1 for the latents of an autoencoder.
        """
        super().__init__()
        self.unshuffle = unshuffle
        self.condition = settings.condition
        self.keypoints = KeypointFlow() if settings.condition == "pred_flow" else None
        first = denoiser.config["block_out_channels"][0]
        self.embedding = ControlNetConditioningEmbedding(
            conditioning_embedding_channels=first,
            conditioning_channels=settings.channels,
            block_out_channels=settings.embedding_widths,
        )
        self.warp_embedding = nn.Conv2d(latent_channels + 1, first, 3, padding=1) if settings.warp_latent else None
        self.draft_embedding = nn.Conv2d(latent_channels, first, 3, padding=1) if settings.draft else None
        for added in (self.warp_embedding, self.draft_embedding):
            if added is not None:
                nn.init.zeros_(added.weight)
                nn.init.zeros_(added.bias)  # type: ignore[arg-type]
        self.net = ControlNetModel.from_unet(denoiser, load_weights_from_unet=not _is_meta(denoiser))
        self.net.controlnet_cond_embedding = nn.Identity()

    def embed(
        self,
        condition: MotionCondition,
        source_latents: Float[Tensor, "N C h w"] | None = None,
        draft_latents: Float[Tensor, "N C h w"] | None = None,
    ) -> Float[Tensor, "N D h w"]:
        """Embedding of the condition; it does not depend on noise or timestep.

        Args:
            source_latents: of each frame's source; only the warped latent reads it.
            draft_latents: of each frame's draft, where the model works on drafts.

        Raises:
            ValueError: the condition lacks what the model was built for.
        """
        picture = condition.picture
        if self.keypoints is not None:
            if condition.source is None:
                raise ValueError("predicted flow needs the source picture in the condition")
            picture = self.keypoints(condition.source, picture)
        embedded = self.embedding(picture)
        if self.warp_embedding is not None:
            if condition.source_pixels is None or condition.source_valid is None or source_latents is None:
                raise ValueError("a warped latent needs source pixels, where they are valid, and the source latents")
            warped = warp_source(
                source_latents, condition.source_pixels, condition.source_valid, unshuffle=self.unshuffle
            )
            embedded = embedded + self.warp_embedding(warped)
        if self.draft_embedding is not None:
            if draft_latents is None:
                raise ValueError("a model that works on drafts needs them in the condition")
            embedded = embedded + self.draft_embedding(draft_latents)
        return embedded

    def forward(
        self,
        noisy: Float[Tensor, "N C h w"],
        timesteps: Int[Tensor, " N"],
        *,
        context: Float[Tensor, "N L D"],
        embedded: Float[Tensor, "N E h w"],
    ) -> Residuals:
        """Residuals for the denoiser at that noise level."""
        down, mid = self.net(
            noisy, timesteps, encoder_hidden_states=context, controlnet_cond=embedded, return_dict=False
        )
        return Residuals(down=tuple(down), mid=mid)


def warp_source(
    latents: Float[Tensor, "N C h w"],
    source_pixels: Float[Tensor, "N H W 2"],
    source_valid: Float[Tensor, "N 1 H W"],
    *,
    unshuffle: int,
) -> Float[Tensor, "N C2 h w"]:
    """The source's latents moved to the target's pixels, with one more channel that says where this is valid.

    Latents that are rearranged pixels are warped as pixels, with the map interpolated between its positions: blending
    neighbouring latents would blend pixels that lie `unshuffle` apart.
    """
    if unshuffle == 1:
        return warp_latents(latents, source_pixels, source_valid)
    image = F.pixel_shuffle(latents, unshuffle)
    pixels, valid = finer_map(source_pixels, source_valid, image.shape[-1])
    warped = warp_latents(image, pixels, valid)
    share = F.interpolate(warped[:, -1:], latents.shape[-2:], mode="area")
    return torch.cat([F.pixel_unshuffle(warped[:, :-1], unshuffle), share], dim=1)


def finer_map(
    source_pixels: Float[Tensor, "N H W 2"], source_valid: Float[Tensor, "N 1 H W"], size: int
) -> tuple[Float[Tensor, "N size size 2"], Float[Tensor, "N 1 size size"]]:
    """The map at `size` x `size` pixels, interpolated between valid positions; validity keeps its steps."""
    if source_pixels.shape[1] == size:
        return source_pixels, source_valid
    known = torch.where(source_valid.bool(), torch.nan_to_num(source_pixels).permute(0, 3, 1, 2), 0.0)
    share = F.interpolate(source_valid, (size, size), mode="bilinear", align_corners=False)
    finer = F.interpolate(known, (size, size), mode="bilinear", align_corners=False) / share.clamp(min=1e-6)
    return finer.permute(0, 2, 3, 1), F.interpolate(source_valid, (size, size), mode="nearest")


def warp_latents(
    latents: Float[Tensor, "N C h w"],
    source_pixels: Float[Tensor, "N H W 2"],
    source_valid: Float[Tensor, "N 1 H W"],
) -> Float[Tensor, "N C2 h w"]:
    """The source's latents moved to the target's pixels, with one more channel that says where this is valid.

    `source_pixels` (x, y from 0 to 1 across the source, pixel centres at half integers) may have another resolution
    than the latents; it is averaged over valid pixels where it shrinks. Positions outside the source are not valid.
    """
    size = latents.shape[-2:]
    inside = ((source_pixels >= 0.0) & (source_pixels <= 1.0)).all(dim=-1)[:, None]
    valid = source_valid * inside.to(source_valid.dtype)
    positions = torch.where(valid.bool(), torch.nan_to_num(source_pixels).permute(0, 3, 1, 2), 0.0)
    if source_pixels.shape[1:3] != size:
        shrinks = source_pixels.shape[1] >= size[0]
        mode = "area" if shrinks else "nearest"
        share = F.interpolate(valid, size, mode=mode)
        positions = F.interpolate(positions * valid, size, mode=mode) / share.clamp(min=1e-6)
        valid = share
    grid = positions.permute(0, 2, 3, 1) * 2.0 - 1.0
    warped = F.grid_sample(latents, grid.to(latents.dtype), mode="bilinear", padding_mode="border", align_corners=False)
    valid = valid.to(latents.dtype)
    return torch.cat([warped * (valid > 0), valid], dim=1)


def _is_meta(network: nn.Module) -> bool:
    return next(network.parameters()).is_meta
