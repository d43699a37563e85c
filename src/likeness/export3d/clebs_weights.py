"""Weights folders of CLeBS: the frozen expression encoder, and beside it what only its tests need.

The folder itself is what Export3D's training takes (`weights.load_encoder`). Its subfolder `contrast` holds the image
encoders, the recipe, and which people were trained on, so that a test can leave them out.
"""

from dataclasses import dataclass
from pathlib import Path

from likeness.errors import InputError
from likeness.export3d.clebs import ExpressionEncoder
from likeness.export3d.clebs_recipes import ClebsRecipe
from likeness.export3d.image_encoder import ImageEncoder
from likeness.export3d.weights import ENCODER, ENCODER_METHOD
from likeness.heads.model import HeadModel
from likeness.nn.checkpoint import WeightsHeader, check_head, read_config, read_header, read_part, save_weights
from likeness.nn.load_report import load_tensors, tensors_of

CONTRAST_METHOD = "clebs-contrast"
FACES, EYES = "faces", "eyes"  # parts of the subfolder
CONTRAST = "contrast"  # subfolder


@dataclass(frozen=True, kw_only=True)
class ContrastConfig:
    """What the subfolder says."""

    recipe: ClebsRecipe
    persons: tuple[str, ...]  # who was trained on, see `data.held_out.person_of`


@dataclass(frozen=True, kw_only=True, slots=True)
class Clebs:
    """Both sides of the contrast after their training."""

    recipe: ClebsRecipe
    persons: tuple[str, ...]
    trained: str  # one line for people
    expression: ExpressionEncoder  # frozen
    faces: ImageEncoder
    eyes: ImageEncoder | None  # where the gaze counts


def save_clebs(folder: Path, clebs: Clebs, *, head: HeadModel, overwrite: bool = False) -> None:
    """Write a weights folder.

    Raises:
        OutputError: the folder exists, or cannot be written.
        ValueError: the expression encoder is not frozen.
    """
    if not clebs.expression.is_frozen:
        raise ValueError("only a frozen expression encoder is stored")

    def header(method: str, parts: tuple[str, ...]) -> WeightsHeader:
        return WeightsHeader(
            method=method, head_name=head.name, head_version=head.version, parts=parts, trained=clebs.trained
        )

    main = {ENCODER: tensors_of(clebs.expression)}
    beside = {FACES: tensors_of(clebs.faces)}
    if clebs.eyes is not None:
        beside[EYES] = tensors_of(clebs.eyes)
    config = ContrastConfig(recipe=clebs.recipe, persons=clebs.persons)
    save_weights(
        folder, main, header=header(ENCODER_METHOD, tuple(main)), config=clebs.recipe.expression, overwrite=overwrite
    )
    save_weights(
        folder / CONTRAST, beside, header=header(CONTRAST_METHOD, tuple(beside)), config=config, overwrite=overwrite
    )


def load_clebs(folder: Path, *, head: HeadModel) -> Clebs:
    """Both sides of a training on the CPU, in evaluation mode.

    Raises:
        InputError: the folder is not complete, belongs to another head, or its two halves to different trainings.
    """
    folder = Path(folder)
    header = read_header(folder)
    if header.method != ENCODER_METHOD:
        raise InputError(f"{folder} holds weights for {header.method}: give a folder made by `likeness train clebs`")
    check_head(header, head, folder)
    beside = read_header(folder / CONTRAST)
    config: ContrastConfig = read_config(folder / CONTRAST, ContrastConfig)
    recipe = config.recipe
    if (beside.method, beside.trained) != (CONTRAST_METHOD, header.trained):
        raise InputError(f"{folder} and its folder {CONTRAST} are of different trainings: copy the whole folder again")
    expression = ExpressionEncoder(recipe.expression).freeze()
    faces = ImageEncoder(recipe.image)
    eyes = ImageEncoder(recipe.image) if recipe.expression.gaze else None
    load_tensors(tensors_of(expression), read_part(folder, ENCODER), part=ENCODER)
    load_tensors(tensors_of(faces), read_part(folder / CONTRAST, FACES), part=FACES)
    if eyes is not None:
        load_tensors(tensors_of(eyes), read_part(folder / CONTRAST, EYES), part=EYES)
        eyes.eval().requires_grad_(False)
    return Clebs(
        recipe=recipe,
        persons=config.persons,
        trained=header.trained,
        expression=expression.eval(),
        faces=faces.eval().requires_grad_(False),
        eyes=eyes,
    )
