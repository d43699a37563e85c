"""What trainings from the command line share: clips, the recipe's numbers, processes and device, and what is said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from likeness.app.console import say
from likeness.app.results import Watch, unwatched
from likeness.app.train import TrainingOptions
from likeness.data.clip import Clip
from likeness.data.folder import open_clips
from likeness.heads.model import HeadModel
from likeness.training.loop import train
from likeness.training.processes import Processes, join_processes
from likeness.training.settings import TrainSettings
from likeness.training.task import Task


def asked_settings(training: TrainSettings, command: TrainingOptions) -> TrainSettings:
    """A preset's settings with the options in place of its own numbers.

    Raises:
        InputError: a number cannot be used.
    """
    if command.steps is not None or command.minutes is not None:
        training = replace(training, steps=command.steps, minutes=command.minutes)
    if command.rate is not None:
        training = replace(training, rate=command.rate, final_rate=command.rate * training.final_rate / training.rate)
    if command.batch is not None and command.micro_batch is None:
        training = replace(training, batch=command.batch, micro_batch=min(training.micro_batch, command.batch))
    asked = {
        name: getattr(command, name)
        for name in ("batch", "micro_batch", "precision", "validate_every")
        if getattr(command, name) is not None
    }
    saves = command.saves_memory or training.saves_memory
    return replace(training, **asked, seed=command.seed, saves_memory=saves)


def open_folders(folders: Sequence[Path], head: HeadModel) -> tuple[Clip, ...]:
    """The clips of several folders.

    Raises:
        InputError: one holds no clips, or a damaged one.
    """
    return tuple(clip for folder in folders for clip in open_clips(folder, head))


def started_processes(command: TrainingOptions, settings: TrainSettings) -> Processes:
    """The processes of this training on their devices; fresh weights are drawn alike in all of them."""
    processes = join_processes(on_cpu=command.cpu or not torch.cuda.is_available())
    torch.manual_seed(settings.seed)
    return processes


def run_training(
    task: Task,
    settings: TrainSettings,
    command: TrainingOptions,
    processes: Processes,
    *,
    num_clips: int,
    watch: Watch = unwatched,
) -> None:
    """Train as the command says; ends the program with 130 or 143 where it was interrupted.

    Raises:
        LikenessError: the run's folder cannot be used, a loss is not finite, or a file cannot be written.
    """
    if processes.is_first:
        counts = [sum(value.numel() for value in player.parameters.values()) / 1e6 for player in task.players]
        sizes = " + ".join(f"{count:.2f}" for count in counts)
        say(f"{sizes} million parameters on {num_clips} clips, {_place(processes)}")
    outcome = train(task, settings, command.out, processes, watch=watch if processes.is_first else unwatched)
    processes.leave()
    minutes = outcome.elapsed_seconds / 60.0
    if outcome.exit_code is not None:
        if processes.is_first:
            say(f"stopped after {outcome.step} steps ({minutes:.1f} minutes); the same command goes on from there")
        raise SystemExit(outcome.exit_code)
    if processes.is_first and outcome.step == outcome.begun_at:
        say(
            f"{command.out / 'weights'}: finished already, after {outcome.step} steps in {minutes:.1f} minutes; raise "
            "--steps or --minutes to go on"
        )
    elif processes.is_first:
        say(f"{command.out / 'weights'}: {outcome.step} steps in {minutes:.1f} minutes")


def _place(processes: Processes) -> str:
    kind = torch.cuda.get_device_name(processes.device) if processes.device.type == "cuda" else "CPU"
    return kind if processes.count == 1 else f"{processes.count} processes, {kind}"
