"""A folder of videos and photos becomes clips: tracked, cut to a square around the head, one shard per file."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.clip import ClipHeader, NewClip, clip_name, encode_picture
from likeness.data.jobs import run_jobs
from likeness.data.shard import SUFFIX, check_size, write_shard
from likeness.data.square import motion_in_square, square_of_motion
from likeness.errors import InputError
from likeness.files import made_folder
from likeness.heads.model import HeadModel
from likeness.media.crop import extract
from likeness.media.images import read_image
from likeness.media.video import read_frames
from likeness.motion.edit import HeadEdit
from likeness.motion.record import FRAME_FIELDS, Motion
from likeness.motion.timeline import motion_of_edits
from likeness.tracking.person import GOOD_RESIDUAL, RESIDUAL_SCALE
from likeness.tracking.photo import portrait_from_image
from likeness.tracking.video import track_video

PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif")
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".flv", ".ts", ".gif")
WORST_RESIDUAL = 5.0  # percent of the outer eye distance: frames that fit worse are not trained on
LEAST_CONFIDENCE = float(np.exp(-(WORST_RESIDUAL - GOOD_RESIDUAL) / RESIDUAL_SCALE))
CLIP_FRAMES = 500  # longer videos become several clips, each with its own square
PHOTO_FPS = 25.0  # nominal, of a clip with one frame

Watch = Callable[[Iterable[Any], str, int | None], Iterable[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """An item that gave nothing, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackSettings:
    """How items become clips."""

    size: int = 512  # pixels, side of the stored squares
    shortest_seconds: float = 1.0  # of well tracked frames; shorter videos are skipped

    def __post_init__(self) -> None:
        if not 0.0 <= self.shortest_seconds < math.inf:
            raise InputError(f"--shortest is {self.shortest_seconds:g}: give seconds, 0 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackReport:
    """What became of a folder."""

    made: int  # items tracked by this run
    present: int  # items that an earlier run had tracked
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    path: Path
    target: Path


def track_folder(
    folder: Path,
    out: Path,
    head: HeadModel,
    *,
    settings: TrackSettings = TrackSettings(),
    processes: int = 1,
    watch: Watch | None = None,
) -> TrackReport:
    """Track every video and photo of a folder and its subfolders; a stopped run goes on where it ended.

    Items that cannot be used are skipped and named in the report.

    Raises:
        InputError: there is no such folder, or no video or photo in it; an earlier run made clips of another size.
        OutputError: a shard cannot be written.
    """
    jobs = _jobs(folder, out)
    waiting = [job for job in jobs if not job.target.exists()]
    for job in jobs:
        if job.target.exists():
            check_size(job.target, settings.size)
    made_folder(out)
    outcomes: Iterable[Skipped | None] = run_jobs(partial(_track, head, settings), waiting, processes)
    if watch is not None:
        outcomes = watch(outcomes, "tracking", len(waiting))
    skipped = tuple(sorted((entry for entry in outcomes if entry is not None), key=lambda entry: entry.name))
    return TrackReport(made=len(waiting) - len(skipped), present=len(jobs) - len(waiting), skipped=skipped)


def media_files(folder: Path) -> tuple[Path, ...]:
    """The videos and photos of a folder and its subfolders, by name; hidden ones are left out.

    Raises:
        InputError: there is no such folder, or none in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give a folder with videos or photos")
    suffixes = PHOTO_SUFFIXES + VIDEO_SUFFIXES
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in suffixes and path.is_file()]
    shown = tuple(path for path in found if not any(part[0] == "." for part in path.relative_to(folder).parts))
    if not shown:
        raise InputError(f"{folder} holds no video or photo: give a folder that does")
    return shown


def clips_of_video(path: Path, name: str, head: HeadModel, settings: TrackSettings) -> Iterator[NewClip]:
    """The clips of a video, one at a time, numbered where they are several; the video is read twice.

    Raises:
        InputError, NoFaceError: it cannot be read, shows no face, or too little of it is tracked well.
    """
    motion = track_video(read_frames(path), head, source=path.name)
    good = well_tracked(motion)
    if good.sum() < max(settings.shortest_seconds * motion.fps, 2):
        seconds = good.sum() / motion.fps
        raise InputError(f"only {seconds:.1f} seconds are tracked well, {settings.shortest_seconds:g} are needed")
    frames = read_frames(path)
    count = -(-len(motion) // CLIP_FRAMES)
    edges = [piece * len(motion) // count for piece in range(count + 1)]
    for piece, (begin, end) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        part, chosen = cut(motion, begin, end), good[begin:end]
        if not chosen.any():
            for _ in islice(frames, end - begin):
                pass
            continue
        window = square_of_motion(part, head)
        squares = tuple(
            encode_picture(extract(frame.image, window, settings.size)) for frame in islice(frames, end - begin)
        )
        if len(squares) != end - begin:
            raise InputError("it gave fewer frames when it was read again")
        listed = tuple(int(index) for index in np.flatnonzero(chosen))
        header = ClipHeader(
            name=name if count == 1 else f"{name[:110]}-{piece:03d}", kind="video", num_frames=end - begin,
            size=settings.size, window=window,
            original_size=motion.image_size, sources=listed, targets=listed, masked=(),
        )  # fmt: skip
        yield NewClip(header=header, motion=motion_in_square(part, window, settings.size), pictures=squares, masks={})


def clip_of_photo(path: Path, name: str, head: HeadModel, settings: TrackSettings) -> NewClip:
    """The clip of a photo: one frame, both source and target.

    Raises:
        InputError, NoFaceError: it cannot be read, shows no face, or the fit is poor.
    """
    image = read_image(path)
    portrait = portrait_from_image(image, head)
    still = motion_of_edits(
        [HeadEdit()], portrait.rest, head, fps=PHOTO_FPS, shape=portrait.shape, camera=portrait.camera, source=path.name
    )
    motion = replace(still, tracker="photo", confidence=np.array([portrait.confidence]))
    if portrait.confidence < LEAST_CONFIDENCE:
        raise InputError(f"the head fits the face badly (confidence {portrait.confidence:.2f})")
    window = square_of_motion(motion, head)
    header = ClipHeader(
        name=name, kind="photo", num_frames=1, size=settings.size, window=window,
        original_size=motion.image_size, sources=(0,), targets=(0,), masked=(),
    )  # fmt: skip
    pictures = (encode_picture(extract(image, window, settings.size)),)
    return NewClip(header=header, motion=motion_in_square(motion, window, settings.size), pictures=pictures, masks={})


def well_tracked(motion: Motion) -> np.ndarray:
    """Frames whose landmarks lie within 5 % of the outer eye distance of the fitted head, on average [T]."""
    return motion.valid & (motion.confidence >= LEAST_CONFIDENCE)


def cut(motion: Motion, begin: int, end: int) -> Motion:
    """The frames from `begin` to before `end`; times count from the first."""
    arrays = {name: getattr(motion, name)[begin:end] for name in FRAME_FIELDS}
    return replace(
        motion,
        times=motion.times[begin:end] - motion.times[begin],
        confidence=motion.confidence[begin:end],
        valid=motion.valid[begin:end],
        reference=int(np.clip(motion.reference - begin, 0, end - begin - 1)),
        **arrays,
    )


def _jobs(folder: Path, out: Path) -> list[_Job]:
    """One shard for each file; files that differ in suffix or subfolder alone get different names."""
    jobs, taken = [], set()
    for path in media_files(folder):
        relative = path.relative_to(folder)
        name = clip_name("-".join([*relative.parent.parts, relative.stem]))
        if name in taken:
            name = clip_name(f"{name[:110]}-{path.suffix[1:]}")
        taken.add(name)
        jobs.append(_Job(path=path, target=out / f"{name}{SUFFIX}"))
    return jobs


def _track(head: HeadModel, settings: TrackSettings, job: _Job) -> Skipped | None:
    """Writes one shard; what is wrong with the item itself is told, not raised."""
    name = job.target.name.removesuffix(SUFFIX)
    try:
        if job.path.suffix.lower() in PHOTO_SUFFIXES:
            write_shard(job.target, [clip_of_photo(job.path, name, head, settings)])
        else:
            write_shard(job.target, clips_of_video(job.path, name, head, settings))
    except InputError as error:  # a missing face included
        return Skipped(name=str(job.path), reason=str(error))
    return None
