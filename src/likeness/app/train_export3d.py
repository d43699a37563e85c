"""Training Export3D from the command line: the recipe, the expression encoder, the model before the first step."""

from dataclasses import replace

from likeness.app.results import Watch, unwatched
from likeness.app.train import TrainExport3d
from likeness.app.training import asked_settings, open_folders, run_training, started_processes
from likeness.errors import InputError
from likeness.export3d.clebs import ExpressionEncoder
from likeness.export3d.config import ExpressionSettings
from likeness.export3d.expression import expression_size
from likeness.export3d.model import Export3dModel
from likeness.export3d.perceptual import Distance, load_lpips, plain_distance
from likeness.export3d.recipes import RECIPES, Recipe
from likeness.export3d.train import Export3dTask
from likeness.export3d.weights import load_encoder, load_start
from likeness.heads.library import open_head
from likeness.heads.model import HeadModel
from likeness.nn.face_recognition import load_recogniser


def train_export3d(command: TrainExport3d, *, watch: Watch = unwatched) -> None:
    """Train as the command says; ends the program with 130 or 143 where it was interrupted.

    Raises:
        LikenessError: clips, weights or settings cannot be used, or a file cannot be written.
    """
    head = open_head(command.head)
    recipe, encoder = chosen_recipe(command, head)
    distance = chosen_distance(command)
    recogniser = load_recogniser(command.recogniser) if command.recogniser is not None else None
    clips = open_folders(command.data, head)
    checks = open_folders([command.validation], head) if command.validation is not None else ()
    processes = started_processes(command, recipe.training)
    model = Export3dModel(recipe.model)
    if encoder is not None:
        model.expression = encoder
    if command.start is not None:
        load_start(command.start, model, head=head)
    task = Export3dTask(
        model.to(processes.device), clips, head, recipe, check_clips=checks, distance=distance, recogniser=recogniser
    )
    run_training(task, recipe.training, command, processes, num_clips=len(task.clips), watch=watch)


def chosen_recipe(command: TrainExport3d, head: HeadModel) -> tuple[Recipe, ExpressionEncoder | None]:
    """The preset's recipe with the options in place of its own numbers, and the expression encoder that was trained
    before, if there is one.

    Raises:
        InputError: a number cannot be used, or the encoder is missing or does not fit.
    """
    encoder = None
    if command.encoding == "clebs":
        if command.clebs is None:
            raise InputError(
                "Export3D needs an expression encoder: give the weights of `likeness train clebs` with --clebs, or "
                "train one along with --encoding lebs or direct"
            )
        expression, encoder = load_encoder(command.clebs, head=head)
    else:
        if command.clebs is not None:
            raise InputError(f"--clebs and --encoding {command.encoding} do not go together: leave one out")
        try:
            expression = ExpressionSettings(
                head=head.name,
                size=expression_size(head),
                gaze=command.gaze,
                encoding=command.encoding,
                basis=command.basis,
            )
        except ValueError as error:
            raise InputError(f"{error}: change --basis") from error
    recipe = RECIPES[command.preset](expression)
    lift = command.lift or command.mirror or recipe.model.lift
    model = replace(
        recipe.model,
        expression=expression if encoder is not None else recipe.model.expression,
        generator=replace(recipe.model.generator, conditioning=command.conditioning),
        background=command.background,
        lift=lift,
        mirror=command.mirror,
        plate=lift and command.background,
        drawn_mouth=lift,
        drawn_eyes=lift,
        fine_detail=lift,
        still_body=lift,
    )
    return replace(recipe, model=model, training=asked_settings(recipe.training, command)), encoder


def chosen_distance(command: TrainExport3d) -> Distance:
    """LPIPS where its weights are given, otherwise the plain distance.

    Raises:
        InputError: one of its files is missing, or is something else.
    """
    files = (command.lpips_backbone, command.lpips_linear)
    if None in files:
        if files != (None, None):
            raise InputError("the perceptual loss needs both --lpips-backbone and --lpips-linear")
        return plain_distance
    return load_lpips(*files)  # type: ignore[arg-type]  # neither is None
