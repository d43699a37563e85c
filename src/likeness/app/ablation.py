"""Ablations from the command line: each row is trained, its pictures are scored, and what is finished stays.

What differs between methods is behind `Method`; see `ablate_fg_portrait.py` and `ablate_export3d.py`.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch

from likeness.app.ablate import AblationOptions
from likeness.app.console import say, say_table
from likeness.app.results import Watch, unwatched
from likeness.app.training import open_folders
from likeness.data.clip import Clip
from likeness.data.held_out import hold_out
from likeness.errors import InputError
from likeness.evaluation.ablation_report import Published, ablation_report
from likeness.evaluation.controls import blurred
from likeness.evaluation.identity import is_available, load_embedder
from likeness.evaluation.report import Measure, Report, write_report
from likeness.evaluation.results import Item, Row, run_items
from likeness.evaluation.scene_scores import Draw, Image, Known, SceneScorer, score_scenes, usable_scenes
from likeness.evaluation.scenes import Scene, cross_scenes, scenes_digest, self_scenes
from likeness.evaluation.variants import SwitchTable, Variant, parse_variants, variant_recipe
from likeness.files import atomic_output, made_folder
from likeness.flow_warp import prepare, render
from likeness.heads.builtin import builtin_head
from likeness.heads.model import HeadModel
from likeness.nn.json_record import record_to_json
from likeness.tracking.portrait import Portrait
from likeness.training.loop import train
from likeness.training.processes import Processes
from likeness.training.run_folder import first_difference
from likeness.training.settings import TrainSettings
from likeness.training.task import Task

NAME = "ablation"
SETTINGS, FINISHED = "settings.json", "finished.json"
COPY, FLOW_WARP, BLURRED = "copying the source", "flow-warp", "flow-warp blurred"
ONCE = 10**9  # steps between validations: there is one at the end
DRAW_SEED = 20_260_200  # of drawn pictures: every row starts from the same noise

Recipe = TypeVar("Recipe")
KnownScenes = Sequence[tuple[Scene, Known]]


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What the rows of one ablation share while they are trained."""

    folder: Path
    clips: Sequence[Clip]
    head: HeadModel
    device: torch.device
    watch: Watch

    def finish(self, label: str, folder: Path, settings: TrainSettings, make_task: Callable[[], Task]) -> Row:
        """Train in a run folder to its end, unless that has been done; ends the program where it was interrupted.

        Args:
            label: the training in words.
            make_task: with fresh weights.

        Returns:
            Its steps and minutes.
        """
        finished = folder / FINISHED
        if not finished.is_file():
            say(f"{label}: training")
            torch.manual_seed(settings.seed)
            settings = replace(settings, keep=1, validate_every=ONCE)
            processes = Processes(rank=0, count=1, device=self.device)
            outcome = train(make_task(), settings, folder, processes, watch=self.watch)
            if outcome.exit_code is not None:
                say(f"stopped after {outcome.step} steps of {label}; the same command goes on from there")
                raise SystemExit(outcome.exit_code)
            done = {"steps": outcome.step, "minutes": outcome.elapsed_seconds / 60.0}
            with atomic_output(finished, overwrite=True) as partial_file:
                partial_file.write_text(json.dumps(done) + "\n", encoding="utf-8")
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        row: Row = json.loads(finished.read_text(encoding="utf-8"))
        return row


@dataclass(frozen=True, kw_only=True)
class TrainedRow:
    """The networks of one row, ready to draw."""

    draw: Draw
    loss: Callable[[KnownScenes], float]  # the training objective on scenes with a truth


@runtime_checkable
class Method(Protocol[Recipe]):
    """What an ablation has to know of a method."""

    title: str  # its name and the preset's
    main: Recipe  # the preset as it is, with seed 0
    image_size: int
    switches: SwitchTable[Recipe]
    published: Published
    progress: Sequence[Measure]  # what tells how long a row was trained

    def usable(self, clips: Sequence[Clip], recipes: Sequence[Recipe]) -> Sequence[Clip]:
        """The clips that rows with all these recipes can be trained on.

        Raises:
            InputError: there are none.
        """

    def testable(self, clips: Sequence[Clip], recipes: Sequence[Recipe]) -> Sequence[Clip]:
        """The clips that they can be tested on.

        Raises:
            InputError: there are none.
        """

    def train(self, variant: Variant, recipe: Recipe, *, seed: int, folder: Path, place: Workplace) -> Row:
        """See to it that a row's weights are in its run folder; what tells how long that took."""

    def opened(self, folder: Path, recipe: Recipe, place: Workplace) -> TrainedRow:
        """The weights of a run folder, to draw as the recipe says."""


