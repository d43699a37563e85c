"""The X-Portrait checkpoint: its appearance network, its control network and its motion modules, in diffusers' names.

The names are those of its public code; `model_state-415001.th` itself was not at hand when this was written.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from likeness.errors import InputError
from likeness.nn.foreign.animatediff import MotionWeights, motion_weights
from likeness.nn.foreign.ldm_names import LAYERS, diffusers_name
from likeness.nn.tensor_files import read_tensors

APPEARANCE = "appearance_control_model."
CONTROL = "pose_control_model."
UNET = "model.diffusion_model."
HINT = "input_hint_block."
NEVER_STORED = ("conv_norm_out", "conv_out")  # X-Portrait's appearance network ends before them; nothing reads them
LATE_MODULES = (2, 5, 8)  # of the way up: X-Portrait runs them after the up-sampler, diffusers before it
_MOTION = re.compile(rf"{re.escape(UNET)}(input|output)_blocks_motion_module\.(\d+)\.0\.(.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class XPortraitWeights:
    """The three parts that can be used, and how many tensors of others were in the file."""

    appearance: Mapping[str, Tensor]
    control: Mapping[str, Tensor]  # without the hint block, whose condition was a picture
    motion: MotionWeights  # without the late modules
    others: int


def read_x_portrait(path: Path, *, layers: int = LAYERS) -> XPortraitWeights:
    """The parts of an X-Portrait file.

    Raises:
        InputError: the file cannot be read, has no appearance network, or has a tensor whose place is not known.
    """
    tensors = read_tensors(path)
    appearance = _part(tensors, APPEARANCE, path, layers)
    if not appearance:
        raise InputError(f"{path} has no {APPEARANCE}* tensors: give X-Portrait's model_state-415001.th")
    control = _part(tensors, CONTROL, path, layers)
    motion = {}
    for name, value in tensors.items():
        if place := _motion_name(name, layers):
            motion[place] = value
    used = (APPEARANCE, CONTROL)
    others = sum(not name.startswith(used) and _MOTION.fullmatch(name) is None for name in tensors)
    return XPortraitWeights(appearance=appearance, control=control, motion=motion_weights(motion), others=others)


def _part(tensors: Mapping[str, Tensor], prefix: str, path: Path, layers: int) -> dict[str, Tensor]:
    """The tensors under a prefix, renamed; the hint block is dropped."""
    found = {}
    for name, value in tensors.items():
        if not name.startswith(prefix):
            continue
        inner = name.removeprefix(prefix)
        if inner.startswith(HINT):
            continue
        renamed = diffusers_name(inner, layers=layers)
        if renamed is None:
            raise InputError(f"{path}: the place of {name} is not known: this is another model than X-Portrait's")
        found[renamed] = value
    return found


def _motion_name(name: str, layers: int) -> str | None:
    """The name of a motion module's tensor; None for other tensors and for the late modules."""
    match = _MOTION.fullmatch(name)
    if match is None:
        return None
    number = int(match[2])
    if match[1] == "input":
        level, layer = divmod(number, layers)
        return f"down_blocks.{level}.motion_modules.{layer}.{match[3]}"
    if number in LATE_MODULES:
        return None
    level, layer = divmod(number, layers + 1)
    return f"up_blocks.{level}.motion_modules.{layer}.{match[3]}"
