"""`likeness motion`: say what a motion file holds, convert it, edit it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from likeness.app.options import MotionChanges
from likeness.app.results import Watch, unwatched
from likeness.app.sources import MOTION_SUFFIX, RECORDING_SUFFIX, head_edit, read_motion, region_strengths
from likeness.errors import InputError
from likeness.heads.builtin import NAME, builtin_head
from likeness.heads.library import open_head
from likeness.heads.model import HeadModel
from likeness.media.output import check_output
from likeness.motion.arkit import save_arkit_csv
from likeness.motion.describe import describe
from likeness.motion.edit import apply_edit, apply_edit_to_motion
from likeness.motion.file import load_motion, save_motion
from likeness.motion.gltf import SUFFIX as MODEL_SUFFIX
from likeness.motion.gltf import save_glb
from likeness.motion.importers.detect import is_parameters, load_parameters
from likeness.motion.record import FRAME_FIELDS, Motion
from likeness.motion.strength import scale_regions
from likeness.motion.timeline import load_timeline, timeline_edits

SUFFIXES = (MOTION_SUFFIX, RECORDING_SUFFIX, MODEL_SUFFIX)


def describe_file(path: Path) -> str:
    """A summary of a motion in a few lines.

    Raises:
        MotionFileError, InputError: it cannot be read.
    """
    is_recording = path.suffix.lower() == RECORDING_SUFFIX
    return describe(read_motion(path, builtin_head()) if is_recording else load_motion(path))


def convert_file(
    path: Path,
    out: Path,
    *,
    head: str | Path = NAME,
    onto: str | Path | None = None,
    fps: float | None = None,
    overwrite: bool,
    watch: Watch = unwatched,
) -> str:
    """Write a motion, a recording or a tracker's parameters in the format that the name of `out` asks for; returns a
    line about it.

    `head` is the head model of what is read; `onto` carries the motion to another one. `fps` is for parameters, whose
    files tell none.

    Raises:
        LikenessError: the motion cannot be read or written.
    """
    check_output(out, suffixes=SUFFIXES, overwrite=overwrite, inputs=[path])
    own = open_head(head)
    other = None if onto is None else open_head(onto)
    motion = load_parameters(path, own, fps=fps) if is_parameters(path) else read_motion(path, own)
    if other is not None:
        from likeness.tracking.transfer import motion_on_head

        motion = motion_on_head(motion, own, other, progress=watch)
    return write_motion(motion, out, head=other or own, overwrite=overwrite)


def edit_file(path: Path, out: Path, *, changes: MotionChanges, head: str | Path = NAME, overwrite: bool) -> str:
    """Write a changed motion; returns a line about it.

    Raises:
        LikenessError: the motion cannot be read or written, or a change is not possible.
    """
    check_output(out, suffixes=SUFFIXES, overwrite=overwrite, inputs=[path])
    model = open_head(head)
    change, strengths = head_edit(changes.edits, model), region_strengths(changes.strength)
    score = None if changes.timeline is None else load_timeline(changes.timeline, model)
    motion = cut(read_motion(path, model), changes.start, changes.end)
    motion = scale_regions(motion, motion.frame(motion.reference), strengths)
    motion = apply_edit_to_motion(motion, change, model)
    if score is not None:
        edits = timeline_edits(score, motion.times)
        frames = [apply_edit(frame, edit, model) for frame, edit in zip(motion.frames(), edits, strict=True)]
        motion = motion.with_frames(
            **{name: np.stack([getattr(frame, name) for frame in frames]) for name in FRAME_FIELDS}
        )
    return write_motion(motion, out, head=model, overwrite=overwrite)


def cut(motion: Motion, start: float, end: float | None) -> Motion:
    """The frames from `start` up to but not including `end`, in seconds from the first frame.

    The rest frame stays the rest frame; where it is cut away, the closest frame that is left takes its place.

    Raises:
        InputError: nothing is left.
    """
    seconds = motion.times - motion.times[0]
    kept = np.flatnonzero((seconds >= start) & (seconds < (np.inf if end is None else end)))
    if len(kept) == 0:
        raise InputError(f"no frame lies from {start:g} to {end} s: the motion has {seconds[-1]:.2f} s")
    arrays = {name: getattr(motion, name)[kept] for name in (*FRAME_FIELDS, "confidence", "valid")}
    return replace(
        motion,
        times=motion.times[kept] - motion.times[kept[0]],
        reference=int(np.clip(motion.reference - kept[0], 0, len(kept) - 1)),
        **arrays,
    )


def write_motion(motion: Motion, out: Path, *, head: HeadModel, overwrite: bool) -> str:
    """Write a motion file, an ARKit recording or an animated glTF model, by suffix; returns a line about it."""
    if out.suffix.lower() == RECORDING_SUFFIX:
        save_arkit_csv(out, motion, head, overwrite=overwrite)
    elif out.suffix.lower() == MODEL_SUFFIX:
        save_glb(out, motion, head, overwrite=overwrite)
    else:
        save_motion(out, motion, overwrite=overwrite)
    return f"{out}: {len(motion)} frames, {motion.times[-1] - motion.times[0]:.2f} s"
