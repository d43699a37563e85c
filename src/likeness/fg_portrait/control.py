"""The control network: noisy latents and the motion condition to residuals that steer the denoiser.

A diffusers `ControlNetModel` whose condition embedding stands outside of it, so that the embedding of a clip's
condition is computed once, not once per denoising step.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from likeness.fg_portrait.background import MATTES
from likeness.fg_portrait.config import ControlSettings
from likeness.fg_portrait.feature_warp import FeatureWarp
from likeness.fg_portrait.warping import warp_source
from likeness.nn.keypoint_flow import KeypointFlow

OPTIONAL_ENTRIES = (
    "source", "source_pixels", "source_valid", "source_index", "source_visibility", "draft", "person",
)  # of a condition  # fmt: skip
WARP_ENTRIES = ("source_pixels", "source_valid", "source_index")  # those that features are warped by


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionCondition:
    """What is known about the motion of N frames, as tensors. N runs over frames of all samples, frame by frame.

    `picture` holds flow channels, drawn landmarks or the driving picture, as the model's condition asks.
    """

    picture: Float[Tensor, "N C H W"]
    source: Float[Tensor, "N 3 H W"] | None = None  # source picture in [-1, 1]; only predicted flow reads it
    source_pixels: Float[Tensor, "N H W 2"] | None = None  # where each pixel lies in the source, 0 to 1; x, y
    source_valid: Float[Tensor, "N 1 H W"] | None = None  # 1 where that is known
    source_index: Float[Tensor, "N 1 H W"] | None = None  # which source that is, where there are several
    source_visibility: Float[Tensor, "N K H W"] | None = None  # 1 where that source shows the pixel's surface
    draft: Float[Tensor, "N 3 S S"] | None = None  # flow-warp's picture in [-1, 1]
    person: Float[Tensor, "N 2 H W"] | None = None  # the matte of the person in the photo, as it lies and carried along

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
class Embedded:
    """What the networks are told about N frames, computed once whatever the number of steps."""

    control: Float[Tensor, "N E h w"]
    source_pixels: Float[Tensor, "N H W 2"] | None = None  # as in the condition, where features are warped
    source_valid: Float[Tensor, "N 1 H W"] | None = None
    source_index: Float[Tensor, "N 1 H W"] | None = None

    def __len__(self) -> int:
        return len(self.control)

    def __getitem__(self, frames: slice | list[int]) -> "Embedded":
        """Some of the frames."""
        kept = {name: None if (entry := getattr(self, name)) is None else entry[frames] for name in WARP_ENTRIES}
        return Embedded(control=self.control[frames], **kept)


def join_embedded(parts: Sequence[Embedded]) -> Embedded:
    """Frames one after the other; all parts hold the same entries."""
    present = [name for name in WARP_ENTRIES if getattr(parts[0], name) is not None]
    return Embedded(
        control=torch.cat([part.control for part in parts]),
        **{name: torch.cat([getattr(part, name) for part in parts]) for name in present},
    )


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
    """Control network with an embedding for the flow and, as switches, for the warped source latent, the draft and the
    person's matte; and what adds warped source features to the denoiser's tokens.
    """

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
        self.person_embedding = nn.Conv2d(MATTES, first, 3, padding=1) if settings.background else None
        knows_sources = settings.sources > 1 and settings.condition == "flow3d"
        self.visibility_embedding = nn.Conv2d(settings.sources, first, 3, padding=1) if knows_sources else None
        self.feature_warp = FeatureWarp(denoiser) if settings.warp_features else None
        embeddings = self.warp_embedding, self.draft_embedding, self.person_embedding, self.visibility_embedding
        for added in embeddings:
            if added is not None:
                nn.init.zeros_(added.weight)
                nn.init.zeros_(added.bias)  # type: ignore[arg-type]
        self.net = ControlNetModel.from_unet(denoiser, load_weights_from_unet=not _is_meta(denoiser))
        self.net.controlnet_cond_embedding = nn.Identity()

    def embed(
        self,
        condition: MotionCondition,
        source_latents: Float[Tensor, "NK C h w"] | None = None,
        draft_latents: Float[Tensor, "N C h w"] | None = None,
    ) -> Embedded:
        """Embedding of the condition; it does not depend on noise or timestep.

        Args:
            source_latents: of each frame's sources, which follow each other; only the warped latent reads them.
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
        for added in self._added(condition, source_latents, draft_latents, embedded.shape[-1]):
            embedded = embedded + added
        if self.feature_warp is None:
            return Embedded(control=embedded)
        if condition.source_pixels is None or condition.source_valid is None:
            raise ValueError("warped features need source pixels and where they are valid in the condition")
        return Embedded(control=embedded, **{name: getattr(condition, name) for name in WARP_ENTRIES})

    def _added(
        self,
        condition: MotionCondition,
        source_latents: Float[Tensor, "NK C h w"] | None,
        draft_latents: Float[Tensor, "N C h w"] | None,
        size: int,
    ) -> Iterator[Float[Tensor, "N E h w"]]:
        """What the switches add to the embedding of the flow, at its size."""
        if self.warp_embedding is not None:
            if condition.source_pixels is None or condition.source_valid is None or source_latents is None:
                raise ValueError("a warped latent needs source pixels, where they are valid, and the source latents")
            warped = warp_source(
                source_latents,
                condition.source_pixels,
                condition.source_valid,
                unshuffle=self.unshuffle,
                source_index=condition.source_index,
            )
            yield self.warp_embedding(warped)
        if self.draft_embedding is not None:
            if draft_latents is None:
                raise ValueError("a model that works on drafts needs them in the condition")
            yield self.draft_embedding(draft_latents)
        if self.person_embedding is not None:
            if condition.person is None:
                raise ValueError("a model with a still background needs the person's matte in the condition")
            yield self.person_embedding(F.interpolate(condition.person, (size, size), mode="area"))
        if self.visibility_embedding is not None:
            if condition.source_visibility is None:
                raise ValueError("a model that reads several photos needs to know what each of them shows")
            yield self.visibility_embedding(F.interpolate(condition.source_visibility, (size, size), mode="area"))

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


def _is_meta(network: nn.Module) -> bool:
    return next(network.parameters()).is_meta
