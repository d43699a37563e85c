"""FG-Portrait behind the ablation machine: its recipe, task, drafts and drawing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from likeness.app.ablate import AblateFgPortrait
from likeness.app.ablation import DRAW_SEED, KnownScenes, TrainedRow, Workplace, run_ablation, warped
from likeness.app.results import Watch, unwatched
from likeness.app.train import TrainFgPortrait
from likeness.app.train_fg_portrait import chosen_recipe, first_networks
from likeness.data.clip import Clip
from likeness.data.pairs import draw_further_sources
from likeness.data.sample import Sample, shot_of
from likeness.errors import InputError
from likeness.evaluation.ablation_report import PROGRESS
from likeness.evaluation.report import Measure
from likeness.evaluation.results import Row
from likeness.evaluation.scene_scores import Image, Known
from likeness.evaluation.scenes import Scene
from likeness.evaluation.variants import Variant
from likeness.fg_portrait.drawing import draw_targets, mean_loss
from likeness.fg_portrait.published import PUBLISHED
from likeness.fg_portrait.recipes import Recipe
from likeness.fg_portrait.switches import TABLE
from likeness.fg_portrait.train import FgPortraitTask, with_drafts
from likeness.fg_portrait.weights import BASE, IMAGE_ENCODER, link_beside, load_networks, read_image_encoder
from likeness.heads.model import HeadModel
from likeness.nn.face_recognition import load_recogniser
from likeness.nn.foreign.clip_image import load_image_encoder

LOSS_DRAWS = 8  # noise levels at which each test scene is denoised


def ablate_fg_portrait(command: AblateFgPortrait, *, watch: Watch = unwatched) -> None:
    """Run the ablation as the command says.

    Raises:
        LikenessError: a row, the clips or weights cannot be used, or a file cannot be written.
    """
    run_ablation(command, command.rows, FgPortraitMethod(command), watch=watch)


class FgPortraitMethod:
    """Recipes of FG-Portrait to trained networks that draw scenes."""

    def __init__(self, command: AblateFgPortrait) -> None:
        self.title = f"fg-portrait {command.preset}"
        self.training = TrainFgPortrait(
            preset=command.preset,
            size=command.size,
            data=command.data,
            out=command.out,
            steps=command.steps,
            minutes=command.minutes,
            batch=command.batch,
            base=command.base,
            x_portrait=command.x_portrait,
            cpu=command.cpu,
        )
        self.image_encoder = command.image_encoder
        self.recogniser = None if command.recogniser is None else load_recogniser(command.recogniser)
        self.main: Recipe = chosen_recipe(self.training)
        self.image_size = self.main.model.image_size
        self.switches, self.published = TABLE, PUBLISHED
        self.progress: Sequence[Measure] = PROGRESS
        self._drafted: dict[str, Sample] = {}  # by the scene's name: drawn once for all rows
        self._tested: dict[str, Clip] = {}  # by name: where scenes find further pictures of their people

    def usable(self, clips: Sequence[Clip], recipes: Sequence[Recipe]) -> Sequence[Clip]:
        """Those with drafts, where a row works on them.

        Raises:
            InputError: there are none, or a row needs an image encoder, and there is none.
        """
        widths = {recipe.model.image_token for recipe in recipes} - {None}
        if widths and self.image_encoder is None:
            raise InputError("rows with image_token need CLIP's image encoder: give its folder with --image-encoder")
        if widths and self.image_encoder is not None:
            width = load_image_encoder(self.image_encoder)[0].width
            if widths != {width}:
                raise InputError(f"{self.image_encoder} gives {width} numbers: write the row as image_token={width}")
        return with_drafts(clips) if any(recipe.model.control.draft for recipe in recipes) else clips

    def testable(self, clips: Sequence[Clip], recipes: Sequence[Recipe]) -> Sequence[Clip]:
        """All: drafts of scenes are drawn as they are needed."""
        self._tested = {clip.header.name: clip for clip in clips}
        return clips

    def train(self, variant: Variant, recipe: Recipe, *, seed: int, folder: Path, place: Workplace) -> Row:
        """Networks in `folder / "weights"`; their steps and minutes."""

        def task() -> FgPortraitTask:
            networks = first_networks(recipe.model, self.training, place.head).to(place.device)
            if recipe.model.image_token is not None and self.image_encoder is not None:
                read_image_encoder(networks, self.image_encoder)
            return FgPortraitTask(
                networks, place.clips, place.head, recipe.samples, seed=seed, recogniser=self.recogniser
            )

        done = place.finish(f"{variant.name}, seed {seed}", folder, replace(recipe.training, seed=seed), task)
        if self.main.model.pretrained and self.training.base is not None:
            link_beside(folder / "weights", BASE, self.training.base)
        if recipe.model.image_token is not None and self.image_encoder is not None:
            link_beside(folder / "weights", IMAGE_ENCODER, self.image_encoder)
        return done

    def opened(self, folder: Path, recipe: Recipe, place: Workplace) -> TrainedRow:
        """The networks of a run folder, to draw as the recipe says."""
        config = recipe.model
        networks, _ = load_networks(folder / "weights", head=place.head)
        networks = networks.to(place.device)

        def sample(scene: Scene, known: Known) -> Sample:
            shown = self._with_draft(scene, known, place.head) if config.control.draft else scene.sample
            return self._with_further_sources(shown, config.control.sources - 1)

        def draw(scene: Scene, known: Known, number: int) -> Image:
            seed = DRAW_SEED + number
            return draw_targets(networks, sample(scene, known), place.head, config=config, seed=seed)[0]

        def loss(scenes: KnownScenes) -> float:
            samples = [sample(scene, known) for scene, known in scenes]
            return mean_loss(networks, samples, place.head, config=config, seed=DRAW_SEED, draws=LOSS_DRAWS)

        return TrainedRow(draw=draw, loss=loss)

    def _with_further_sources(self, sample: Sample, count: int) -> Sample:
        """The sample with further pictures of its person from its clip, none of them the one that is to be drawn."""
        if count < 1:
            return sample
        clip = self._tested[sample.clip]
        shown = [shot.frame.translation for shot in (sample.source, *sample.targets)]
        taken = [
            index
            for index, translation in enumerate(clip.motion.translation)
            if any(np.array_equal(translation, other) for other in shown)
        ]
        further = draw_further_sources(clip, np.random.default_rng(DRAW_SEED), count, taken)
        return replace(sample, more_sources=tuple(shot_of(clip, index, self.image_size) for index in further))

    def _with_draft(self, scene: Scene, known: Known, head: HeadModel) -> Sample:
        """The scene's sample for networks that work on drafts, whether its clip has one or not."""
        if scene.name not in self._drafted:
            target = replace(scene.target, draft=warped(scene, known, head))
            self._drafted[scene.name] = replace(scene.sample, targets=(target,))
        return self._drafted[scene.name]
