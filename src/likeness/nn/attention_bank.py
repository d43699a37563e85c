"""Source tokens for self-attention: one network stores what its self-attention reads, another reads it beside its own.

The reader keeps its own queries, and sees [own tokens ; stored tokens] as keys and values through its own projections
(reference attention as in X-Portrait and AnimateAnyone). The bank is an argument of every call, keyed by the name of
the attention layer: the processors themselves remember nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

SUFFIX = "attn1.processor"
TEMPORAL = "motion_modules"


@dataclass(kw_only=True, slots=True)
class TokenRecorder:
    """Collects the input of each self-attention layer, by processor name, while a network runs."""

    tokens: dict[str, Float[Tensor, "B N D"]] = field(default_factory=dict)

    def record(self, name: str, tokens: Float[Tensor, "B N D"]) -> None:
        """Keep the tokens; those of a recomputation (gradient checkpointing) are the same and are dropped."""
        self.tokens.setdefault(name, tokens)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceBank:
    """Keys and values of the stored tokens, already through the reader's projections; B samples, not B x T frames."""

    keys: Mapping[str, Float[Tensor, "B N D"]]
    values: Mapping[str, Float[Tensor, "B N D"]]
    tokens: Mapping[str, Float[Tensor, "BK M D"]]  # before the projections; sources of one sample follow each other
    sources: int = 1  # pictures of each sample
    keep: Bool[Tensor, " B"] | None = None  # False: that sample sees its own tokens only
    context: Float[Tensor, "B L C"] | None = None  # what the reader's cross-attention sees of the first source
    added: Mapping[str, Float[Tensor, "BT M D"]] = field(default_factory=dict)  # to each frame's own tokens

    def source(self, name: str, count: int) -> tuple[Float[Tensor, "B N D"], Float[Tensor, "B N D"]]:
        """Keys and values for `count` frames: frames of one sample follow each other.

        Raises:
            ValueError: `count` is no multiple of the samples in the bank.
        """
        keys, values = self.keys[name], self.values[name]
        frames, rest = divmod(count, len(keys))
        if rest:
            raise ValueError(f"{count} frames cannot share a bank of {len(keys)} samples")
        return keys.repeat_interleave(frames, dim=0), values.repeat_interleave(frames, dim=0)


class BankAttention(AttnProcessor2_0):  # type: ignore[misc]
    """Self-attention that can store its input in a recorder, or read a bank."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __call__(
        self,
        attn: Attention,
        hidden_states: Float[Tensor, "B N D"],
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        bank: TokenRecorder | SourceBank | None = None,
    ) -> Float[Tensor, "B N D"]:
        """One attention layer; the argument names are those that diffusers passes."""
        if isinstance(bank, TokenRecorder):
            bank.record(self.name, hidden_states)
        if not isinstance(bank, SourceBank):
            return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        if self.name in bank.added:
            hidden_states = hidden_states + bank.added[self.name].to(hidden_states.dtype)
        count = len(hidden_states)
        own_keys, own_values = attn.to_k(hidden_states), attn.to_v(hidden_states)
        source_keys, source_values = bank.source(self.name, count)
        query = _split_heads(attn.to_q(hidden_states), attn.heads)
        keys = _split_heads(torch.cat([own_keys, source_keys.to(own_keys.dtype)], dim=1), attn.heads)
        values = _split_heads(torch.cat([own_values, source_values.to(own_values.dtype)], dim=1), attn.heads)
        mask = None
        if bank.keep is not None:
            mask = _visible(bank.keep, count=count, own=own_keys.shape[1], source=source_keys.shape[1])
        attended = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        attended = rearrange(attended, "B M N D -> B N (M D)").to(query.dtype)
        return attn.to_out[1](attn.to_out[0](attended))


class PlainAttention(AttnProcessor2_0):  # type: ignore[misc]
    """Ordinary attention that lets the bank pass by: diffusers hands it to every layer of a block."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        bank: TokenRecorder | SourceBank | None = None,
    ) -> Tensor:
        """One attention layer; the argument names are those that diffusers passes."""
        return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


def bank_names(network: nn.Module) -> tuple[str, ...]:
    """Names of the layers that take part: spatial self-attention, never that of temporal layers."""
    processors: Mapping[str, Any] = network.attn_processors  # type: ignore[assignment]
    return tuple(name for name in processors if name.endswith(SUFFIX) and TEMPORAL not in name)


def install_bank(network: nn.Module) -> None:
    """Give a diffusers U-Net the processors above; temporal layers keep their own."""
    names = set(bank_names(network))
    processors: Mapping[str, Any] = network.attn_processors  # type: ignore[assignment]
    chosen: dict[str, Any] = {}
    for name, present in processors.items():
        if name in names:
            chosen[name] = BankAttention(name)
        else:
            chosen[name] = present if TEMPORAL in name else PlainAttention()
    network.set_attn_processor(chosen)  # type: ignore[operator]  # empties the dictionary


def attention_layer(network: nn.Module, name: str) -> Attention:
    """The attention layer whose processor has that name."""
    layer = network.get_submodule(name.removesuffix(".processor"))
    assert isinstance(layer, Attention)
    return layer


def make_bank(
    reader: nn.Module,
    tokens: Mapping[str, Float[Tensor, "BK N D"]],
    *,
    sources: int = 1,
    keep: Bool[Tensor, " B"] | None = None,
) -> SourceBank:
    """Project stored tokens once with the reader's keys and values; any number of frames and windows may read them.

    Args:
        tokens: by processor name; `sources` pictures of one sample follow each other and are joined into one long row.

    Raises:
        ValueError: the tokens belong to other layers than the reader has.
    """
    names = bank_names(reader)
    if set(names) != set(tokens):
        raise ValueError(f"the reader has {len(names)} layers, tokens came from {len(tokens)}, and their names differ")
    keys, values = {}, {}
    for name in names:
        layer = attention_layer(reader, name)
        joined = rearrange(tokens[name], "(B K) N D -> B (K N) D", K=sources)
        keys[name], values[name] = layer.to_k(joined), layer.to_v(joined)
    return SourceBank(keys=keys, values=values, tokens=tokens, sources=sources, keep=keep)


def _split_heads(tokens: Float[Tensor, "B N D"], heads: int) -> Float[Tensor, "B M N d"]:
    return rearrange(tokens, "B N (M D) -> B M N D", M=heads)


def _visible(keep: Bool[Tensor, " B"], *, count: int, own: int, source: int) -> Bool[Tensor, "BT 1 1 N"]:
    """Which keys each frame may see: its own always, the source's where the sample keeps it."""
    per_frame = keep.repeat_interleave(count // len(keep), dim=0)[:, None]  # [BT 1]
    mask = torch.cat([torch.ones_like(per_frame).expand(-1, own), per_frame.expand(-1, source)], dim=1)
    return mask[:, None, None]
