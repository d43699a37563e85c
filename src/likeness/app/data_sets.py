"""Data sets from folders: tracked clips, synthetic pairs, and what they hold; for the command line and Python alike."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from likeness.app.options import Draft, Rendering
from likeness.app.renderers import Renderer, check_rendering, open_renderer
from likeness.app.results import Watch, unwatched
from likeness.data.drafts import DraftSettings, add_drafts
from likeness.data.folder import open_clips
from likeness.data.made_head import MadeHeadSettings
from likeness.data.made_person import VIEWS
from likeness.data.people import PeopleSettings, make_people
from likeness.data.photo_views import PhotoViewsSettings
from likeness.data.round_trip import RoundTripSettings
from likeness.data.shard_jobs import ShardsReport
from likeness.data.statistics import describe
from likeness.data.synthesise import SynthesisSettings, synthesise
from likeness.data.track import Skipped, TrackSettings, track_folder
from likeness.errors import InputError
from likeness.flow_warp import prepare, render
from likeness.heads.builtin import NAME, builtin_head
from likeness.heads.library import open_head
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait

SIZES = (64, 4096)  # pixels, of stored squares


def track_data(
    folder: Path,
    out: Path,
    *,
    size: int,
    shortest: float,
    head: str | Path = NAME,
    processes: int,
    watch: Watch = unwatched,
) -> Iterator[str]:
    """Lines that tell what became of a folder of videos and photos.

    Raises:
        LikenessError: the folder cannot be used, or the clips cannot be written.
    """
    _check(size, processes)
    settings = TrackSettings(size=size, shortest_seconds=shortest)
    report = track_folder(folder, out, open_head(head), settings=settings, processes=processes, watch=watch)
    yield f"{out}: {report.made} tracked, {report.present} were there already, {len(report.skipped)} skipped"
    yield from _skipped_lines(report.skipped)


def synthesise_data(
    folder: Path | None,
    out: Path,
    *,
    count: int,
    heads: int = 0,
    seed: int = 0,
    size: int = 256,
    is_aligned: bool = True,
    processes: int = 1,
    watch: Watch = unwatched,
) -> Iterator[str]:
    """Lines that tell what was made.

    Raises:
        LikenessError: the folder cannot be used, or the clips cannot be written.
    """
    _check(size, processes)
    settings = SynthesisSettings(
        seed=seed,
        pairs=count,
        made_heads=heads,
        round_trips=replace(RoundTripSettings(), size=size, is_aligned=is_aligned),
        heads=replace(MadeHeadSettings(), size=size),
    )
    report = synthesise(
        folder, out, builtin_head(), render=flow_warp_pictures, settings=settings,
        processes=processes, watch=watch,
    )  # fmt: skip
    yield from _made_lines(out, report, "clips")


def people_data(
    folder: Path | None,
    out: Path,
    *,
    photos: int,
    heads: int = 0,
    views: int = 12,
    seed: int = 0,
    size: int = 128,
    processes: int = 1,
    watch: Watch = unwatched,
) -> Iterator[str]:
    """Lines that tell what was made.

    Raises:
        LikenessError: the folder cannot be used, or the clips cannot be written.
    """
    _check(size, processes)
    settings = PeopleSettings(
        seed=seed,
        photos=photos,
        made=heads,
        photo_views=PhotoViewsSettings(size=size, views=views),
        heads=MadeHeadSettings(size=size, poses=views, motion=VIEWS),
    )
    report = make_people(
        folder, out, builtin_head(), render=flow_warp_pictures, settings=settings, processes=processes, watch=watch
    )
    yield from _made_lines(out, report, "people")


def draft_data(
    folder: Path,
    out: Path,
    *,
    sources: int = 2,
    targets: int = 8,
    consecutive: bool = False,
    draft: Draft = "flow-warp",
    seed: int = 0,
    processes: int = 1,
    watch: Watch = unwatched,
) -> Iterator[str]:
    """Lines that tell what was made.

    Raises:
        LikenessError: the folder holds no clips of the built-in head, the new ones cannot be written, or the renderer
            of the drafts cannot be used.
    """
    _check_processes(processes)
    check_rendering(Rendering(method=draft))
    settings = DraftSettings(seed=seed, sources=sources, targets=targets, renderer=draft, consecutive=consecutive)
    render = flow_warp_pictures if draft == "flow-warp" else export3d_pictures
    report = add_drafts(folder, out, builtin_head(), render=render, settings=settings, processes=processes, watch=watch)
    yield from _made_lines(out, report, "clips", "clips")


def describe_data(folder: Path, *, pairs: int, head: str | Path = NAME) -> str:
    """What the clips of a folder are.

    Raises:
        LikenessError: there are none, or one is damaged.
    """
    if pairs < 1:
        raise InputError(f"--pairs must be at least 1, got {pairs}")
    model = open_head(head)
    return describe(open_clips(folder, model), model, pairs=pairs)


def flow_warp_pictures(portrait: Portrait, frames: Sequence[MotionFrame]) -> Iterable[UInt8[np.ndarray, "H W 3"]]:
    """Pictures of a portrait by the default renderer: what data preparation draws sources with."""
    return render(prepare(portrait), frames, threads=1)


def export3d_pictures(portrait: Portrait, frames: Sequence[MotionFrame]) -> Iterable[UInt8[np.ndarray, "H W 3"]]:
    """Pictures of a portrait by the Export3D weights that ship."""
    renderer = _export3d()
    return renderer.render(renderer.prepare(portrait), frames)


@cache
def _export3d() -> Renderer:
    return open_renderer(Rendering(method="export3d"), watch=unwatched, count=0)


def _check(size: int, processes: int) -> None:
    if not SIZES[0] <= size <= SIZES[1]:
        raise InputError(f"--size must be {SIZES[0]} to {SIZES[1]} pixels, got {size}")
    _check_processes(processes)


def _check_processes(processes: int) -> None:
    if processes < 1:
        raise InputError(f"--processes must be at least 1, got {processes}")


def _made_lines(out: Path, report: ShardsReport, what: str, of: str = "photos") -> Iterator[str]:
    line = f"{out}: {report.made} {what} made, {report.present} shards were there already"
    yield f"{line}, {len(report.skipped)} {of} skipped"
    yield from _skipped_lines(report.skipped)


def _skipped_lines(skipped: tuple[Skipped, ...]) -> Iterator[str]:
    for entry in skipped:
        yield f"skipped {entry.name}: {entry.reason.removeprefix(entry.name).lstrip(': ')}"
