"""What an ablation of Export3D varies (section 8.3, and what we add); how rows are named: `evaluation/variants.py`.

A row is two trainings: the expression encoder by contrast, where the row has one, and then the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, get_args

from likeness.errors import InputError
from likeness.evaluation.variants import Switch as AnySwitch
from likeness.evaluation.variants import SwitchTable, Variant, choice, on_off
from likeness.export3d.clebs_recipes import ClebsRecipe
from likeness.export3d.config import Conditioning, ExpressionSettings, GeneratorSettings, UpMode
from likeness.export3d.recipes import Recipe

DIRECT: Final = "direct"
END_TO_END: Final = "lebs"
CONTRAST: Final = "clebs"
NEGATIVES = ("video", "mixed")  # of the contrast: other frames of the same video, or of all videos
LIFTS = ("off", "on", "mirror")  # mirror: hidden places are read on the other half of the head
AVERAGE, LOW_PASS = 0.999, 1.0  # of a generator that has them, see `GeneratorSettings`


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """Everything that decides a row."""

    model: Recipe
    encoder: ClebsRecipe  # of the same expression; it counts where the model's encoding is `clebs`

    def __post_init__(self) -> None:
        if self.encoder.expression != replace(self.model.model.expression, encoding=CONTRAST):
            raise ValueError("encoder and model must be of one expression")

    @property
    def has_encoder(self) -> bool:
        """Whether an expression encoder is trained first."""
        return self.model.model.expression.encoding == CONTRAST


Switch: TypeAlias = AnySwitch[Trainings]


def trainings_of(model: Recipe, encoder: ClebsRecipe) -> Trainings:
    """A model's recipe with that of an encoder, which gets the model's expression and its width."""
    expression = replace(model.model.expression, encoding=CONTRAST)
    image = replace(encoder.image, width=expression.width)
    return Trainings(model=model, encoder=replace(encoder, expression=expression, image=image))


def encoder_part(variant: Variant) -> Variant:
    """The row with those of its changes alone that its expression encoder depends on: such rows share it."""
    return variant.only(ENCODER_SWITCHES.__contains__)


def _check(variant: Variant, recipe: Trainings, main: Trainings) -> None:
    """Changes that do not go together.

    Raises:
        InputError: there are some.
    """
    if not recipe.has_encoder and recipe.encoder.contrast != main.encoder.contrast:
        raise InputError(f"the row {variant.name} cannot be made: it has no expression encoder with negatives")


def _with_expression(recipe: Trainings, **changes: Any) -> Trainings:
    expression = replace(recipe.model.model.expression, **changes)
    model = replace(recipe.model, model=replace(recipe.model.model, expression=expression))
    return trainings_of(model, recipe.encoder)


def _with_model(recipe: Trainings, **changes: Any) -> Trainings:
    return replace(recipe, model=replace(recipe.model, model=replace(recipe.model.model, **changes)))


def _with_lift(recipe: Trainings, text: str) -> Trainings:
    return _with_model(recipe, lift=text != "off", mirror=text == "mirror")


def _with_generator(recipe: Trainings, **changes: Any) -> Trainings:
    return _with_model(recipe, generator=replace(recipe.model.model.generator, **changes))


def _generator(recipe: Trainings) -> GeneratorSettings:
    return recipe.model.model.generator


def _encoding_name(expression: ExpressionSettings) -> str:
    return DIRECT if expression.encoding == DIRECT else f"{expression.encoding}_{expression.basis}"


def _with_encoding(recipe: Trainings, text: str) -> Trainings:
    if text == DIRECT:
        return _with_expression(recipe, encoding=DIRECT)
    encoding, _, count = text.partition("_")
    if encoding not in (END_TO_END, CONTRAST) or not count.isdecimal():
        raise InputError(f"{text} is none of {DIRECT}, {END_TO_END}_N and {CONTRAST}_N, N the directions")
    return _with_expression(recipe, encoding=encoding, basis=int(count))


def _with_negatives(recipe: Trainings, text: str) -> Trainings:
    contrast = replace(recipe.encoder.contrast, mixed=choice(text, NEGATIVES) == "mixed")
    return replace(recipe, encoder=replace(recipe.encoder, contrast=contrast))


def _with_density(recipe: Trainings, text: str) -> Trainings:
    weight = float(text)
    if not 0.0 <= weight < float("inf"):
        raise InputError(f"the weight of the density term starts at 0, not {text}")
    return replace(recipe, model=replace(recipe.model, losses=replace(recipe.model.losses, density=weight)))


def _generator_choice(field: str, values: tuple[str, ...]) -> Switch:
    return Switch(
        values=values,
        read=lambda recipe: str(getattr(_generator(recipe), field)),
        change=lambda recipe, text: _with_generator(recipe, **{field: choice(text, values)}),
    )


def _generator_strength(field: str, strength: float) -> Switch:
    """Something that a generator has at one strength, or not at all."""
    change: Callable[[Trainings, bool], Trainings] = lambda recipe, is_on: _with_generator(  # noqa: E731
        recipe, **{field: strength if is_on else 0.0}
    )
    return on_off(lambda recipe: getattr(_generator(recipe), field) > 0.0, change)


SWITCHES: dict[str, Switch] = {
    "expr": Switch(
        values=(DIRECT, *(f"{encoding}_{count}" for encoding in (END_TO_END, CONTRAST) for count in (5, 10, 25))),
        read=lambda recipe: _encoding_name(recipe.model.model.expression),
        change=_with_encoding,
    ),
    "clebs_negatives": Switch(
        values=NEGATIVES, read=lambda recipe: NEGATIVES[recipe.encoder.contrast.mixed], change=_with_negatives
    ),
    "cond": _generator_choice("conditioning", get_args(Conditioning)),
    "up_mode": _generator_choice("up_mode", get_args(UpMode)),
    "density": Switch(
        values=("0", "0.25"), read=lambda recipe: f"{recipe.model.losses.density:g}", change=_with_density
    ),
    "x_tema": _generator_strength("average", AVERAGE),
    "x_low_pass": _generator_strength("low_pass", LOW_PASS),
    "x_hires_skip": on_off(
        lambda recipe: _generator(recipe).high_resolution_skip,
        lambda recipe, is_on: _with_generator(recipe, high_resolution_skip=is_on),
    ),
    "x_background": on_off(
        lambda recipe: recipe.model.model.background, lambda recipe, is_on: _with_model(recipe, background=is_on)
    ),
    "x_lift": Switch(
        values=LIFTS,
        read=lambda recipe: LIFTS[recipe.model.model.lift + recipe.model.model.mirror],
        change=lambda recipe, text: _with_lift(recipe, choice(text, LIFTS)),
    ),
    "x_gaze": on_off(
        lambda recipe: recipe.model.model.expression.gaze, lambda recipe, is_on: _with_expression(recipe, gaze=is_on)
    ),
}
ENCODER_SWITCHES = frozenset({"expr", "clebs_negatives", "x_gaze"})
TABLE = SwitchTable(switches=SWITCHES, check=_check)
