"""Export3D behind the ablation machine: both trainings of a row, mattes, drawing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from likeness.app.ablate import AblateExport3d
from likeness.app.ablation import KnownScenes, TrainedRow, Workplace, run_ablation
from likeness.app.results import Watch, unwatched
from likeness.app.train import TrainClebs, TrainExport3d
from likeness.app.train_export3d import chosen_distance
from likeness.app.training import asked_settings
from likeness.data.clip import Clip
from likeness.errors import InputError
from likeness.evaluation.ablation_report import PROGRESS
from likeness.evaluation.report import Measure
from likeness.evaluation.results import Row
from likeness.evaluation.scene_scores import Image, Known
from likeness.evaluation.scenes import Scene
from likeness.evaluation.variants import Variant
from likeness.export3d.clebs_recipes import CLEBS_RECIPES
from likeness.export3d.clebs_train import ClebsTask
from likeness.export3d.config import ExpressionSettings
from likeness.export3d.drawing import draw_target, mean_loss
from likeness.export3d.expression import expression_size
from likeness.export3d.model import Export3dModel
from likeness.export3d.published import PUBLISHED
from likeness.export3d.recipes import RECIPES
from likeness.export3d.switches import CONTRAST, TABLE, Trainings, encoder_part, trainings_of
from likeness.export3d.train import Export3dTask
from likeness.export3d.weights import load_encoder, load_model
from likeness.heads.builtin import builtin_head
from likeness.heads.model import HeadModel

ENCODERS = {name: name.partition("_")[0] for name in RECIPES}  # presets of encoders by presets of models
ENCODER_PROGRESS = (
    Measure(key="encoder_steps", title="encoder's steps", digits=0),
    Measure(key="encoder_minutes", title="encoder's minutes", digits=1),
)


def ablate_export3d(command: AblateExport3d, *, watch: Watch = unwatched) -> None:
    """Run the ablation as the command says.

    Raises:
        LikenessError: a row, the clips or weights cannot be used, or a file cannot be written.
    """
    run_ablation(command, command.rows, Export3dMethod(command, builtin_head()), watch=watch)


class Export3dMethod:
    """Recipes of Export3D to trained models that draw scenes."""

    def __init__(self, command: AblateExport3d, head: HeadModel) -> None:
        self.title = f"export3d {command.preset}"
        self.main = main_trainings(command, head)
        self.distance = chosen_distance(_training(command))
        self.image_size = self.main.model.model.image_size
        self.switches, self.published = TABLE, PUBLISHED
        self.progress: Sequence[Measure] = (*PROGRESS, *ENCODER_PROGRESS)

    def usable(self, clips: Sequence[Clip], recipes: Sequence[Trainings]) -> Sequence[Clip]:
        """Those with mattes, where a row reads photos with them.

        Raises:
            InputError: there are none.
        """
        if not any(recipe.model.model.needs_matte for recipe in recipes):
            return clips
        chosen = [clip for clip in clips if set(clip.header.sources) <= set(clip.header.matted)]
        if not chosen:
            raise InputError(
                "a background layer and lifted features need mattes, which none of the "
                f"{len(clips)} clips has: make people with `likeness data people`"
            )
        return chosen

    def testable(self, clips: Sequence[Clip], recipes: Sequence[Trainings]) -> Sequence[Clip]:
        """The same.

        Raises:
            InputError: there are none.
        """
        return self.usable(clips, recipes)

    def train(self, variant: Variant, recipe: Trainings, *, seed: int, folder: Path, place: Workplace) -> Row:
        """A model in `folder / "weights"`, after its expression encoder; steps and minutes of both."""
        encoder, done = None, Row()
        if recipe.has_encoder:
            encoder = encoder_part(variant)
            run = place.folder / "encoders" / encoder.name / f"seed-{seed}"
            done = self._train_encoder(encoder, recipe, seed=seed, folder=run, place=place)

        def task() -> Export3dTask:
            model = Export3dModel(recipe.model.model)
            if encoder is not None:
                _, model.expression = load_encoder(run / "weights", head=place.head)
            return Export3dTask(model.to(place.device), place.clips, place.head, seeded, distance=self.distance)

        seeded = replace(recipe.model, training=replace(recipe.model.training, seed=seed))
        return done | place.finish(f"{variant.name}, seed {seed}", folder, seeded.training, task)

    def opened(self, folder: Path, recipe: Trainings, place: Workplace) -> TrainedRow:
        """The model of a run folder."""
        model = load_model(folder / "weights", head=place.head).to(place.device)
        losses = self.main.model.losses  # the same for all rows

        def draw(scene: Scene, known: Known, number: int) -> Image:
            return draw_target(model, scene.sample, place.head)

        def loss(scenes: KnownScenes) -> float:
            samples = [scene.sample for scene, _ in scenes]
            return mean_loss(model, samples, place.head, losses=losses, distance=self.distance)

        return TrainedRow(draw=draw, loss=loss)

    def _train_encoder(self, variant: Variant, recipe: Trainings, *, seed: int, folder: Path, place: Workplace) -> Row:
        """An expression encoder in `folder / "weights"`; rows that differ in other things alone share it."""
        seeded = replace(recipe.encoder, training=replace(recipe.encoder.training, seed=seed))
        done = place.finish(
            f"expression encoder of {variant.name}, seed {seed}",
            folder,
            seeded.training,
            lambda: ClebsTask(seeded, place.clips, place.head, device=place.device),
        )
        return {f"encoder_{key}": value for key, value in done.items()}


def main_trainings(command: AblateExport3d, head: HeadModel) -> Trainings:
    """Both trainings of the preset as it is, with the options in place of its own numbers.

    Raises:
        InputError: a number cannot be used.
    """
    expression = ExpressionSettings(head=head.name, size=expression_size(head), encoding=CONTRAST)
    recipe = RECIPES[command.preset](expression)
    recipe = replace(recipe, training=asked_settings(recipe.training, _training(command)))
    encoder = CLEBS_RECIPES[ENCODERS[command.preset]](head)
    asked = TrainClebs(
        preset="tiny", data=command.data, out=command.out, steps=command.clebs_steps, minutes=command.clebs_minutes
    )  # only its length is read
    try:
        return trainings_of(recipe, replace(encoder, training=asked_settings(encoder.training, asked)))
    except InputError as error:
        raise InputError(str(error).replace("--", "--clebs-", 1)) from error


def _training(command: AblateExport3d) -> TrainExport3d:
    """The training command of a row, but for its switches."""
    return TrainExport3d(
        preset=command.preset,
        data=command.data,
        out=command.out,
        steps=command.steps,
        minutes=command.minutes,
        batch=command.batch,
        lpips_backbone=command.lpips_backbone,
        lpips_linear=command.lpips_linear,
        cpu=command.cpu,
    )
