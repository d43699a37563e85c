"""The command `likeness evaluate`: measures renderers and what others produced, and writes tables and a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, UseAppendAction, arg

from likeness.app.console import EXIT_INTERRUPTED, complain, say, watch
from likeness.app.evaluate_plan import Plan, open_items, open_setup
from likeness.app.options import Folder, Pixels, Rendering
from likeness.errors import InputError
from likeness.nn.shipped import shipped_weights

if TYPE_CHECKING:
    from likeness.evaluation.html_report import Outline
    from likeness.evaluation.report import Report

LEAST_SIZE = 32  # pixels of the square around the head
Protocol = Literal["self", "zero", "cross", "edits", "peers", "noise", "views", "sheets", "peer-sheets"]
WITH_OUTSIDE = ("self", "cross")  # protocols that others can run with programs of their own
ONE_PROCESS = (
    "sheets",
    "peer-sheets",
    "tables",
    "clebs",
    "people",
)  # they are not made of items that could be shared out
MOST_JOBS = 256
TABLES_FILE = "tables.md"
EXIT_WITH_PROBLEMS = 1  # something failed or was missing, everything else was scored


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure a renderer on real photos and clips, beside copying the photo; a stopped run goes on where it ended.

    self: a clip drives its own first frame, beside flow-warp blurred as well; zero: the photo's own pose gives the
    photo back; cross: twenty portraits, five clips of others, and these begun at ten frames; edits: asked turns and
    controls, seen again; peers: beside published outputs; noise: what the tracker itself is off by; views: a ring of
    cameras around portraits; sheets, peer-sheets: pictures for looking at; tables: one page of what these have left
    in --out. On clips
    (--data) of people unknown to trained weights (--weights): clebs: what an expression encoder still tells of the
    person; people: what Export3D makes of them.
    """

    protocol: Positional[Protocol | Literal["tables", "clebs", "people"]]
    data: Path | None = None  # folder of the material; otherwise LIKENESS_DATA, or ../shared/data beside a checkout
    limit: int | None = None  # only the first clips, portraits or pairs
    frames: int = 120  # of each clip at most
    out: Path = Path("results")  # folder for tables, rows and sheets; made if missing
    size: Pixels = None
    """photos and clips are first reduced until the square around the head has this side: the resolution of a model"""
    outside: Annotated[tuple[Path, ...], UseAppendAction, arg(metavar="FOLDER")] = ()
    """with self and cross: what another program made, CLIP.mp4 or CLIP/000000.png (cross: PHOTO_CLIP); repeatable"""
    networks: Folder = None  # folder of judging networks: LPIPS, ArcFace; their measures are "not installed" without
    jobs: int = 1  # processes that measure clips, portraits or pairs side by side, one thread each; same numbers
    absolute: FlagCreatePairsOff[bool] = False  # cross: the driver's pose and expression as they are, as papers compare
    rendering: Annotated[Rendering, arg(name="")] = field(default_factory=Rendering)

    def run(self) -> None:
        if self.protocol != "clebs" and self.rendering.head is not None:
            raise InputError(f"{self.protocol} is measured with the built-in head: leave --head out")
        if not 1 <= self.jobs <= MOST_JOBS:
            raise InputError(f"--jobs is {self.jobs}: give 1 to {MOST_JOBS}")
        if self.jobs > 1 and self.protocol in ONE_PROCESS:
            raise InputError(f"{self.protocol} runs in one process: leave --jobs out")
        if self.protocol == "tables":
            write_tables(self.out)
            return
        if self.protocol == "clebs" or self.protocol == "people":
            self._run_on_clips(self.protocol)
            return
        plan = Plan(
            data=self.data, limit=self.limit, frames=self.frames, out=self.out, size=self.size,
            rendering=self.rendering, outside=self.outside, networks=self.networks, absolute=self.absolute,
        )  # fmt: skip
        try:
            evaluate(self.protocol, plan, jobs=self.jobs)
        except KeyboardInterrupt as error:
            complain(f"stopped; what was measured is kept in {self.out}, and the same command goes on")
            raise SystemExit(EXIT_INTERRUPTED) from error

    def _run_on_clips(self, protocol: str) -> None:
        weights = self.rendering.weights
        if weights is None and protocol == "people" and self.data is not None:
            weights = shipped_weights("export3d")
        if self.data is None or weights is None:
            trained = "clebs" if protocol == "clebs" else "export3d"
            raise InputError(
                f"give clips with --data and the weights folder of `likeness train {trained}` with --weights"
            )
        from likeness.nn.require import require_models

        require_models(f"likeness evaluate {protocol}")
        if protocol == "people":
            from likeness.app.evaluate_people import evaluate_people

            evaluate_people(weights, self.data, out=self.out, limit=self.limit, watch=watch)
            return
        from likeness.app.clebs import evaluate_clebs

        evaluate_clebs(
            weights, (self.data,), out=self.out, frames=self.frames, limit=self.limit,
            head=self.rendering.head or "builtin", watch=watch,
        )  # fmt: skip


