"""The settings of a run, and the learning rate that follows from how much of it is done."""

import math
from dataclasses import dataclass
from typing import Literal

from likeness.data.seeds import check_seed
from likeness.errors import InputError

MOST_STEPS = 99_999_999  # the names of checkpoints have eight digits
_MOST = 10**9  # batches and intervals beyond it are mistakes
_LIMITS = {
    "steps": (1, MOST_STEPS),
    "batch": (1, _MOST),
    "micro_batch": (1, _MOST),
    "warmup_steps": (0, MOST_STEPS),
    "log_every": (1, _MOST),
    "validate_every": (1, _MOST),
    "keep": (1, _MOST),
    "loaders": (1, 1024),
    "ahead": (1, _MOST),
}
_OPTIONS = frozenset({"steps", "minutes", "batch", "micro_batch", "rate", "validate_every"})


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How long, how fast and how carefully. A run ends after `steps` or `minutes`, whichever is first."""

    steps: int | None = None
    minutes: float | None = None  # of training, over all its continuations
    batch: int  # samples per step, of all processes together
    micro_batch: int  # samples per forward pass; smaller ones need less memory
    rate: float  # learning rate after the warm-up
    final_rate: float  # at the end; a cosine leads there
    warmup_steps: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    clip_norm: float = 1.0  # largest length of a step's gradient
    average: float = 0.999  # decay per step of the running average of the weights
    precision: Literal["float32", "bfloat16"] = "float32"
    saves_memory: bool = False  # activations are computed twice instead of kept
    seed: int = 0
    log_every: int = 10  # steps
    validate_every: int = 500  # steps
    save_minutes: float = 10.0  # between checkpoints; there is one more at the end and when it is stopped
    keep: int = 2  # newest checkpoints
    loaders: int = 2  # threads that prepare batches
    ahead: int = 4  # batches that are prepared ahead

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise InputError("say how long to train: --steps or --minutes")
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(f"{_called(name)} is {value}: give a whole number from {low} to {high}")
        check_seed(self.seed)
        if self.batch % self.micro_batch:
            raise InputError(f"the batch of {self.batch} must divide by the micro-batch of {self.micro_batch}")
        for name in ("minutes", "rate"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise InputError(f"{_called(name)} is {value:g}: give a finite number above 0")
        if not 0.0 <= self.final_rate <= self.rate:
            raise InputError(f"the final rate is {self.final_rate:g}: give one from 0 to the rate, {self.rate:g}")
        if not 0.0 <= self.average < 1.0:
            raise InputError(f"the decay of the average is {self.average:g}: give 0 or more, below 1")

    @property
    def micro_batches(self) -> int:
        """Forward passes per step, of all processes together."""
        return self.batch // self.micro_batch


# What a continued run may change; everything else decides about the numbers and must stay.
FREE_SETTINGS = frozenset(
    {"steps", "minutes", "log_every", "validate_every", "save_minutes", "keep", "loaders", "ahead", "saves_memory"}
)


def progress(settings: TrainSettings, *, step: int, elapsed_seconds: float) -> float:
    """How much of the run is done, 0 to 1: by the clock, by the steps, or by what is further."""
    parts = [0.0]
    if settings.steps is not None:
        parts.append(step / settings.steps)
    if settings.minutes is not None:
        parts.append(elapsed_seconds / (60.0 * settings.minutes))
    return min(max(parts), 1.0)


def learning_rate(settings: TrainSettings, *, step: int, done: float) -> float:
    """A line up over the first steps, then a cosine from `rate` to `final_rate` over the progress `done`."""
    warm = min((step + 1) / settings.warmup_steps, 1.0) if settings.warmup_steps else 1.0
    falling = 0.5 * (1.0 + math.cos(math.pi * done))
    return warm * (settings.final_rate + (settings.rate - settings.final_rate) * falling)


def _called(name: str) -> str:
    """How a message calls a setting: by its option, where it has one."""
    return f"--{name.replace('_', '-')}" if name in _OPTIONS else f"the setting {name}"
