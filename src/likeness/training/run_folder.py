"""A run's folder: what was asked for, the checkpoints, the log, pictures and weights. Only the first process writes."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from likeness.errors import InputError
from likeness.files import atomic_output, made_folder
from likeness.nn.json_record import record_to_json
from likeness.training.checkpoint import Checkpoint, checkpoint_paths, copy_into, load_checkpoint, save_checkpoint
from likeness.training.log import cut_back
from likeness.training.processes import Processes
from likeness.training.settings import FREE_SETTINGS, TrainSettings
from likeness.training.state import TrainingState

PACKAGES = ("likeness", "torch", "diffusers", "numpy", "numba")


class RunFolder:
    """Where a run lives, and what a continuation must share with its start."""

    def __init__(
        self, folder: Path, settings: TrainSettings, description: Mapping[str, Any], processes: Processes
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.description = dict(description)
        self.processes = processes
        self._saved_step: int | None = None

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def weights(self) -> Path:
        """Folder of the averaged weights."""
        return self.folder / "weights"

    @property
    def binding(self) -> dict[str, Any]:
        """The settings that decide about the numbers, as JSON values."""
        chosen = {name: value for name, value in record_to_json(self.settings).items() if name not in FREE_SETTINGS}
        return json.loads(json.dumps({"training": chosen, "task": self.description}))

    def open(self, state: TrainingState) -> None:
        """Make the folder, or put its newest checkpoint into the state.

        Raises:
            InputError: the checkpoint is damaged or belongs to other settings.
            OutputError: the folder cannot be made.
        """
        if self.processes.is_first:
            made_folder(self.checkpoints)
        self.processes.wait()
        paths = checkpoint_paths(self.checkpoints)
        if paths:
            self._continue(state, paths[-1])
        if self.processes.is_first:
            cut_back(self.folder, state.step)
            with atomic_output(self.folder / "config.json", overwrite=True) as partial:
                partial.write_text(json.dumps(self._content(), indent=2) + "\n", encoding="utf-8")
        self.processes.wait()

    def save(self, state: TrainingState) -> None:
        """Write a checkpoint, unless this step has one.

        Raises:
            OutputError: it cannot be written.
        """
        if self.processes.is_first and self._saved_step != state.step:
            checkpoint = Checkpoint(
                step=state.step,
                elapsed_seconds=state.elapsed_seconds,
                settings=self.binding,
                unlogged=state.unlogged,
                tensors=state.tensors(),
            )
            save_checkpoint(self.checkpoints, checkpoint, keep=self.settings.keep)
        self._saved_step = state.step

    def validation(self, step: int) -> Path:
        """A folder for the pictures of a step, made here."""
        return made_folder(self.folder / "validation" / f"step-{step:08d}")

    def _continue(self, state: TrainingState, path: Path) -> None:
        checkpoint = load_checkpoint(path)
        difference = first_difference(checkpoint.settings, self.binding)
        if difference is not None:
            raise InputError(f"{self.folder} was begun with other settings ({difference}): train in another folder")
        copy_into(checkpoint.tensors, state.tensors(), path=path)
        state.step, state.elapsed_seconds = checkpoint.step, checkpoint.elapsed_seconds
        state.unlogged = dict(checkpoint.unlogged)
        self._saved_step = state.step

    def _content(self) -> dict[str, Any]:
        versions = {"python": platform.python_version(), "processes": self.processes.count}
        return {
            "settings": record_to_json(self.settings),
            "task": self.description,
            "versions": versions | {name: _version(name) for name in PACKAGES},
            "device": torch.cuda.get_device_name() if self.processes.device.type == "cuda" else platform.processor(),
        }


def first_difference(stored: Any, asked: Any, where: str = "") -> str | None:
    """The first place where two JSON values differ, with both values; None if they are equal."""
    if isinstance(stored, Mapping) and isinstance(asked, Mapping):
        for name in sorted(set(stored) | set(asked)):
            inside = f"{where}.{name}" if where else str(name)
            if name not in stored or name not in asked:
                return f"{inside} is only in {'the new' if name in asked else 'the old'} ones"
            found = first_difference(stored[name], asked[name], inside)
            if found is not None:
                return found
        return None
    return None if stored == asked else f"{where} was {str(stored)[:60]}, now {str(asked)[:60]}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
