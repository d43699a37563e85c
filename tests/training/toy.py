"""A task small enough for tests: a line is fitted to noisy points; noise, dropout and a buffer take part."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from likeness.training.processes import Processes
from likeness.training.settings import TrainSettings
from likeness.training.task import Loss, Moment, Player

ALONE = Processes(rank=0, count=1, device=torch.device("cpu"))


class ToyTask:
    """Fits y = 2 x[0] - x[1] with a two-layer network; `is_duel` adds a second player that fits the error's size."""

    def __init__(self, *, is_duel: bool = False) -> None:
        torch.manual_seed(1)
        self.network = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))
        self.judge = nn.Linear(2, 1)
        self.is_duel = is_duel
        self.mean = torch.zeros(2)
        self.seen: list[range] = []
        self.interrupt_at: int | None = None
        self.validated: list[int] = []

    @property
    def players(self) -> tuple[Player, ...]:
        first = Player(name="line", parameters=dict(self.network.named_parameters()), is_averaged=True)
        if not self.is_duel:
            return (first,)
        judge = Player(name="judge", parameters=dict(self.judge.named_parameters()), is_averaged=False, rate_scale=2.0)
        return (first, judge)

    @property
    def buffers(self) -> dict[str, torch.Tensor]:
        return {"mean": self.mean}

    @property
    def description(self) -> dict[str, object]:
        return {"task": "toy", "is_duel": self.is_duel}

    def load(self, numbers: range) -> torch.Tensor:
        self.seen.append(numbers)
        rows = [np.random.default_rng((5, number)).standard_normal(2) for number in numbers]
        return torch.tensor(np.array(rows), dtype=torch.float32)

    def loss(self, player: str, batch: torch.Tensor, generator: torch.Generator, moment: Moment) -> Loss:
        if self.interrupt_at == moment.step:
            import os
            import signal

            self.mean.add_(100.0)  # a half-done change that must be forgotten
            os.kill(os.getpid(), signal.SIGINT)
        wanted = 2.0 * batch[:, :1] - batch[:, 1:]
        wanted = wanted + 0.1 * torch.randn(wanted.shape, generator=generator)
        error = (self.network(batch) - wanted).square()
        if player == "judge":
            return Loss(total=(self.judge(batch) - error.detach()).square().mean(), numbers={})
        self.mean.lerp_(batch.mean(0), 0.1)
        return Loss(total=error.mean(), numbers={"largest": error.max()})

    def save_memory(self) -> None:
        raise AssertionError("not asked for")

    def validate(self, folder: Path, step: int) -> dict[str, float]:
        self.validated.append(step)
        (folder / "picture.txt").write_text("picture")
        return {"weight": float(self.network[0].weight.sum())}

    def write_weights(self, folder: Path, step: int) -> None:
        folder.mkdir(exist_ok=True)
        torch.save(self.network.state_dict(), folder / "weights.pt")

    def state(self) -> list[torch.Tensor]:
        return [value.detach().clone() for value in (*self.network.parameters(), *self.judge.parameters(), self.mean)]


def settings(**changes: object) -> TrainSettings:
    plain: dict = {
        "steps": 12, "batch": 8, "micro_batch": 2, "rate": 0.02, "final_rate": 0.001, "warmup_steps": 3,
        "log_every": 4, "validate_every": 6, "average": 0.9, "loaders": 1,
    }  # fmt: skip
    return TrainSettings(**plain | changes)
