"""Motion modules of AnimateDiff (v1, v2, v3) to the temporal layers of a diffusers motion U-Net."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from likeness.errors import InputError
from likeness.nn.tensor_files import read_tensors

_RENAMED = (
    (".temporal_transformer", ""),
    (".attention_blocks.0", ".attn1"),
    (".attention_blocks.1", ".attn2"),
    (".norms.0", ".norm1"),
    (".norms.1", ".norm2"),
    (".ff_norm", ".norm3"),
)
_POSITIONS = re.compile(r".*(pos_encoder|pos_embed)\.pe")


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionWeights:
    """Temporal layers under the names they have in a motion U-Net."""

    tensors: Mapping[str, Tensor]
    max_length: int | None  # entries of the position table: 24 in v1, 32 in v2; None where the file has none
    has_mid_block: bool  # v2 only


def read_motion_modules(path: Path) -> MotionWeights:
    """The temporal layers of an AnimateDiff file, in its own names or in those of diffusers.

    Raises:
        InputError: the file cannot be read or holds no motion modules.
    """
    weights = motion_weights(read_tensors(path))
    if not weights.tensors:
        raise InputError(f"{path} holds no motion modules: give an AnimateDiff file such as v3_sd15_mm.ckpt")
    return weights


def motion_weights(tensors: Mapping[str, Tensor]) -> MotionWeights:
    """Renamed motion modules; everything else in the table is left out."""
    found, lengths = {}, set()
    for name, value in tensors.items():
        if "motion_modules." not in name:
            continue
        plain = name.removeprefix("module.")
        if _POSITIONS.fullmatch(plain):
            lengths.add(int(value.shape[-2]))
            continue
        for theirs, ours in _RENAMED:
            plain = plain.replace(theirs, ours)
        found[plain] = value
    return MotionWeights(
        tensors=found,
        max_length=min(lengths, default=None),
        has_mid_block=any(name.startswith("mid_block.") for name in found),
    )
