"""CLeBS from the command line: its training, and the table that tells whether the person is gone."""

from dataclasses import replace
from pathlib import Path

from likeness.app.console import say
from likeness.app.results import Watch, unwatched
from likeness.app.train import TrainClebs
from likeness.app.training import asked_settings, open_folders, run_training, started_processes
from likeness.data.held_out import hold_out
from likeness.errors import InputError
from likeness.evaluation.report import to_markdown, without_item_tables, write_report
from likeness.export3d.clebs_acceptance import NAME, clebs_report
from likeness.export3d.clebs_people import LEAST_FRAMES, LEAST_PEOPLE, AcceptanceOptions, read_people
from likeness.export3d.clebs_recipes import CLEBS_RECIPES, ClebsRecipe
from likeness.export3d.clebs_train import ClebsTask
from likeness.export3d.clebs_weights import load_clebs
from likeness.files import made_folder
from likeness.heads.builtin import NAME as BUILTIN
from likeness.heads.library import open_head
from likeness.heads.model import HeadModel
from likeness.media.images import write_image

PICTURE = f"{NAME}.png"


def train_clebs(command: TrainClebs, *, watch: Watch = unwatched) -> None:
    """Train as the command says; ends the program with 130 or 143 where it was interrupted.

    Raises:
        LikenessError: clips or settings cannot be used, or a file cannot be written.
    """
    head = open_head(command.head)
    recipe = asked_recipe(command, head)
    clips = open_folders(command.data, head)
    if command.validation is None:
        clips, checks = hold_out(clips)
    else:
        checks = open_folders([command.validation], head)
    processes = started_processes(command, recipe.training)
    task = ClebsTask(recipe, clips, head, device=processes.device, check_clips=checks)
    if processes.is_first and len(task.clips) < len(clips):
        say(f"{len(clips) - len(task.clips)} of {len(clips)} clips are left out: too short, or hardly any expression")
    run_training(task, recipe.training, command, processes, num_clips=len(task.clips), watch=watch)


def asked_recipe(command: TrainClebs, head: HeadModel) -> ClebsRecipe:
    """The preset's recipe with the options in place of its own numbers.

    Raises:
        InputError: a number cannot be used.
    """
    recipe = CLEBS_RECIPES[command.preset](head, gaze=command.gaze)
    try:
        if command.basis is not None:
            recipe = replace(recipe, expression=replace(recipe.expression, basis=command.basis))
        temperature = recipe.contrast.temperature if command.temperature is None else command.temperature
        contrast = replace(
            recipe.contrast, temperature=temperature, include_positive=command.include_positive,
            symmetric=command.symmetric, mixed=command.mixed,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"{error}: change --basis or --temperature") from error
    return replace(recipe, contrast=contrast, training=asked_settings(recipe.training, command))


def evaluate_clebs(
    weights: Path,
    data: tuple[Path, ...],
    *,
    out: Path,
    frames: int,
    limit: int | None = None,
    head: str | Path = BUILTIN,
    watch: Watch = unwatched,
) -> None:
    """Say and write the acceptance table of a trained expression encoder on people whom it has not seen.

    Raises:
        LikenessError: weights or clips cannot be used, too few people are left, or a file cannot be written.
    """
    if frames < LEAST_FRAMES or (limit is not None and limit < LEAST_PEOPLE):
        raise InputError(
            f"--frames must be at least {LEAST_FRAMES} and --limit at least {LEAST_PEOPLE}, got {frames} and {limit}"
        )
    options = AcceptanceOptions(frames=frames, limit=limit)
    model = open_head(head)
    clebs = load_clebs(weights, head=model)
    people = read_people(clebs, open_folders(data, model), model, options=options, watch=watch)
    folder = made_folder(out)
    report, picture = clebs_report(clebs, people)
    paths = write_report(report, folder, NAME)
    write_image(folder / PICTURE, picture, overwrite=True)
    say(to_markdown(without_item_tables(report)))
    for path in (*paths, folder / PICTURE):
        say(str(path))
