"""The command `likeness evaluate`: measures renderers and what others produced, and writes tables and a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from likeness.app.console import complain, say, watch
from likeness.app.options import Folder, Pixels, Rendering
from likeness.errors import InputError

if TYPE_CHECKING:
    from likeness.evaluation.html_report import Outline
    from likeness.evaluation.report import Report
    from likeness.evaluation.results import Value
    from likeness.evaluation.runner import Mode, Pieces
    from likeness.motion.record import Motion
    from likeness.tracking.portrait import Portrait

LEAST_SIZE = 32  # pixels of the square around the head
Protocol = Literal["self", "zero", "cross", "edits", "peers", "noise", "views", "sheets", "peer-sheets"]
WITH_OUTSIDE = ("self", "cross")  # protocols that others can run with programs of their own
EXIT_WITH_PROBLEMS = 1  # something failed or was missing, everything else was scored


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure a renderer on real photos and clips, beside copying the photo; a stopped run goes on where it ended.

    self: a clip drives its own first frame, beside flow-warp blurred as well; zero: the photo's own pose gives the
    photo back; cross: twenty portraits, five clips of others, and these begun at ten frames; edits: asked turns and
    controls, seen again; peers: beside published outputs; noise: what the tracker itself is off by; views: a ring of
    cameras around portraits; sheets, peer-sheets: pictures for looking at. On clips
    (--data) of people unknown to trained weights (--weights): clebs: what an expression encoder still tells of the
    person; people: what Export3D makes of them.
    """

    protocol: Positional[Protocol | Literal["clebs", "people"]]
    data: Path | None = None  # folder of the material; otherwise LIKENESS_DATA, or ../shared/data beside a checkout
    limit: int | None = None  # only the first clips, portraits or pairs
    frames: int = 120  # of each clip at most
    out: Path = Path("results")  # folder for tables, rows and sheets; made if missing
    size: Pixels = None
    """photos and clips are first reduced until the square around the head has this side: the resolution of a model"""
    outside: Annotated[tuple[Path, ...], UseAppendAction, arg(metavar="FOLDER")] = ()
    """with self and cross: what another program made, CLIP.mp4 or CLIP/000000.png (cross: PHOTO_CLIP); repeatable"""
    networks: Folder = None  # folder of judging networks: LPIPS, ArcFace; their measures are "not installed" without
    rendering: Annotated[Rendering, arg(name="")] = field(default_factory=Rendering)

    def run(self) -> None:
        if self.protocol != "clebs" and self.rendering.head is not None:
            raise InputError(f"{self.protocol} is measured with the built-in head: leave --head out")
        if self.protocol == "clebs" or self.protocol == "people":
            self._run_on_clips(self.protocol)
            return
        evaluate(
            self.protocol,
            data=self.data,
            limit=self.limit,
            frames=self.frames,
            out=self.out,
            size=self.size,
            rendering=self.rendering,
            outside=self.outside,
            networks=self.networks,
        )

    def _run_on_clips(self, protocol: str) -> None:
        if self.data is None or self.rendering.weights is None:
            trained = "clebs" if protocol == "clebs" else "export3d"
            raise InputError(
                f"give clips with --data and the weights folder of `likeness train {trained}` with --weights"
            )
        from likeness.nn.require import require_models

        require_models(f"likeness evaluate {protocol}")
        if protocol == "people":
            from likeness.app.evaluate_people import evaluate_people

            evaluate_people(self.rendering.weights, self.data, out=self.out, limit=self.limit, watch=watch)
            return
        from likeness.app.clebs import evaluate_clebs

        evaluate_clebs(
            self.rendering.weights, (self.data,), out=self.out, frames=self.frames, limit=self.limit,
            head=self.rendering.head or "builtin", watch=watch,
        )  # fmt: skip


