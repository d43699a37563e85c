"""What `likeness evaluate` runs on: options as a record that other processes can open for themselves, too."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from likeness.app.options import Rendering

if TYPE_CHECKING:
    from likeness.evaluation.results import Item, Value
    from likeness.evaluation.runner import Mode, Pieces, Setup
    from likeness.motion.record import Motion
    from likeness.tracking.portrait import Portrait


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a protocol is to run on; other processes open it for themselves."""

    data: Path | None
    limit: int | None
    frames: int
    out: Path
    size: int | None = None
    rendering: Rendering = field(default_factory=Rendering)
    outside: tuple[Path, ...] = ()
    networks: Path | None = None
    absolute: bool = False


def open_setup(plan: Plan) -> "Setup":
    """The material, the renderer and what stands beside it, opened.

    Raises:
        LikenessError: one of them cannot be.
    """
    from likeness.evaluation.material import material_folder
    from likeness.evaluation.networks import open_networks
    from likeness.evaluation.outside import open_outside
    from likeness.evaluation.runner import Setup

    material = material_folder(plan.data)
    pieces = renderer_pieces(plan.rendering, size=plan.size, frames=plan.frames)
    is_default = plan.rendering.method == Rendering().method
    return Setup(
        pieces=pieces,
        data=material,
        limit=plan.limit,
        frames=plan.frames,
        controls=pieces if is_default else renderer_pieces(Rendering(), size=plan.size, frames=plan.frames),
        renderer=renderer_settings(plan.rendering, plan.size),
        outside=open_outside(plan.outside),
        networks=open_networks(plan.networks),
        absolute=plan.absolute,
    )


def open_items(plan: Plan, label: str) -> "Sequence[Item]":
    """The items of one list of a plan, in a process of their own.

    Args:
        label: the name of a protocol, as its rows' file has it.

    Raises:
        LikenessError: they cannot be opened.
    """
    from likeness.app.console import show_notes
    from likeness.evaluation.protocols import (
        cross_reenactment,
        edits,
        first_frame,
        free_view,
        noise,
        peers,
        self_reenactment,
        zero_motion,
    )

    show_notes()
    setup = open_setup(plan)
    match label:
        case self_reenactment.NAME:
            return self_reenactment.items(setup, plan.out)
        case cross_reenactment.NAME:
            return cross_reenactment.items(setup, plan.out)
        case free_view.NAME:
            from likeness.app.evaluate_views import turned_views  # it knows Export3D, and that torch

            return free_view.items(setup, turned_views(plan.rendering), plan.out)
        case edits.NAME:
            return edits.items(edits.EditScorer(setup), plan.out)
        case peers.NAME:
            return peers.items(setup, plan.out)
    lists = {module.NAME: module.items for module in (first_frame, noise, zero_motion)}
    return lists[label](setup)


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
    if rendering.method != "flow-warp":
        from likeness.app.renderers import weights_folder

        folder = weights_folder(rendering)
        header = folder / "weights.json"
        settings["weights"] = str(folder.resolve())
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
