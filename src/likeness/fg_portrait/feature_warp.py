"""Source features moved to where the target shows them, for the denoiser's tokens before each self-attention."""

from collections.abc import Mapping

from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn

from likeness.fg_portrait.warping import warp_several
from likeness.nn.attention_bank import attention_layer, bank_names


class FeatureWarp(nn.Module):
    """One projection per self-attention layer of the denoiser, zero before training: then nothing is added."""

    def __init__(self, denoiser: nn.Module) -> None:
        super().__init__()
        self.projections = nn.ModuleDict()
        for name in bank_names(denoiser):
            width = attention_layer(denoiser, name).to_q.in_features
            projection = nn.Linear(width + 1, width)  # one more: where the warp is valid
            nn.init.zeros_(projection.weight)
            nn.init.zeros_(projection.bias)
            self.projections[_key(name)] = projection

    def forward(
        self,
        tokens: Mapping[str, Float[Tensor, "BK N D"]],
        source_pixels: Float[Tensor, "BT H W 2"],
        source_valid: Float[Tensor, "BT 1 H W"],
        *,
        sources: int = 1,
        source_index: Float[Tensor, "BT 1 H W"] | None = None,
    ) -> dict[str, Float[Tensor, "BT N D"]]:
        """What is added to each frame's tokens, by the name of the layer; frames of one sample follow each other.

        Args:
            sources: pictures of each sample; their tokens follow each other.
            source_index: which of them each pixel lies in, where there are several.
        """
        added = {}
        for name, stored in tokens.items():
            side = round(stored.shape[1] ** 0.5)
            frames = len(source_pixels) * sources // len(stored)
            features = repeat(stored, "(B K) (h w) D -> (B T K) D h w", h=side, K=sources, T=frames)
            warped = warp_several(features, source_pixels, source_valid, source_index)
            added[name] = self.projections[_key(name)](rearrange(warped, "B D h w -> B (h w) D").to(stored.dtype))
        return added


def _key(name: str) -> str:
    """A layer's name as that of a module, which must not hold dots."""
    return name.replace(".", "/")
