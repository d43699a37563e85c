"""The training loop: steps of any task, exact continuation, several processes, an end by steps or by the clock.

Step k sees the same samples and the same random numbers whether the run was continued, and on however many processes:
both follow from the seed, the step and the place in the batch alone.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from likeness.errors import InputError
from likeness.nn.memory import is_lack_of_memory
from likeness.training.batches import batches_ahead
from likeness.training.checkpoint import checkpoint_paths
from likeness.training.interruption import Interrupted, Interruption
from likeness.training.log import append_line
from likeness.training.processes import Processes
from likeness.training.run_folder import RunFolder
from likeness.training.settings import TrainSettings, learning_rate, progress
from likeness.training.state import TrainingState, gradients, only_asks_gradients, seed_for
from likeness.training.task import Moment, Player, Task

Clock = Callable[[], float]
Watch = Callable[[Iterable[Any], str, int | None], Iterable[Any]]
_NOISE = 3  # keeps the seeds of batches apart from those of samples


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ended."""

    step: int
    begun_at: int  # step from which this call went on; `step` itself if the run had ended before
    elapsed_seconds: float
    exit_code: int | None  # of an interrupted run; None: it went to its end


def unwatched(items: Iterable[Any], label: str, total: int | None) -> Iterable[Any]:
    """The items, with nobody looking."""
    return items


def train(
    task: Task,
    settings: TrainSettings,
    folder: Path,
    processes: Processes,
    *,
    clock: Clock = time.monotonic,
    watch: Watch = unwatched,
) -> Outcome:
    """Train in a run folder, from its newest checkpoint if it has one, until the end or until interrupted.

    The folder gets config.json, metrics.jsonl, checkpoints/, validation/ and weights/ (of the running averages).

    Raises:
        InputError: the folder's checkpoint is damaged or belongs to other settings, the batch does not divide among
            the processes, a loss is not finite, or the memory is too small.
        OutputError: a file cannot be written.
    """
    if settings.micro_batches % processes.count:
        raise InputError(
            f"{settings.micro_batches} micro-batches per step do not divide among {processes.count} processes: "
            "change --batch or --micro-batch"
        )
    if settings.saves_memory:
        task.save_memory()
    state = TrainingState(task, settings)
    state.prepare_optimisers()
    run = RunFolder(folder, settings, task.description, processes)
    run.open(state)
    begun_at = state.step
    processes.copy_from_first(value for name, value in state.tensors().items() if not name.startswith("step/"))
    loop = _Loop(task, settings, run, state, processes, clock)
    with Interruption() as interruption:
        try:
            loop.run(interruption, watch)
            exit_code = None
        except Interrupted as stop:
            exit_code = stop.exit_code
        run.save(state)
    return Outcome(step=state.step, begun_at=begun_at, elapsed_seconds=state.elapsed_seconds, exit_code=exit_code)


