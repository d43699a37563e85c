"""What a training loop needs to know about a model: batches go in, a loss and named numbers come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Where a training stands."""

    step: int  # steps done before this one
    progress: float  # 0 at the start, 1 at the end


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """What one batch says."""

    total: Tensor  # a scalar that is differentiated: the mean over the batch
    numbers: Mapping[str, Tensor]  # scalars for the log


@dataclass(frozen=True, kw_only=True, slots=True)
class Player:
    """Parameters that one optimiser moves along the gradient of one loss: a generator, a discriminator."""

    name: str
    parameters: Mapping[str, nn.Parameter]
    is_averaged: bool  # whether a running average of them is what counts in the end
    rate_scale: float = 1.0  # times the learning rate of the settings


@runtime_checkable
class Task(Protocol):
    """A model in training. Nothing but its parameters and buffers may change from batch to batch."""

    @property
    def players(self) -> tuple[Player, ...]:
        """Who takes turns in each step; the same on every call."""

    @property
    def buffers(self) -> Mapping[str, Tensor]:
        """Tensors that `loss` changes in place beside the parameters; they are saved, and averaged over processes."""

    @property
    def description(self) -> Mapping[str, Any]:
        """JSON-able settings that a continued training must share with its start."""

    def load(self, numbers: range) -> Any:
        """The batch of these sample numbers, on the CPU; called ahead of time and from several threads."""

    def loss(self, player: str, batch: Any, generator: torch.Generator, moment: Moment) -> Loss:
        """The loss of one player. All that is random comes from the generator (a CPU one) or from the samples."""

    def save_memory(self) -> None:
        """Keep less between forward and backward, and compute it again."""

    def validate(self, folder: Path, step: int) -> Mapping[str, float]:
        """Pictures into the folder (which exists), and numbers for the log; the weights are the averaged ones."""

    def write_weights(self, folder: Path, step: int) -> None:
        """The averaged weights, as inference reads them, into a folder that is new or replaced."""
