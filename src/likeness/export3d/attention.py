"""Transformer blocks of the generator: an expression scales and shifts the tokens before attention and before the
feed-forward layer (EAdaLN), or is attended to (the ablation).

Attention with reduced keys and the feed-forward layer with a convolution inside follow SegFormer.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likeness.export3d.config import GeneratorSettings

EPSILON = 1e-6
EXPRESSION_TOKENS = 8  # into which the vector is split for cross-attention


class ExpressionNorm(nn.Module):
    """EAdaLN: `scale(expression) * LN(tokens) + shift(expression)`; a plain layer norm before training."""

    def __init__(self, width: int, expression_width: int) -> None:
        super().__init__()
        self.width = width
        self.modulation = nn.Linear(expression_width, 2 * width)
        nn.init.zeros_(self.modulation.weight)
        with torch.no_grad():
            self.modulation.bias[:width] = 1.0
            self.modulation.bias[width:] = 0.0

    def forward(self, tokens: Float[Tensor, "B N h"], expression: Float[Tensor, "B d"]) -> Float[Tensor, "B N h"]:
        """Statistics over the width of each token; scale and shift are shared by all tokens."""
        scale, shift = self.modulation(F.silu(expression))[:, None].chunk(2, dim=-1)
        return scale * F.layer_norm(tokens, (self.width,), eps=EPSILON) + shift


class ReducedAttention(nn.Module):
    """Self-attention of a map's tokens; keys and values come from a map `reduction` times as coarse."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads, self.reduction = heads, reduction
        self.query, self.output = nn.Linear(width, width), nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        if reduction > 1:
            self.coarser = nn.Conv2d(width, width, reduction, stride=reduction)
            self.norm = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, tokens: Float[Tensor, "B N h"], side: int) -> Float[Tensor, "B N h"]:
        """Args:
        side: tokens per side of the map, N = side * side.
        """
        from_map = tokens
        if self.reduction > 1:
            from_map = self.norm(self.coarser(as_map(tokens, side)).flatten(2).transpose(1, 2))
        key, value = self.key_value(from_map).chunk(2, dim=-1)
        return self.output(attend(self.query(tokens), key, value, self.heads))


class MixedFeedForward(nn.Module):
    """Linear, depth-wise 3 x 3 convolution with zeros around (which also tells where a token is), GELU, linear."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, ratio * width), nn.Linear(ratio * width, width)
        self.mixing = nn.Conv2d(ratio * width, ratio * width, 3, padding=1, groups=ratio * width)

    def forward(self, tokens: Float[Tensor, "B N h"], side: int) -> Float[Tensor, "B N h"]:
        """Args:
        side: tokens per side of the map.
        """
        mixed = self.mixing(as_map(self.first(tokens), side)).flatten(2).transpose(1, 2)
        return self.second(F.gelu(mixed))


class ExpressionAttention(nn.Module):
    """Cross-attention of the tokens to an expression that is split into a few tokens of its own."""

    def __init__(self, width: int, heads: int, expression_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.split = nn.Linear(expression_width, EXPRESSION_TOKENS * width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, tokens: Float[Tensor, "B N h"], expression: Float[Tensor, "B d"]) -> Float[Tensor, "B N h"]:
        """What is to be added to the tokens; zero before training."""
        parts = self.split(F.silu(expression)).unflatten(-1, (EXPRESSION_TOKENS, -1))
        key, value = self.key_value(parts).chunk(2, dim=-1)
        return self.output(attend(self.query(self.norm(tokens)), key, value, self.heads))


class ExpressionBlock(nn.Module):
    """One transformer block with EAdaLN before both of its layers."""

    def __init__(self, settings: GeneratorSettings, expression_width: int) -> None:
        super().__init__()
        width = settings.width
        self.attention_norm = ExpressionNorm(width, expression_width)
        self.attention = ReducedAttention(width, settings.heads, settings.reduction)
        self.feed_norm = ExpressionNorm(width, expression_width)
        self.feed_forward = MixedFeedForward(width, settings.feed_forward)

    def forward(
        self, tokens: Float[Tensor, "B N h"], expression: Float[Tensor, "B d"], side: int
    ) -> Float[Tensor, "B N h"]:
        """The tokens, moved by attention and by the feed-forward layer."""
        tokens = tokens + self.attention(self.attention_norm(tokens, expression), side)
        return tokens + self.feed_forward(self.feed_norm(tokens, expression), side)


class CrossAttentionBlock(nn.Module):
    """The same with plain layer norms and a cross-attention to the expression in between."""

    def __init__(self, settings: GeneratorSettings, expression_width: int) -> None:
        super().__init__()
        width = settings.width
        self.attention_norm, self.feed_norm = nn.LayerNorm(width, eps=EPSILON), nn.LayerNorm(width, eps=EPSILON)
        self.attention = ReducedAttention(width, settings.heads, settings.reduction)
        self.crossing = ExpressionAttention(width, settings.heads, expression_width)
        self.feed_forward = MixedFeedForward(width, settings.feed_forward)

    def forward(
        self, tokens: Float[Tensor, "B N h"], expression: Float[Tensor, "B d"], side: int
    ) -> Float[Tensor, "B N h"]:
        """The tokens, moved by attention, by the expression, and by the feed-forward layer."""
        tokens = tokens + self.attention(self.attention_norm(tokens), side)
        tokens = tokens + self.crossing(tokens, expression)
        return tokens + self.feed_forward(self.feed_norm(tokens), side)


def as_map(tokens: Float[Tensor, "B N h"], side: int) -> Float[Tensor, "B h side side"]:
    """Tokens, row by row, as a picture."""
    return tokens.transpose(1, 2).unflatten(-1, (side, side))


def attend(
    query: Float[Tensor, "B N h"], key: Float[Tensor, "B M h"], value: Float[Tensor, "B M h"], heads: int
) -> Float[Tensor, "B N h"]:
    """Scaled dot-product attention in several heads."""
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
