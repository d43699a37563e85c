"""Ablations from the command line: each row is trained, its pictures are scored, and what is finished stays."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from likeness.app.ablate import Ablate
from likeness.app.console import say, say_table
from likeness.app.results import Watch, unwatched
from likeness.app.train import TrainFgPortrait
from likeness.app.train_fg_portrait import chosen_recipe, first_networks
from likeness.app.training import open_folders
from likeness.data.clip import Clip
from likeness.data.held_out import hold_out
from likeness.data.sample import Sample
from likeness.errors import InputError
from likeness.evaluation.controls import blurred
from likeness.evaluation.identity import is_available, load_embedder
from likeness.evaluation.report import Report, write_report
from likeness.evaluation.results import Item, Row, run_items
from likeness.evaluation.scene_scores import Draw, Image, Known, SceneScorer, score_scenes, usable_scenes
from likeness.evaluation.scenes import Scene, cross_scenes, scenes_digest, self_scenes
from likeness.fg_portrait.ablation_report import ablation_report
from likeness.fg_portrait.drawing import draw_targets, mean_loss
from likeness.fg_portrait.recipes import Recipe
from likeness.fg_portrait.switches import Variant, parse_variants, variant_recipe
from likeness.fg_portrait.train import FgPortraitTask, with_drafts
from likeness.fg_portrait.weights import BASE, load_networks
from likeness.files import atomic_output, made_folder
from likeness.flow_warp import prepare, render
from likeness.heads.builtin import builtin_head
from likeness.heads.model import HeadModel
from likeness.nn.json_record import record_to_json
from likeness.tracking.portrait import Portrait
from likeness.training.loop import train
from likeness.training.processes import Processes
from likeness.training.run_folder import first_difference

NAME = "ablation"
SETTINGS, FINISHED = "settings.json", "finished.json"
COPY, FLOW_WARP, BLURRED = "copying the source", "flow-warp", "flow-warp blurred"
LOSS_DRAWS = 8  # noise levels at which each test scene is denoised
ONCE = 10**9  # steps between validations: there is one at the end
NOISE_SEED = 20_260_200  # of drawn pictures: every row starts from the same noise


def run_ablation(command: Ablate, *, watch: Watch = unwatched) -> None:
    """Train and score every row for every seed, then write and show the tables.

    Raises:
        LikenessError: a row, the clips or weights cannot be used, or a file cannot be written.
    """
    if command.seeds < 1 or command.scenes < 2:
        raise InputError(f"--seeds starts at 1 and --scenes at 2, got {command.seeds} and {command.scenes}")
    main = chosen_recipe(_training(command, seed=0))
    variants = parse_variants(command.rows, main)
    head = builtin_head()
    clips = open_folders(command.data, head)
    if command.test is None:
        clips, held = hold_out(clips)
    else:
        held = open_folders([command.test], head)
    if any(variant_recipe(variant, main).model.control.draft for variant in variants):
        clips = with_drafts(clips)  # for all rows alike
    with SceneScorer(head, load_embedder() if is_available() else None) as scorer:
        ablation = Ablation(command, main, head, clips, held, scorer, watch)
        report = ablation.run(variants)
    paths = write_report(report, command.out, NAME)
    for table in report.tables:
        say_table(table.title, table.header, table.rows)
    for path in paths:
        say(str(path))


class Ablation:
    """One folder of rows, and what they share: clips, test scenes, the scorer."""

    def __init__(
        self,
        command: Ablate,
        main: Recipe,
        head: HeadModel,
        clips: Sequence[Clip],
        held: Sequence[Clip],
        scorer: SceneScorer,
        watch: Watch,
    ) -> None:
        self.command, self.main, self.head = command, main, head
        self.clips, self.scorer, self.watch = clips, scorer, watch
        size = main.model.image_size
        half = command.scenes // 2
        chosen = (
            *self_scenes(held, size=size, count=command.scenes - half),
            *cross_scenes(held, head, size=size, count=half),
        )
        self.settings = {
            "main": json.loads(json.dumps(record_to_json(replace(main, training=replace(main.training, seed=0))))),
            "clips": [clip.header.name for clip in clips],
            "scenes": scenes_digest(chosen),
        }
        _bind(command.out, self.settings)
        self.scenes = usable_scenes(scorer, watch(chosen, "test scenes", len(chosen)))
        self.num_chosen = len(chosen)
        on_cpu = command.cpu or not torch.cuda.is_available()
        self.processes = Processes(rank=0, count=1, device=torch.device("cpu" if on_cpu else "cuda"))

    def run(self, variants: Sequence[Variant]) -> Report:
        """All rows that are missing, and the report on all."""
        seeds = range(self.command.seeds)
        baselines: dict[str, Draw] = {
            COPY: lambda scene, known, number: scene.sample.source.image,
            FLOW_WARP: lambda scene, known, number: warped(scene, known, self.head),
            BLURRED: lambda scene, known, number: blurred(warped(scene, known, self.head)),
        }
        items = [Item(name=name, measure=partial(self._baseline, name, draw)) for name, draw in baselines.items()]
        names = {(variant.name, seed): f"{variant.name} seed {seed}" for seed in seeds for variant in variants}
        items += [
            Item(name=names[variant.name, seed], measure=partial(self._row, variant, seed))
            for seed in seeds
            for variant in variants
        ]
        fixed = {"scenes": self.settings["scenes"], "used": len(self.scenes)}
        measured = run_items(items, self.command.out / f"{NAME}.jsonl", fixed)
        rows = {row["item"]: row for row in measured}
        return ablation_report(
            title=f"Ablation of {self.command.method} {self.command.preset}",
            notes=self._notes(),
            main=self.main,
            variants=variants,
            rows={variant.name: [rows[names[variant.name, seed]] for seed in seeds] for variant in variants},
            baselines={name: [rows[name]] for name in baselines},
        )

    @cached_property
    def drafted(self) -> dict[str, Sample]:
        """The scenes' samples for networks that work on drafts, by name; drawn once for all rows."""
        return {scene.name: with_draft(scene, known, self.head) for scene, known in self.scenes}

    def _row(self, variant: Variant, seed: int) -> Row:
        """One training and its scores."""
        folder = self._trained(variant.trained, seed)
        config = variant_recipe(variant, self.main).model
        networks, _ = load_networks(folder / "weights", head=self.head)
        networks = networks.to(self.processes.device)

        def sample(scene: Scene) -> Sample:
            return self.drafted[scene.name] if config.control.draft else scene.sample

        def draw(scene: Scene, known: Known, number: int) -> Image:
            return draw_targets(networks, sample(scene), self.head, config=config, seed=NOISE_SEED + number)[0]

        say(f"{variant.name}, seed {seed}: scoring")
        scores = score_scenes(self.scorer, self.scenes, draw)
        own = [sample(scene) for scene, _ in self.scenes if scene.driver is None]
        if own:
            scores["loss"] = mean_loss(networks, own, self.head, config=config, seed=NOISE_SEED, draws=LOSS_DRAWS)
        return json.loads((folder / FINISHED).read_text(encoding="utf-8")) | scores

    def _trained(self, variant: Variant, seed: int) -> Path:
        """The run folder of a row, trained to its end; ends the program where it was interrupted."""
        folder = self.command.out / "runs" / variant.name / f"seed-{seed}"
        if (folder / FINISHED).is_file():
            return folder
        say(f"{variant.name}, seed {seed}: training")
        training = _training(self.command, seed=seed)
        recipe = variant_recipe(variant, self.main)
        settings = replace(chosen_recipe(training).training, keep=1, validate_every=ONCE)
        torch.manual_seed(seed)  # fresh weights
        networks = first_networks(recipe.model, training, self.head).to(self.processes.device)
        task = FgPortraitTask(networks, self.clips, self.head, recipe.samples, seed=seed)
        outcome = train(task, settings, folder, self.processes, watch=self.watch)
        if outcome.exit_code is not None:
            place = f"{outcome.step} steps of {variant.name}, seed {seed}"
            say(f"stopped after {place}; the same command goes on from there")
            raise SystemExit(outcome.exit_code)
        if self.main.model.pretrained and self.command.base is not None:
            (folder / "weights" / BASE).symlink_to(self.command.base.resolve())
        done = {"steps": outcome.step, "minutes": outcome.elapsed_seconds / 60.0}
        with atomic_output(folder / FINISHED, overwrite=True) as partial_file:
            partial_file.write_text(json.dumps(done) + "\n", encoding="utf-8")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return folder

    def _baseline(self, name: str, draw: Draw) -> Row:
        say(f"{name}: scoring")
        return score_scenes(self.scorer, self.scenes, draw)

    def _notes(self) -> list[str]:
        kinds = sorted({clip.header.kind for clip in self.clips})
        own = sum(scene.driver is None for scene, _ in self.scenes)
        size = self.main.model.image_size
        return [
            f"{len(self.clips)} clips ({', '.join(kinds)}) of people who are not in the test; {size} x {size} pixels.",
            f"{own} test scenes with the person's own motion and {len(self.scenes) - own} with another's; "
            f"{self.num_chosen - len(self.scenes)} left out: no face is found in the source or the real picture.",
        ]


