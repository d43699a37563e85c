"""A running average of weights: what is validated and kept, while the weights themselves go on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

START = 10.0  # steps: the decay grows from 1 / START, so that the first weights are soon forgotten


class RunningAverage:
    """Averages in float32, by parameter name."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().float().clone() for name, value in parameters.items()}

    @torch.no_grad()
    def update(self, parameters: Mapping[str, nn.Parameter], step: int) -> None:
        """After step number `step` (from 0)."""
        decay = min(self.decay, (1.0 + step) / (START + step))
        for name, value in parameters.items():
            self.values[name].lerp_(value.detach().float(), 1.0 - decay)

    @contextmanager
    def in_place_of(self, parameters: Mapping[str, nn.Parameter]) -> Iterator[None]:
        """Within the block the parameters hold the averages."""
        kept: dict[str, Tensor] = {name: value.detach().clone() for name, value in parameters.items()}
        try:
            with torch.no_grad():
                for name, value in parameters.items():
                    value.copy_(self.values[name])
            yield
        finally:
            with torch.no_grad():
                for name, value in parameters.items():
                    value.copy_(kept[name])
