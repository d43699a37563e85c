"""Training FG-Portrait from the command line: the recipe, and the networks before the first step."""

import logging
from dataclasses import replace
from pathlib import Path

from likeness.app.results import Watch, unwatched
from likeness.app.train import TrainFgPortrait
from likeness.app.training import asked_settings, open_folders, run_training, started_processes
from likeness.errors import InputError
from likeness.fg_portrait.assemble import ForeignWeights, assemble_networks
from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.networks import Networks, build_networks
from likeness.fg_portrait.recipes import RECIPES, Recipe, with_image_size, with_repair
from likeness.fg_portrait.switches import with_face_loss
from likeness.fg_portrait.train import FgPortraitTask
from likeness.fg_portrait.weights import BASE, IMAGE_ENCODER, load_training_weights, read_image_encoder
from likeness.heads.builtin import builtin_head
from likeness.heads.model import HeadModel
from likeness.nn.face_recognition import load_recogniser
from likeness.nn.foreign.clip_image import load_image_encoder

logger = logging.getLogger(__name__)


def train_fg_portrait(command: TrainFgPortrait, *, watch: Watch = unwatched) -> None:
    """Train as the command says; ends the program with 130 or 143 where it was interrupted.

    Raises:
        LikenessError: clips, weights or settings cannot be used, or a file cannot be written.
    """
    recipe = chosen_recipe(command)
    head, settings = builtin_head(), recipe.training
    recogniser = load_recogniser(command.recogniser) if command.recogniser is not None else None
    clips = open_folders(command.data, head)
    checks = open_folders([command.validation], head) if command.validation is not None else ()
    processes = started_processes(command, settings)
    networks = first_networks(recipe.model, command, head).to(processes.device)
    task = FgPortraitTask(
        networks,
        clips,
        head,
        recipe.samples,
        seed=settings.seed,
        check_clips=checks,
        recogniser=recogniser,
        beside=folders_beside(command),
    )
    run_training(task, settings, command, processes, num_clips=len(task.clips), watch=watch)


def chosen_recipe(command: TrainFgPortrait) -> Recipe:
    """The preset's recipe with the options in place of its own numbers.

    Raises:
        InputError: a number cannot be used.
    """
    recipe = RECIPES[command.preset](command.stage)
    if command.repair:
        recipe = with_repair(recipe)
    if command.size is not None:
        recipe = with_image_size(recipe, command.size)
    control = replace(
        recipe.model.control,
        background=command.background,
        lids=command.lids,
        offsets=command.offsets,
        sources=command.sources,
    )
    if command.recogniser is not None and not command.face_loss:
        raise InputError("--recogniser is for the loss on decoded faces: add --face-loss")
    if command.face_loss:
        recipe = with_face_loss(recipe, "on")
    width = None if command.image_encoder is None else load_image_encoder(command.image_encoder)[0].width
    sampling = replace(recipe.model.sampling, draft_by=command.draft)
    try:
        model = replace(recipe.model, control=control, image_token=width, sampling=sampling)
    except ValueError as error:
        raise InputError(f"{command.image_encoder} cannot be used: {error}") from error
    return replace(
        recipe,
        model=model,
        samples=replace(recipe.samples, sources=command.sources),
        training=asked_settings(recipe.training, command),
    )


def folders_beside(command: TrainFgPortrait) -> dict[str, Path]:
    """What the trained weights build on, by the names of the links to it."""
    known = {BASE: command.base, IMAGE_ENCODER: command.image_encoder}
    return {name: folder for name, folder in known.items() if folder is not None}


def first_networks(config: FgPortraitConfig, command: TrainFgPortrait, head: HeadModel) -> Networks:
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
    if command.image_encoder is not None:
        reports.append(read_image_encoder(networks, command.image_encoder))
    if command.start is not None:
        reports += load_training_weights(command.start, networks, head=head)
    elif command.stage == 2:
        raise InputError("stage 2 goes on from stage 1: give the weights folder of its run with --start")
    for report in reports:
        logger.info("%s", report.line)
    networks.freeze()
    return networks
