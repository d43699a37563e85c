"""Trainings from the command line: clips, networks and their start, processes and device, and what is said about it."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from likeness.app.console import say
from likeness.app.results import Watch, unwatched
from likeness.app.train import Train
from likeness.data.clip import Clip
from likeness.data.folder import open_clips
from likeness.errors import InputError
from likeness.fg_portrait.assemble import ForeignWeights, assemble_networks
from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.networks import Networks, build_networks
from likeness.fg_portrait.recipes import RECIPES, Recipe
from likeness.fg_portrait.train import FgPortraitTask
from likeness.fg_portrait.weights import load_training_weights
from likeness.heads.builtin import builtin_head
from likeness.heads.model import HeadModel
from likeness.training.loop import train
from likeness.training.processes import Processes, join_processes

logger = logging.getLogger(__name__)


def train_fg_portrait(command: Train, *, watch: Watch = unwatched) -> None:
    """Train as the command says; ends the program with 130 or 143 where it was interrupted.

    Raises:
        LikenessError: clips, weights or settings cannot be used, or a file cannot be written.
    """
    recipe = chosen_recipe(command)
    head = builtin_head()
    clips = open_folders(command.data, head)
    checks = open_folders([command.validation], head) if command.validation is not None else ()
    processes = join_processes(on_cpu=command.cpu or not torch.cuda.is_available())
    torch.manual_seed(recipe.training.seed)  # fresh weights
    networks = first_networks(recipe.model, command, head).to(processes.device)
    task = FgPortraitTask(networks, clips, head, recipe.samples, seed=recipe.training.seed, check_clips=checks)
    number = sum(value.numel() for value in task.players[0].parameters.values())
    if processes.is_first:
        say(f"{number / 1e6:.2f} million parameters on {len(task.clips)} clips, {_place(processes)}")
    outcome = train(task, recipe.training, command.out, processes, watch=watch if processes.is_first else unwatched)
    minutes = outcome.elapsed_seconds / 60.0
    if outcome.exit_code is not None:
        if processes.is_first:
            say(f"stopped after {outcome.step} steps ({minutes:.1f} minutes); the same command goes on from there")
        raise SystemExit(outcome.exit_code)
    if processes.is_first:
        say(f"{command.out / 'weights'}: {outcome.step} steps in {minutes:.1f} minutes")


def chosen_recipe(command: Train) -> Recipe:
    """The preset's recipe with the options in place of its own numbers.

    Raises:
        InputError: a number cannot be used.
    """
    recipe = RECIPES[command.preset](command.stage)
    training = recipe.training
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
    return replace(recipe, training=replace(training, **asked, seed=command.seed, saves_memory=saves))


def first_networks(config: FgPortraitConfig, command: Train, head: HeadModel) -> Networks:
    """The networks before the first step: fresh, from foreign weights, or from an earlier training.

    Raises:
        InputError: weights are missing, or do not fit.
    """
    if config.pretrained and command.base is None:
        raise InputError(
            f"the preset {command.preset} needs Stable Diffusion 1.5: give its folder (diffusers layout) with --base"
        )
    if command.base is not None:
        weights = ForeignWeights(
            stable_diffusion=command.base, x_portrait=command.x_portrait, animatediff=command.animatediff
        )
        networks, reports = assemble_networks(config, weights)
    else:
        networks, reports = build_networks(config), []
    if command.start is not None:
        reports += load_training_weights(command.start, networks, head=head)
    elif command.stage == 2:
        raise InputError("stage 2 goes on from stage 1: give the weights folder of its run with --start")
    for report in reports:
        logger.info("%s", report.line)
    networks.freeze()
    return networks


def open_folders(folders: Sequence[Path], head: HeadModel) -> tuple[Clip, ...]:
    """The clips of several folders.

    Raises:
        InputError: one holds no clips, or a damaged one.
    """
    return tuple(clip for folder in folders for clip in open_clips(folder, head))


def _place(processes: Processes) -> str:
    kind = torch.cuda.get_device_name(processes.device) if processes.device.type == "cuda" else "CPU"
    return kind if processes.count == 1 else f"{processes.count} processes, {kind}"
