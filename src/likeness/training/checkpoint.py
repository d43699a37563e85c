"""Checkpoints: all that a training needs to go on exactly, in one safetensors file that appears whole or not at all."""

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from likeness.errors import InputError
from likeness.files import atomic_output
from likeness.nn.tensor_files import write_tensors
from likeness.training.settings import MOST_STEPS

FORMAT = "likeness-checkpoint 1"
MAX_NOTE_BYTES = 1 << 24
_NAME = re.compile(r"step-(\d{8})\.safetensors")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """The state after `step` steps. All randomness follows from seed and step, so none is stored."""

    step: int
    elapsed_seconds: float  # of training, over all continuations
    settings: Mapping[str, Any]  # JSON: what a continuation must share
    unlogged: Mapping[str, float]  # sums since the last line of the log
    tensors: Mapping[str, Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
    """Write a checkpoint, then remove all but the newest `keep`.

    Raises:
        OutputError: it cannot be written.
    """
    path = folder / f"step-{checkpoint.step:08d}.safetensors"
    note = {
        "format": FORMAT,
        "step": checkpoint.step,
        "elapsed_seconds": checkpoint.elapsed_seconds,
        "settings": checkpoint.settings,
        "unlogged": checkpoint.unlogged,
    }
    with atomic_output(path, overwrite=True) as partial:
        write_tensors(partial, checkpoint.tensors, metadata={"likeness": json.dumps(note)})
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())  # a power cut must not leave a named, empty file
    for old in checkpoint_paths(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def checkpoint_paths(folder: Path) -> tuple[Path, ...]:
    """The checkpoints of a folder, oldest first."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)))


def load_checkpoint(path: Path) -> Checkpoint:
    """A stored checkpoint, on the CPU.

    Raises:
        InputError: it is missing, damaged, or something else.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as stored:
            text = (stored.metadata() or {}).get("likeness", "")
            note = json.loads(text) if len(text) <= MAX_NOTE_BYTES else None
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping
        if not isinstance(note, dict) or note.get("format") != FORMAT:
            raise InputError(f"{path} is no checkpoint of this program: remove it, or train in another folder")
        step, elapsed = note["step"], float(note["elapsed_seconds"])
        if type(step) is not int or not 0 <= step <= MOST_STEPS or not 0.0 <= elapsed < math.inf:
            raise ValueError(f"step {step} after {elapsed} seconds")
        return Checkpoint(
            step=step,
            elapsed_seconds=elapsed,
            settings=dict(note["settings"]),
            unlogged={str(name): float(value) for name, value in note["unlogged"].items()},
            tensors=tensors,
        )
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"{path} is damaged: remove it to go on from the checkpoint before it") from error


def copy_into(stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, path: Path) -> None:
    """Copy stored tensors over the wanted ones, which must be exactly these.

    Raises:
        InputError: names or shapes differ.
    """
    if set(stored) != set(wanted):
        name = min(set(stored) ^ set(wanted))
        raise InputError(f"{path} belongs to another model ({name} differs): train in another folder")
    with torch.no_grad():
        for name, value in wanted.items():
            if stored[name].shape != value.shape:
                raise InputError(
                    f"{path} belongs to another model: {name} is {tuple(stored[name].shape)}, not {tuple(value.shape)}"
                )
            value.copy_(stored[name])