def evaluate(protocol: Protocol, plan: Plan, *, jobs: int = 1) -> None:
    """Runs one protocol; tables go to stdout, tables, rows and a page into the folder `plan.out`.

    Raises:
        LikenessError: the material, an optional package or the folder to write to is missing.
        SystemExit: with 1, at the end, where items failed or are missing; the others are scored.
    """
    if plan.frames < 10 or (plan.limit is not None and plan.limit < 1):
        raise InputError(f"--frames must be at least 10 and --limit at least 1, got {plan.frames} and {plan.limit}")
    if plan.size is not None and plan.size < LEAST_SIZE:
        raise InputError(f"--size is {plan.size}: give {LEAST_SIZE} pixels or more")
    if plan.outside and protocol not in WITH_OUTSIDE:
        raise InputError(f"--outside is for {' and '.join(WITH_OUTSIDE)}: {protocol} needs the renderer itself")
    if plan.absolute and protocol != "cross":
        raise InputError(f"--absolute is for cross: leave it out with {protocol}")
    from likeness.app.renderers import check_rendering

    check_rendering(plan.rendering)
    from likeness.evaluation.html_report import Outline
    from likeness.evaluation.protocols import (
        cross_reenactment,
        edits,
        first_frame,
        free_view,
        noise,
        peers,
        self_reenactment,
        sheets,
        zero_motion,
    )
    from likeness.evaluation.workers import in_processes
    from likeness.files import made_folder

    setup = open_setup(plan)
    if jobs > 1:
        setup = replace(setup, measure_items=partial(in_processes, count=jobs, open_items=partial(open_items, plan)))
    folder = made_folder(plan.out)
    match protocol:
        case "sheets":
            _say_paths(sheets.run(setup, made_folder(folder / "sheets"), watch))
        case "peer-sheets":
            _say_paths(peers.write_sheets(setup, made_folder(folder / "peer_sheets")))
        case "self":
            report = self_reenactment.run(setup, folder, watch)
            _publish([(report, self_reenactment.NAME, self_reenactment.outline(report, setup, folder))], folder)
        case "zero":
            report = zero_motion.run(setup, folder, watch)
            _publish([(report, zero_motion.NAME, Outline(measures=zero_motion.MEASURES))], folder)
        case "edits":
            report = edits.run(setup, folder, watch)
            _publish([(report, edits.NAME, edits.outline(report, setup, folder))], folder)
        case "peers":
            report = peers.run(setup, folder, watch)
            _publish([(report, peers.NAME, peers.outline(report, setup, folder))], folder)
        case "noise":
            report = noise.run(setup, folder, watch)
            _publish([(report, noise.NAME, Outline(measures=noise.NOISE))], folder)
        case "views":
            from likeness.app.evaluate_views import turned_views

            report = free_view.run(setup, turned_views(plan.rendering), folder, watch)
            _publish([(report, free_view.NAME, free_view.outline(report, setup, folder))], folder)
        case "cross":
            report = cross_reenactment.run(setup, folder, watch)
            outline = cross_reenactment.outline(report, setup, folder)
            again = first_frame.run(setup, folder, watch)
            _publish([(report, cross_reenactment.NAME, outline), (again, first_frame.NAME, None)], folder)


def write_tables(folder: Path) -> None:
    """Writes and says TABLES_FILE: what the protocols have left in a folder, on one page.

    Raises:
        LikenessError: they left nothing there, or the page cannot be written.
    """
    from likeness.evaluation.benchmark_tables import benchmark_page
    from likeness.files import atomic_output

    text = benchmark_page(folder)
    with atomic_output(folder / TABLES_FILE, overwrite=True) as partial:
        partial.write_text(text, encoding="utf-8")
    say(text)
    _say_paths([folder / TABLES_FILE])


def _publish(reports: "Sequence[tuple[Report, str, Outline | None]]", folder: Path) -> None:
    """Writes reports; says their tables, except those of single items, where they lie, and what went wrong.

    Raises:
        SystemExit: with 1, where something went wrong.
    """
    from likeness.evaluation.html_report import report_page
    from likeness.evaluation.outside import problems
    from likeness.evaluation.report import to_markdown, without_item_tables, write_report
    from likeness.files import atomic_output

    troubles: list[str] = []
    for report, name, outline in reports:
        paths = list(write_report(report, folder, name))
        if outline is not None:
            paths.append(folder / f"{name}.html")
            with atomic_output(paths[-1], overwrite=True) as partial:
                partial.write_text(report_page(report, outline), encoding="utf-8")
        say(to_markdown(without_item_tables(report)))
        _say_paths(paths)
        troubles += problems(report.rows)
    for line in troubles:
        complain(line)
    if troubles:
        complain(f"{len(troubles)} problems; everything else was scored")
        raise SystemExit(EXIT_WITH_PROBLEMS)


def _say_paths(paths: Sequence[Path]) -> None:
    for path in paths:
        say(str(path))
