"""The state of a training between two steps: parameters, their averages, what the optimisers remember, and counters."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from likeness.training.average import RunningAverage
from likeness.training.settings import TrainSettings
from likeness.training.task import Player, Task

_ADAM = ("exp_avg", "exp_avg_sq", "step")


class TrainingState:
    """Holds the optimisers and averages of a task's players."""

    def __init__(self, task: Task, settings: TrainSettings) -> None:
        self.players = task.players
        self.buffers = task.buffers
        self.step = 0
        self.elapsed_seconds = 0.0
        self.unlogged: dict[str, float] = {}
        self.optimisers = {
            player.name: torch.optim.AdamW(
                player.parameters.values(),
                lr=player.rate_scale * settings.rate,
                betas=settings.betas,
                weight_decay=settings.weight_decay,
            )
            for player in self.players
        }
        self.averages = {
            player.name: RunningAverage(player.parameters, settings.average)
            for player in self.players
            if player.is_averaged
        }

    def finish_step(self, elapsed_seconds: float) -> None:
        """After all players have moved."""
        for player in self.players:
            if player.is_averaged:
                self.averages[player.name].update(player.parameters, self.step)
        self.step += 1
        self.elapsed_seconds = elapsed_seconds

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a checkpoint keeps, by name; the tensors themselves, not copies."""
        return dict(self._named())

    def prepare_optimisers(self) -> None:
        """Lets the optimisers have their memory before a first step, so that a checkpoint can be copied into it."""
        for player in self.players:
            optimiser = self.optimisers[player.name]
            for value in player.parameters.values():
                if not optimiser.state[value]:
                    optimiser.state[value] = {
                        "step": torch.tensor(0.0),
                        "exp_avg": torch.zeros_like(value, memory_format=torch.preserve_format),
                        "exp_avg_sq": torch.zeros_like(value, memory_format=torch.preserve_format),
                    }

    def _named(self) -> Iterator[tuple[str, Tensor]]:
        for player in self.players:
            optimiser = self.optimisers[player.name]
            for name, value in player.parameters.items():
                yield f"parameter/{player.name}/{name}", value.detach()
                for kind in _ADAM:
                    yield f"{kind}/{player.name}/{name}", optimiser.state[value][kind]
        for player_name, average in self.averages.items():
            for name, tensor in average.values.items():
                yield f"average/{player_name}/{name}", tensor
        for name, tensor in self.buffers.items():
            yield f"buffer/{name}", tensor


def only_asks_gradients(player: Player, players: tuple[Player, ...]) -> None:
    """Gradients reach the parameters of one player alone; they still pass through the others."""
    if len(players) > 1:
        for other in players:
            for value in other.parameters.values():
                value.requires_grad_(other.name == player.name)


def seed_for(*parts: int) -> int:
    """A seed for torch that depends on all the numbers; different numbers give unrelated seeds."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def gradients(parameters: Mapping[str, torch.nn.Parameter]) -> list[Tensor]:
    """The gradients, zeros where there is none, so that all processes have the same."""
    found = []
    for value in parameters.values():
        if value.grad is None:
            value.grad = torch.zeros_like(value)
        found.append(value.grad)
    return found
