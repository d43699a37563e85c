"""The command `likeness evaluate`: measures a renderer on the measuring material and writes the tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from likeness.app.console import say, watch
from likeness.app.options import Pixels, Rendering
from likeness.errors import InputError

if TYPE_CHECKING:
    from likeness.evaluation.report import Report
    from likeness.evaluation.results import Value
    from likeness.evaluation.runner import Mode, Pieces
    from likeness.motion.record import Motion
    from likeness.tracking.portrait import Portrait

LEAST_SIZE = 32  # pixels of the square around the head
Protocol = Literal["self", "zero", "cross", "edits", "peers", "sheets", "peer-sheets"]


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure a renderer on real photos and clips, beside copying the photo; a stopped run goes on where it ended.

    self: a clip drives its own first frame, beside flow-warp blurred as well; zero: the photo's own pose gives the
    photo back; cross: twenty portraits, five clips of others, and these begun at ten frames; edits: asked turns and
    controls, seen again; peers: beside published outputs; sheets, peer-sheets: pictures for looking at. On clips
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
) -> None:
    """Runs one protocol; tables go to stdout, tables and rows into `out`.

    Raises:
        LikenessError: the material, an optional package or the folder to write to is missing.
    """
    if frames < 10 or (limit is not None and limit < 1):
        raise InputError(f"--frames must be at least 10 and --limit at least 1, got {frames} and {limit}")
    if size is not None and size < LEAST_SIZE:
        raise InputError(f"--size is {size}: give {LEAST_SIZE} pixels or more")
    from likeness.app.renderers import check_rendering

    rendering = Rendering() if rendering is None else rendering
    check_rendering(rendering)
    from likeness.evaluation.material import material_folder
    from likeness.evaluation.protocols import (
        cross_reenactment,
        edits,
        first_frame,
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
    )
    folder = made_folder(out)
    match protocol:
        case "sheets":
            _say_paths(sheets.run(setup, made_folder(folder / "sheets"), watch))
        case "peer-sheets":
            _say_paths(peers.write_sheets(setup, made_folder(folder / "peer_sheets")))
        case "self":
            _publish(self_reenactment.run(setup, folder, watch), folder, self_reenactment.NAME)
        case "zero":
            _publish(zero_motion.run(setup, folder, watch), folder, zero_motion.NAME)
        case "edits":
            _publish(edits.run(setup, folder, watch), folder, edits.NAME)
        case "peers":
            _publish(peers.run(setup, folder, watch), folder, peers.NAME)
        case "cross":
            _publish(cross_reenactment.run(setup, folder, watch), folder, cross_reenactment.NAME)
            _publish(first_frame.run(setup, folder, watch), folder, first_frame.NAME)


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


def _publish(report: "Report", folder: Path, name: str) -> None:
    """Writes the report; says its tables, except those of single items, and where it lies."""
    from likeness.evaluation.report import to_markdown, without_item_tables, write_report

    paths = write_report(report, folder, name)
    say(to_markdown(without_item_tables(report)))
    _say_paths(paths)


def _say_paths(paths: Sequence[Path]) -> None:
    for path in paths:
        say(str(path))
