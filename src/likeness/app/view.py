"""Free views of the head in a photo: along an orbit or a path, with a fixed or a moving expression."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from jaxtyping import UInt8

from likeness.app.camera_path import (
    CameraPath,
    CameraPlace,
    Stage,
    camera_at,
    default_angles,
    load_path,
    orbit_path,
    range_warning,
    stage_of,
    still_place,
    turned_head,
)
from likeness.app.directions import DirectionShifts, split_settings
from likeness.app.framing import check_picture
from likeness.app.options import Edits, Orbit, Picture, ViewOptions
from likeness.app.renderers import RENDER_THREADS, check_weights
from likeness.app.results import Result, Target, Watch, check_target, unwatched
from likeness.app.sources import Source, head_edit, open_driving, read_portrait
from likeness.data.square import clip_square, head_box
from likeness.errors import InputError
from likeness.heads.builtin import NAME
from likeness.heads.library import open_head
from likeness.media.crop import CropWindow, extract
from likeness.media.images import write_image
from likeness.media.output import check_output
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.media.video import VideoWriter
from likeness.motion.edit import apply_edit, apply_edit_to_motion
from likeness.motion.record import Motion, MotionFrame
from likeness.nn.shipped import shipped_weights
from likeness.tracking.performance import perform
from likeness.tracking.portrait import Portrait

FPS = 25.0
ORBIT_FRAMES = 120
FRAMES_RANGE = (2, 100_000)
SHEET_COLUMNS = 5
log = logging.getLogger(__name__)
Image = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """When the camera is where, and what the face does then."""

    times: Sequence[float]  # seconds
    places: Sequence[CameraPlace]
    frames: Sequence[MotionFrame]
    fps: float


def view(
    photo: str | Path,
    *,
    out: str | Path,
    options: ViewOptions | None = None,
    overwrite: bool = False,
    watch: Watch = unwatched,
) -> list[str]:
    """Look at the head of a photo from other sides; returns a line for each file that was written.

    Raises:
        LikenessError: an input cannot be used or a result cannot be written.
    """
    options = options or ViewOptions()
    inputs = [file for file in (photo, options.expression.driving, options.orbit.path) if file is not None]
    target = check_target(Path(out), overwrite=overwrite, inputs=inputs)
    _check_options(options, target, inputs)
    head = open_head(options.head or NAME)
    controls, amounts = split_settings(options.expression.set, options.method)
    change = head_edit(
        Edits(gaze_yaw=options.expression.gaze_yaw, gaze_pitch=options.expression.gaze_pitch, set=controls), head
    )
    driving = None
    if options.expression.driving is not None:
        driving = open_driving(options.expression.driving, head, face=None)
    portrait = read_portrait(Path(photo), head, face=options.face)
    window = clip_square([head_box(head, portrait.shape, portrait.rest, portrait.camera)])
    stage = stage_of(portrait, portrait.camera.cropped(window.left, window.top, window.size, window.size))
    orbit = asked_orbit(options.orbit, stage, is_warped=options.method == "flow-warp")
    path = _path(orbit, options.orbit.path)
    rest = apply_edit(portrait.rest, change, head)
    if driving is None:
        moments = _moments(orbit, path, options.orbit.frames, rest, is_video=target.is_video)
    else:
        motion = apply_edit_to_motion(perform(_motion(driving, target, watch), portrait), change, head)
        moments = _moments_of(path, motion.times - motion.times[0], list(motion.frames()), fps=motion.fps)
    warning = range_warning(moments.places, stage, is_warped=options.method == "flow-warp")
    if warning is not None:
        log.warning("%s", warning)
    if options.method == "flow-warp":
        pictures = _warped(portrait, stage, window, moments, side=options.size or window.size)
        return [_write(target, pictures, moments, depth=None, watch=watch).line]
    return _volume_views(
        target, portrait, rest, stage, moments, DirectionShifts(amounts=amounts), options=options, watch=watch
    )


def _volume_views(
    target: Target,
    portrait: Portrait,
    rest: MotionFrame,
    stage: Stage,
    moments: Moments,
    directions: DirectionShifts,
    *,
    options: ViewOptions,
    watch: Watch,
) -> list[str]:
    """All files that are asked of a model with a volume."""
    from likeness.app.view_export3d import draw_views, open_views, write_directions, write_mesh

    prepared, shift = open_views(options.weights or shipped_weights("export3d"), portrait, directions)
    lines = []
    if options.mesh is not None:
        write_mesh(options.mesh, prepared, rest, shift, level=options.mesh_level, overwrite=target.overwrite)
        lines.append(str(options.mesh))
    if options.directions is not None:
        write_directions(options.directions, prepared, rest, overwrite=target.overwrite, watch=watch)
        lines.append(str(options.directions))
    side = options.size or prepared.subject.model.config.image_size
    cameras = (camera_at(stage, place) for place in moments.places)
    pictures = draw_views(prepared, moments.frames, cameras, shift, side=side)
    lines.insert(0, _write(target, pictures, moments, depth=options.depth, watch=watch).line)
    if options.depth is not None:
        lines.insert(1, str(options.depth))
    return lines


def _warped(
    portrait: Portrait, stage: Stage, window: CropWindow, moments: Moments, *, side: int
) -> Iterator[tuple[Image, None]]:
    """The square of the photo with the head turned as the camera would see it."""
    from likeness.flow_warp import prepare, render

    turned = (
        turned_head(portrait, stage, frame, place) for frame, place in zip(moments.frames, moments.places, strict=True)
    )
    for whole in render(prepare(portrait), turned, threads=RENDER_THREADS):
        yield extract(whole, window, side), None


def _write(
    target: Target,
    pictures: Iterator[tuple[Image, Image | None]],
    moments: Moments,
    *,
    depth: Path | None,
    watch: Watch,
) -> Result:
    """Write pictures, and their depths if there is a place for them, as videos, pictures or sheets."""
    start = perf_counter()
    count = len(moments.times)
    watched = watch(zip(moments.times, pictures, strict=True), "rendering", count)
    if not target.is_video:
        seen = [both for _, both in watched]
        picture = _sheet([image for image, _ in seen])
        write_image(target.path, picture, overwrite=target.overwrite)
        if depth is not None:
            write_image(depth, _sheet([image for _, image in seen if image is not None]), overwrite=target.overwrite)
        return _result(target, picture, 1, start)
    with ExitStack() as stack:
        writer = stack.enter_context(VideoWriter(target.path, fps=moments.fps, overwrite=target.overwrite))
        beside = None
        if depth is not None:
            beside = stack.enter_context(VideoWriter(depth, fps=moments.fps, overwrite=target.overwrite))
        for time, (picture, grey) in watched:
            writer.write(picture, time)
            if beside is not None and grey is not None:
                beside.write(grey, time)
    return _result(target, picture, count, start)


def _result(target: Target, picture: Image, count: int, start: float) -> Result:
    height, width = picture.shape[:2]
    return Result(path=target.path, num_frames=count, width=width, height=height, seconds=perf_counter() - start)


def _sheet(pictures: Sequence[Image]) -> UInt8[np.ndarray, "height width 3"]:
    """One picture as it is, several in rows."""
    if len(pictures) == 1:
        return pictures[0]
    rows = [pictures[begin : begin + SHEET_COLUMNS] for begin in range(0, len(pictures), SHEET_COLUMNS)]
    height, width = pictures[0].shape[:2]
    return contact_sheet(rows, style=SheetStyle(cell_width=width, cell_height=height))


def asked_orbit(orbit: Orbit, stage: Stage, *, is_warped: bool) -> CameraPlace:
    """How far the camera goes, with what fits the photo where nothing is asked.

    Raises:
        InputError: an angle or the radius is out of range.
    """
    yaw, pitch = default_angles(stage, is_warped=is_warped)
    return still_place(
        yaw=yaw if orbit.yaw is None else orbit.yaw,
        pitch=pitch if orbit.pitch is None else orbit.pitch,
        radius=stage.source.radius if orbit.radius is None else orbit.radius,
    )


def _path(orbit: CameraPlace, keys: Path | None) -> CameraPath:
    return orbit_path(orbit) if keys is None else load_path(keys, radius=orbit.radius)


def _moments(orbit: CameraPlace, path: CameraPath, count: int | None, rest: MotionFrame, *, is_video: bool) -> Moments:
    """The moments of a fixed expression; `count` frames, if a number is asked for."""
    if not is_video and count is None:
        return Moments(times=[0.0], places=[orbit], frames=[rest], fps=FPS)
    if path.seconds is not None and count is None:
        count = max(int(path.seconds * FPS + 1e-6) + 1, 2)
    count = count or ORBIT_FRAMES
    # An orbit closes: its last frame is one before the first again.
    parts = np.arange(count) / (count if path.seconds is None else count - 1)
    return Moments(
        times=[index / FPS for index in range(count)],
        places=[path.at(float(part)) for part in parts],
        frames=[rest] * count,
        fps=FPS,
    )


def _moments_of(path: CameraPath, times: np.ndarray, frames: list[MotionFrame], *, fps: float) -> Moments:
    """The moments of a moving expression: an orbit takes as long as the clip, a path its own time."""
    seconds = path.seconds or float(times[-1]) + 1.0 / fps
    places = [path.at(min(float(time) / seconds, 1.0)) for time in times]
    return Moments(times=[float(time) for time in times], places=places, frames=frames, fps=fps)


def _motion(driving: Source, target: Target, watch: Watch) -> Motion:
    """The driving motion.

    Raises:
        LikenessError: it cannot be tracked, or moves where a picture is to be written.
    """
    if not target.is_video and driving.num_frames != 1:
        raise InputError(f"--driving moves, but {target.path} is a picture: give the name of a video, such as OUT.mp4")
    return driving.motion(watch)


def _check_options(options: ViewOptions, target: Target, inputs: Sequence[str | Path]) -> None:
    """Everything that can be known before any work.

    Raises:
        LikenessError: options do not go together or are out of range, or a file cannot be written.
    """
    check_picture(Picture(face=options.face, size=options.size))
    orbit, low, high = options.orbit, *FRAMES_RANGE
    if orbit.frames is not None and not low <= orbit.frames <= high:
        raise InputError(f"--frames is {orbit.frames}: give {low} to {high}")
    if orbit.frames is not None and target.is_video and (orbit.path or options.expression.driving) is not None:
        raise InputError("--frames does not go with --path or --driving, which have their own length: leave it out")
    if orbit.path is not None and orbit.frames is None and not target.is_video:
        raise InputError(f"--path moves, but {target.path} is a picture: add --frames N for a sheet of N views")
    extras = {"depth": options.depth, "mesh": options.mesh, "directions": options.directions}
    if options.method == "flow-warp":
        trained = {"weights": options.weights, "head": options.head}
        given = [name for name, value in {**extras, **trained}.items() if value is not None]
        if given:
            raise InputError(f"--{given[0]} needs a model with a volume: add --method export3d")
    else:
        check_weights("export3d", options.weights)
    taken = [*inputs, target.path]
    if options.depth is not None:
        if check_target(options.depth, overwrite=target.overwrite, inputs=taken).is_video != target.is_video:
            raise InputError(f"{target.path} and {options.depth} must both be videos or both be pictures")
        taken.append(options.depth)
    for place, suffixes in ((options.mesh, (".ply",)), (options.directions, (".png", ".jpg"))):
        if place is not None:
            check_output(place, suffixes=suffixes, overwrite=target.overwrite, inputs=taken)
            taken.append(place)