def run_ablation(command: AblationOptions, rows: str, method: Method[Recipe], *, watch: Watch = unwatched) -> None:
    """Train and score every row for every seed, then write and show the tables.

    Raises:
        LikenessError: a row, the clips or weights cannot be used, or a file cannot be written.
    """
    if command.seeds < 1 or command.scenes < 2:
        raise InputError(f"--seeds starts at 1 and --scenes at 2, got {command.seeds} and {command.scenes}")
    variants = parse_variants(rows, method.main, method.switches)
    head = builtin_head()
    clips = open_folders(command.data, head)
    if command.test is None:
        clips, held = hold_out(clips)
    else:
        held = open_folders([command.test], head)
    recipes = [variant_recipe(variant, method.main, method.switches) for variant in variants]
    clips, held = tuple(method.usable(clips, recipes)), tuple(method.testable(held, recipes))  # for all rows alike
    on_cpu = command.cpu or not torch.cuda.is_available()
    device = torch.device("cpu" if on_cpu else "cuda")
    place = Workplace(folder=command.out, clips=clips, head=head, device=device, watch=watch)
    with SceneScorer(head, load_embedder() if is_available() else None) as scorer:
        report = Ablation(command, method, place, held, scorer).run(variants)
    paths = write_report(report, command.out, NAME)
    for table in report.tables:
        say_table(table.title, table.header, table.rows)
    for path in paths:
        say(str(path))


class Ablation(Generic[Recipe]):
    """One folder of rows, and what they share: clips, test scenes, the scorer."""

    def __init__(
        self,
        command: AblationOptions,
        method: Method[Recipe],
        place: Workplace,
        held: Sequence[Clip],
        scorer: SceneScorer,
    ) -> None:
        self.command, self.method, self.place, self.scorer = command, method, place, scorer
        size = method.image_size
        half = command.scenes // 2
        chosen = (
            *self_scenes(held, size=size, count=command.scenes - half),
            *cross_scenes(held, place.head, size=size, count=half),
        )
        self.settings = {
            "main": json.loads(json.dumps(record_to_json(method.main))),
            "clips": [clip.header.name for clip in place.clips],
            "scenes": scenes_digest(chosen),
        }
        _bind(command.out, self.settings)
        self.scenes = usable_scenes(scorer, place.watch(chosen, "test scenes", len(chosen)))
        self.num_chosen = len(chosen)

    def run(self, variants: Sequence[Variant]) -> Report:
        """All rows that are missing, and the report on all."""
        seeds, head = range(self.command.seeds), self.place.head
        baselines: dict[str, Draw] = {
            COPY: lambda scene, known, number: scene.sample.source.image,
            FLOW_WARP: lambda scene, known, number: warped(scene, known, head),
            BLURRED: lambda scene, known, number: blurred(warped(scene, known, head)),
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
            title=f"Ablation of {self.method.title}",
            notes=self._notes(),
            published=self.method.published,
            main_values=self.method.switches.values(self.method.main),
            rows={variant.name: [rows[names[variant.name, seed]] for seed in seeds] for variant in variants},
            baselines={name: [rows[name]] for name in baselines},
            progress=self.method.progress,
        )

    def _row(self, variant: Variant, seed: int) -> Row:
        """One training and its scores."""
        method, main = self.method, self.method.main
        trained = method.switches.trained(variant)
        folder = self.command.out / "runs" / trained.name / f"seed-{seed}"
        recipe = variant_recipe(trained, main, method.switches)
        done = method.train(trained, recipe, seed=seed, folder=folder, place=self.place)
        row = method.opened(folder, variant_recipe(variant, main, method.switches), self.place)
        say(f"{variant.name}, seed {seed}: scoring")
        scores = score_scenes(self.scorer, self.scenes, row.draw)
        own = [pair for pair in self.scenes if pair[0].driver is None]
        if own:
            scores["loss"] = row.loss(own)
        return done | scores

    def _baseline(self, name: str, draw: Draw) -> Row:
        say(f"{name}: scoring")
        return score_scenes(self.scorer, self.scenes, draw)

    def _notes(self) -> list[str]:
        kinds = sorted({clip.header.kind for clip in self.place.clips})
        own = sum(scene.driver is None for scene, _ in self.scenes)
        size = self.method.image_size
        return [
            f"{len(self.place.clips)} clips ({', '.join(kinds)}) of people who are not in the test; "
            f"{size} x {size} pixels.",
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