def evaluate(
    protocol: Protocol,
    *,
    data: Path | None,
    limit: int | None,
    frames: int,
    out: Path,
    size: int | None = None,
    rendering: Rendering | None = None,
    outside: Sequence[Path] = (),
    networks: Path | None = None,
) -> None:
    """Runs one protocol; tables go to stdout, tables, rows and a page into `out`.

    Raises:
        LikenessError: the material, an optional package or the folder to write to is missing.
        SystemExit: with 1, at the end, where items failed or are missing; the others are scored.
    """
    if frames < 10 or (limit is not None and limit < 1):
        raise InputError(f"--frames must be at least 10 and --limit at least 1, got {frames} and {limit}")
    if size is not None and size < LEAST_SIZE:
        raise InputError(f"--size is {size}: give {LEAST_SIZE} pixels or more")
    if outside and protocol not in WITH_OUTSIDE:
        raise InputError(f"--outside is for {' and '.join(WITH_OUTSIDE)}: {protocol} needs the renderer itself")
    from likeness.app.renderers import check_rendering

    rendering = Rendering() if rendering is None else rendering
    check_rendering(rendering)
    from likeness.evaluation.html_report import Outline
    from likeness.evaluation.material import material_folder
    from likeness.evaluation.networks import open_networks
    from likeness.evaluation.outside import open_outside
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
    from likeness.evaluation.runner import Setup
    from likeness.files import made_folder

    material = material_folder(data)
    pieces = renderer_pieces(rendering, size=size, frames=frames)
    is_default = rendering.method == Rendering().method
    setup = Setup(
        pieces=pieces,
        data=material,
        limit=limit,
        frames=frames,
        controls=pieces if is_default else renderer_pieces(Rendering(), size=size, frames=frames),
        renderer=renderer_settings(rendering, size),
        outside=open_outside(outside),
        networks=open_networks(networks),
    )
    folder = made_folder(out)
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
            _publish([(edits.run(setup, folder, watch), edits.NAME, None)], folder)
        case "peers":
            _publish([(peers.run(setup, folder, watch), peers.NAME, None)], folder)
        case "noise":
            _publish([(noise.run(material, folder, limit=limit, watch=watch), noise.NAME, None)], folder)
        case "views":
            from likeness.app.evaluate_views import turned_views

            report = free_view.run(setup, turned_views(rendering), folder, watch)
            _publish([(report, free_view.NAME, free_view.outline(report, setup, folder))], folder)
        case "cross":
            report = cross_reenactment.run(setup, folder, watch)
            outline = cross_reenactment.outline(report, setup, folder)
            again = first_frame.run(setup, folder, watch)
            _publish([(report, cross_reenactment.NAME, outline), (again, first_frame.NAME, None)], folder)


def renderer_pieces(rendering: Rendering, *, size: int | None, frames: int) -> "Pieces":
    """The tracker, the retargeting and the renderer that `likeness animate` uses.

    Raises:
        InputError: the renderer's options or weights cannot be used.
    """
    from likeness.app.renderers import open_renderer
    from likeness.app.results import unwatched
    from likeness.evaluation.runner import Pieces
    from likeness.heads.builtin import builtin_head
    from likeness.tracking.photo import portrait_from_image

    head = builtin_head()
    renderer = open_renderer(rendering, watch=unwatched, count=frames)
    return Pieces(
        portrait_from_image=lambda image: reduced(portrait_from_image(image, head), size),
        track_video=_track_from,
        retarget=_retargeted,
        prepare=renderer.prepare,
        render=renderer.render,
    )


def reduced(portrait: "Portrait", size: int | None) -> "Portrait":
    """The portrait in its photo reduced so far that the square around its head has `size` pixels; never enlarged."""
    from likeness.app.framing import resized_portrait
    from likeness.data.square import clip_square, head_box

    if size is None:
        return portrait
    square = clip_square([head_box(portrait.head, portrait.shape, portrait.rest, portrait.camera)])
    scale = min(size / square.size, 1.0)
    width, height = round(scale * portrait.camera.width), round(scale * portrait.camera.height)
    return resized_portrait(portrait, max(width, 1), max(height, 1))


def renderer_settings(rendering: Rendering, size: int | None) -> "dict[str, Value]":
    """What tells one renderer's rows from another's: its options, and when its weights were written."""
    settings: dict[str, Value] = {name: value for name, value in vars(rendering).items() if value is not None}
    if rendering.weights is not None:
        header = rendering.weights / "weights.json"
        settings["weights"] = str(rendering.weights.resolve())
        settings["written"] = header.stat().st_mtime if header.is_file() else None
    return settings | {"size": size}


def _retargeted(motion: "Motion", portrait: "Portrait", mode: "Mode") -> "Motion":
    """The clip's motion on the portrait, as `animate` does it."""
    from likeness.tracking.performance import perform

    names: dict[Mode, Literal["relative", "absolute"]] = {"default": "relative", "absolute": "absolute"}
    return perform(motion, portrait, mode=names[mode])


def _track_from(path: Path, start: int) -> "Motion":
    """The motion of a clip as if it began at frame `start`."""
    from likeness.heads.builtin import builtin_head
    from likeness.media.video import read_frames
    from likeness.tracking.video import track_video

    frames = islice(read_frames(path), start, None)
    first = next(frames)
    offset = first.time_seconds
    rest = (replace(frame, time_seconds=frame.time_seconds - offset) for frame in frames)
    return track_video(chain([replace(first, time_seconds=0.0)], rest), builtin_head(), source=path.name)


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
