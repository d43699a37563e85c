"""Low-rank updates (LoRA) of a U-Net, such as the LCM LoRA for Stable Diffusion 1.5, merged into its weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from likeness.errors import InputError
from likeness.nn.load_report import LoadReport
from likeness.nn.tensor_files import read_tensors

_KOHYA = "lora_unet_"
_PEFT = "unet."
_ENDINGS = {  # ending of a tensor's name -> its role
    ".lora_down.weight": "down",
    ".lora_up.weight": "up",
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    ".alpha": "alpha",
}


@dataclass(kw_only=True, slots=True)
class _Update:
    """What a file says about one layer; weight += alpha / rank * up @ down."""

    down: Tensor | None = None
    up: Tensor | None = None
    alpha: Tensor | None = None


def merge_lora(unet: nn.Module, path: Path) -> LoadReport:
    """Add the updates of a LoRA file to a U-Net's layers.

    Raises:
        InputError: the file cannot be read, or does not fit the U-Net; the U-Net is then unchanged.
    """
    layers = {name: module for name, module in unet.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)}
    by_flat_name = {name.replace(".", "_"): name for name in layers}
    updates: dict[str, _Update] = {}
    tensors = read_tensors(path)
    for name, value in tensors.items():
        layer, role = _place(name, by_flat_name, path)
        setattr(updates.setdefault(layer, _Update()), role, value)
    deltas = {}
    for layer, update in updates.items():
        if layer not in layers:
            raise InputError(f"{path} changes {layer}, which the U-Net does not have: this LoRA is for another model")
        deltas[layer] = _delta(update, layers[layer].weight, f"{path}: {layer}")
    with torch.no_grad():
        for layer, delta in deltas.items():
            layers[layer].weight.add_(delta.to(layers[layer].weight))
    return LoadReport(part=path.name, loaded=len(tensors), missing=(), unexpected=(), reshaped=0)


def _place(name: str, by_flat_name: Mapping[str, str], path: Path) -> tuple[str, str]:
    """Which layer a tensor belongs to, and its role."""
    for ending, role in _ENDINGS.items():
        if name.endswith(ending):
            stem = name.removesuffix(ending)
            if stem.startswith(_KOHYA):
                flat = stem.removeprefix(_KOHYA)
                return by_flat_name.get(flat, flat), role
            return stem.removeprefix(_PEFT), role
    raise InputError(f"{path}: {name} is no part of a LoRA: give a file such as pytorch_lora_weights.safetensors")


def _delta(update: _Update, weight: Float[Tensor, "..."], where: str) -> Float[Tensor, "..."]:
    """The change of a layer's weight, computed in float32."""
    if update.down is None or update.up is None:
        raise InputError(f"{where} has only half of its update: the file is damaged")
    down, up = update.down.float().flatten(1), update.up.float().flatten(1)
    if up.shape[1] != down.shape[0] or (up.shape[0], down.shape[1]) != tuple(weight.flatten(1).shape):
        raise InputError(
            f"{where} has an update of {tuple(up.shape)} x {tuple(down.shape)} for a weight of {tuple(weight.shape)}: "
            "this LoRA is for another model"
        )
    scale = 1.0 if update.alpha is None else float(update.alpha) / down.shape[0]
    return (scale * (up @ down)).reshape(weight.shape)