def warped(scene: Scene, known: Known, head: HeadModel) -> Image:
    """The default renderer's picture, from the same source square and the same numbers."""
    sample = scene.sample
    portrait = Portrait(
        image=sample.source.image,
        head=head,
        camera=sample.source.camera,
        shape=sample.shape,
        rest=sample.source.frame,
        landmarks=known.source.points,
        confidence=1.0,
    )
    return next(iter(render(prepare(portrait), [scene.target.frame], threads=1)))


def with_draft(scene: Scene, known: Known, head: HeadModel) -> Sample:
    """The scene's sample for networks that work on drafts, whether its clip has one or not."""
    return replace(scene.sample, targets=(replace(scene.target, draft=warped(scene, known, head)),))


def _training(command: Ablate, *, seed: int) -> TrainFgPortrait:
    """The training command of one row, but for its switches."""
    return TrainFgPortrait(
        preset=command.preset,
        data=command.data,
        out=command.out,
        steps=command.steps,
        minutes=command.minutes,
        batch=command.batch,
        base=command.base,
        x_portrait=command.x_portrait,
        seed=seed,
        cpu=command.cpu,
    )


def _bind(folder: Path, settings: dict[str, Any]) -> None:
    """Make the folder, or see that it was begun with the same settings: rows of different ones do not compare.

    Raises:
        InputError: it was begun with others.
        OutputError: it cannot be written.
    """
    path = made_folder(folder) / SETTINGS
    if not path.exists():
        with atomic_output(path, overwrite=False) as partial_file:
            partial_file.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        return
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: choose another --out") from error
    difference = first_difference(stored, settings)
    if difference is not None:
        raise InputError(f"{folder} was begun with other settings ({difference}): choose another --out")
