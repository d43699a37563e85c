"""From files to files: animate a photo, edit it, track a video; for the command line and for Python alike."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from likeness.app.directions import DirectionShifts, split_settings
from likeness.app.framing import check_picture, frame_portrait
from likeness.app.options import AnimateOptions, Edits, Picture, Rendering
from likeness.app.overlay import write_overlay
from likeness.app.renderers import check_rendering
from likeness.app.results import Result, Watch, check_target, unwatched, write_result
from likeness.app.sources import check_audio, head_edit, open_driving, open_recording, read_portrait, region_strengths
from likeness.errors import InputError
from likeness.heads.builtin import NAME
from likeness.heads.library import open_head
from likeness.media.output import check_output
from likeness.media.video import check_video_output
from likeness.motion.edit import apply_edit, apply_edit_to_motion
from likeness.motion.file import save_motion
from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame
from likeness.motion.strength import Strengths, scale_regions
from likeness.motion.timeline import load_timeline, motion_of_edits, sweep, sweep_parts, timeline_motion
from likeness.tracking.performance import perform
from likeness.tracking.portrait import Portrait

SWEEP_SECONDS = 2.4  # from the photo to the edit and back
SWEEP_FPS = 25.0


def animate(
    photo: str | Path,
    driving: str | Path,
    *,
    out: str | Path,
    options: AnimateOptions | None = None,
    overwrite: bool = False,
    watch: Watch = unwatched,
    asked: Callable[[Portrait, Motion], None] | None = None,
) -> Result:
    """Animate the face of a photo with the motion of a video, a motion file, an ARKit recording or a picture.

    A driving picture gives a picture, or a video that moves to its pose and back. `watch` sees the frames of each
    long step as they pass, `asked` the photo and the motion that is about to be rendered.

    Raises:
        LikenessError: an input cannot be used or the result cannot be written; nothing is left behind.
    """
    options = options or AnimateOptions()
    target = check_target(Path(out), overwrite=overwrite, inputs=[photo, driving])
    check_picture(options.picture)
    check_rendering(options.rendering, more_photos=options.picture.more_photos)
    head = open_head(options.rendering.head or NAME)
    controls, amounts = split_settings(options.edits.set, options.rendering.method)
    change, strengths = head_edit(replace(options.edits, set=controls), head), region_strengths(options.strength)
    source = open_driving(Path(driving), head, face=options.driving_face)
    if not target.is_video and source.num_frames != 1:
        raise InputError(f"{driving} moves, but {out} is a picture: give the name of a video, such as OUT.mp4")
    audio = source.audio if options.audio is None else check_audio(options.audio)
    portrait = read_portrait(Path(photo), head, face=options.picture.face)
    more = [read_portrait(path, head, face=None) for path in options.picture.more_photos]
    performance = perform(source.motion(watch), portrait, mode=options.motion, pose_reference=options.pose_reference)
    performance = apply_edit_to_motion(scale_regions(performance, portrait.rest, strengths), change, head)
    directions = DirectionShifts(amounts=amounts)
    if target.is_video and len(performance) == 1:
        performance = there_and_back(performance, portrait.rest)
        directions = DirectionShifts(amounts=amounts, parts=sweep_parts(len(performance)))
    if asked is not None:
        asked(portrait, performance)
    framing = frame_portrait(portrait, options.picture)
    return write_result(
        target,
        framing,
        performance,
        rendering=options.rendering,
        directions=directions,
        more=more,
        audio=audio,
        watch=watch,
    )


def edit(
    photo: str | Path,
    *,
    out: str | Path,
    edits: Edits | None = None,
    timeline: str | Path | None = None,
    picture: Picture | None = None,
    rendering: Rendering | None = None,
    overwrite: bool = False,
    watch: Watch = unwatched,
) -> Result:
    """Turn the head, move the eyes, set named controls; a video sweeps to the edit and back, or follows a timeline.

    Raises:
        LikenessError: an input cannot be used or the result cannot be written; nothing is left behind.
    """
    picture, rendering = picture or Picture(), rendering or Rendering()
    inputs = [photo] if timeline is None else [photo, timeline]
    target = check_target(Path(out), overwrite=overwrite, inputs=inputs)
    check_picture(picture)
    check_rendering(rendering, more_photos=picture.more_photos)
    head = open_head(rendering.head or NAME)
    edits = edits or Edits()
    controls, amounts = split_settings(edits.set, rendering.method)
    change = head_edit(replace(edits, set=controls), head)
    if timeline is not None and not target.is_video:
        raise InputError(f"a timeline needs a video, but {out} is a picture: give a name such as OUT.mp4")
    score = None if timeline is None else load_timeline(Path(timeline), head)
    portrait = read_portrait(Path(photo), head, face=picture.face)
    more = [read_portrait(path, head, face=None) for path in picture.more_photos]
    rest = apply_edit(portrait.rest, change, head) if score is not None else portrait.rest
    shape, camera = portrait.shape, portrait.camera
    if score is not None:
        performance = timeline_motion(score, rest, head, shape=shape, camera=camera)
    elif target.is_video:
        performance = sweep(change, rest, head, seconds=SWEEP_SECONDS, fps=SWEEP_FPS, shape=shape, camera=camera)
    else:
        performance = motion_of_edits([change], rest, head, fps=SWEEP_FPS, shape=shape, camera=camera, source="edit")
    sweeps = target.is_video and score is None
    directions = DirectionShifts(amounts=amounts, parts=sweep_parts(len(performance)) if sweeps else None)
    framing = frame_portrait(portrait, picture)
    return write_result(
        target, framing, performance, rendering=rendering, directions=directions, more=more, audio=None, watch=watch
    )


def track(
    video: str | Path,
    *,
    out: str | Path,
    face: int | None = None,
    head: str | Path = NAME,
    overlay: str | Path | None = None,
    overwrite: bool = False,
    watch: Watch = unwatched,
) -> Motion:
    """Track the face of a video, or of a picture, into a motion file; `overlay` shows the fitted head on the video.

    `head` is the built-in one or the file of a converted one.

    Raises:
        LikenessError: the video cannot be used or a result cannot be written.
    """
    check_output(Path(out), suffixes=(".npz",), overwrite=overwrite, inputs=[video])
    if overlay is not None:
        check_video_output(overlay, overwrite=overwrite, inputs=[video, out])
    model = open_head(head)
    motion = open_recording(Path(video), model, face=face).motion(watch)
    save_motion(Path(out), motion, overwrite=overwrite)
    if overlay is not None:
        write_overlay(Path(video), motion, Path(overlay), head=model, overwrite=overwrite, watch=watch)
    return motion


def there_and_back(pose: Motion, rest: MotionFrame) -> Motion:
    """From the rest frame to the one moment of `pose` in the middle and back, softly."""
    times = np.arange(round(SWEEP_SECONDS * SWEEP_FPS) + 1) / SWEEP_FPS
    parts = sweep_parts(len(times))
    regions = [entry.name for entry in fields(Strengths)]
    frames = [scale_regions(pose, rest, Strengths(**dict.fromkeys(regions, part))).frame(0) for part in parts]
    return replace(
        pose,
        fps=SWEEP_FPS,
        times=times,
        confidence=np.repeat(pose.confidence, len(times)),
        valid=np.repeat(pose.valid, len(times)),
        reference=0,
        **{name: np.stack([getattr(frame, name) for frame in frames]) for name in FRAME_FIELDS},
    )