class _Loop:
    """One run of the loop and all that its steps share."""

    def __init__(
        self,
        task: Task,
        settings: TrainSettings,
        folder: RunFolder,
        state: TrainingState,
        processes: Processes,
        clock: Clock,
    ) -> None:
        self.task, self.settings, self.folder, self.state = task, settings, folder, state
        self.processes, self.clock = processes, clock
        self._started = clock() - state.elapsed_seconds
        self._saved_seconds = state.elapsed_seconds

    def run(self, interruption: Interruption, watch: Watch) -> None:
        """Steps until the end; the state is that after a whole step whenever this returns or raises."""
        batches = batches_ahead(
            self.task.load, self._numbers(), threads=self.settings.loaders, ahead=self.settings.ahead
        )
        try:
            with self._memory_advice():
                for _ in watch(self._moments(), "training", self._steps_left()):
                    self._step(batches, interruption)
                if self.processes.is_first:
                    self._conclude()
        finally:
            batches.close()  # type: ignore[attr-defined]  # a generator
        self.processes.wait()

    def _moments(self) -> Iterator[int]:
        """One item per step that is still to be done; all processes agree on the end."""
        while self._progress() < 1.0:
            yield self.state.step

    def _steps_left(self) -> int | None:
        return None if self.settings.steps is None else max(self.settings.steps - self.state.step, 0)

    def _progress(self) -> float:
        elapsed = self.processes.from_first(self.state.elapsed_seconds)
        return progress(self.settings, step=self.state.step, elapsed_seconds=elapsed)

    def _numbers(self) -> Iterator[range]:
        """Sample numbers of this process's micro-batches, without end."""
        size = self.settings.micro_batch
        for step in itertools.count(self.state.step):
            for place in range(self.processes.rank, self.settings.micro_batches, self.processes.count):
                first = step * self.settings.batch + place * size
                yield range(first, first + size)

    def _step(self, batches: Iterator[Any], interruption: Interruption) -> None:
        """All players move once; what was begun when an interruption comes is forgotten."""
        state, settings = self.state, self.settings
        moment = Moment(step=state.step, progress=self._progress())
        rate = learning_rate(settings, step=moment.step, done=moment.progress)
        mine = [next(batches) for _ in range(settings.micro_batches // self.processes.count)]
        kept = {name: value.detach().clone() for name, value in state.buffers.items()}
        numbers: dict[str, float] = {}
        with ExitStack() as held:
            try:
                for order, player in enumerate(state.players):
                    numbers |= self._gradient(player, mine, moment)
                    if order == 0:  # from here on weights change: the step is finished first
                        held.enter_context(interruption.held())
                    self._move(player, rate)
            except Interrupted:
                for name, value in state.buffers.items():
                    value.detach().copy_(kept[name])
                raise
            self.processes.mean_in_place(value for value in state.buffers.values() if value.is_floating_point())
            for name, number in numbers.items():
                state.unlogged[name] = state.unlogged.get(name, 0.0) + number
            state.finish_step(self.clock() - self._started)
        self._after_step(rate, moment)

    def _gradient(self, player: Player, batches: list[Any], moment: Moment) -> dict[str, float]:
        """Gradients of the player's mean loss over the whole batch, and the mean numbers."""
        only_asks_gradients(player, self.state.players)
        self.state.optimisers[player.name].zero_grad(set_to_none=True)
        total = self.settings.micro_batches
        sums: dict[str, torch.Tensor] = {}
        for index, batch in enumerate(batches):
            place = self.processes.rank + index * self.processes.count
            seed = seed_for(self.settings.seed, _NOISE, moment.step, place)
            torch.manual_seed(seed)  # for layers that draw by themselves, such as dropout
            generator = torch.Generator().manual_seed(seed)
            with self._autocast():
                loss = self.task.loss(player.name, batch, generator, moment)
            (loss.total / total).backward()
            named = {f"{player.name}/loss": loss.total, **{f"{player.name}/{k}": v for k, v in loss.numbers.items()}}
            for name, value in named.items():
                sums[name] = sums.get(name, 0.0) + value.detach().float() / total
        self.processes.sum_in_place(gradients(player.parameters))
        names = sorted(sums)
        means = torch.stack([sums[name].to(self.processes.device) for name in names])
        self.processes.sum_in_place([means])
        return dict(zip(names, means.tolist(), strict=True))

    def _move(self, player: Player, rate: float) -> None:
        """One step of the player's optimiser."""
        optimiser = self.state.optimisers[player.name]
        norm = torch.nn.utils.clip_grad_norm_(list(player.parameters.values()), self.settings.clip_norm)
        if not math.isfinite(float(norm)):
            raise InputError(
                f"the gradient of {player.name} is not finite after {self.state.step} steps: lower --rate, or train in "
                f"float32{self._what_stays()}"
            )
        for group in optimiser.param_groups:
            group["lr"] = player.rate_scale * rate
        optimiser.step()
        name = f"{player.name}/gradient"
        self.state.unlogged[name] = self.state.unlogged.get(name, 0.0) + float(norm)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.processes.device.type, dtype=torch.bfloat16, enabled=self.settings.precision == "bfloat16"
        )

    def _after_step(self, rate: float, moment: Moment) -> None:
        """Log, pictures and checkpoints, when their time has come."""
        state, settings = self.state, self.settings
        if state.step % settings.log_every == 0:
            self._log({name: value / settings.log_every for name, value in state.unlogged.items()}, rate, moment)
            state.unlogged = {}
        if state.step % settings.validate_every == 0 and self.processes.is_first:
            self._validate()
        if state.elapsed_seconds - self._saved_seconds >= 60.0 * settings.save_minutes:
            self.folder.save(state)
            self._saved_seconds = state.elapsed_seconds

    def _log(self, means: Mapping[str, float], rate: float, moment: Moment) -> None:
        if self.processes.is_first:
            line = {"step": self.state.step, "seconds": round(self.state.elapsed_seconds, 3), "rate": rate}
            append_line(self.folder.folder, line | {"progress": round(moment.progress, 6)} | dict(means))

    def _validate(self) -> None:
        """Pictures and numbers of the averaged weights; their time counts."""
        step = self.state.step
        with self._averaged(), torch.no_grad():
            numbers = self.task.validate(self.folder.validation(step), step)
        append_line(self.folder.folder, {"step": step, "validation": dict(numbers)})

    def _conclude(self) -> None:
        """The last pictures, and the weights for inference."""
        if self.state.step % self.settings.validate_every:
            self._validate()
        with self._averaged(), torch.no_grad():
            self.task.write_weights(self.folder.weights, self.state.step)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        with ExitStack() as stack:
            for player in self.state.players:
                if player.is_averaged:
                    stack.enter_context(self.state.averages[player.name].in_place_of(player.parameters))
            yield

    @contextmanager
    def _memory_advice(self) -> Iterator[None]:
        """Running out of memory, told as what to do."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_lack_of_memory(error):
                raise
            raise InputError(
                f"not enough memory for a step: lower --micro-batch, or add --saves-memory{self._what_stays()}"
            ) from error

    def _what_stays(self) -> str:
        """The end of a line that tells of a failure."""
        return "; the newest checkpoint stays" if checkpoint_paths(self.folder.checkpoints) else ""
