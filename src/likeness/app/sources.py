"""What comes in: the photo, and a driving video, motion file, ARKit recording or picture, told apart by their names."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from likeness.app.options import Edits, Strength
from likeness.app.results import Watch
from likeness.errors import InputError, NoFaceError
from likeness.heads.model import HeadModel
from likeness.media.container import open_media
from likeness.media.images import read_image
from likeness.media.input import check_input
from likeness.media.video import probe_video, read_frames
from likeness.motion.arkit import load_arkit_csv
from likeness.motion.edit import HeadEdit, check_angles, edit_warnings, parse_controls
from likeness.motion.file import load_motion
from likeness.motion.record import Motion
from likeness.motion.strength import Strengths
from likeness.motion.timeline import motion_of_edits
from likeness.tracking.photo import portrait_from_image
from likeness.tracking.portrait import Portrait
from likeness.tracking.video import track_video

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".ppm")
MOTION_SUFFIX = ".npz"
RECORDING_SUFFIX = ".csv"
PICTURE_FPS = 25.0  # nominal, of a motion that has one moment

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A checked source of motion; `motion` does the long part of the work."""

    num_frames: int | None  # None: not known before it is read through
    audio: Path | None
    motion: Callable[[Watch], Motion]


def open_driving(path: Path, head: HeadModel, *, face: int | None) -> Source:
    """A driving file of any kind, checked as far as that is quick.

    Raises:
        InputError, MotionFileError: it cannot be used.
    """
    if path.suffix.lower() in (MOTION_SUFFIX, RECORDING_SUFFIX):
        motion = read_motion(path, head)
        return Source(num_frames=len(motion), audio=None, motion=lambda watch: motion)
    return open_recording(path, head, face=face)


def open_recording(path: Path, head: HeadModel, *, face: int | None) -> Source:
    """A video or a picture to be tracked.

    Raises:
        InputError: it cannot be used.
    """
    check_face(face)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        image = read_image(path)

        def pose(watch: Watch) -> Motion:
            with named(path):
                return picture_motion(portrait_from_image(image, head, face=face), source=path.name)

        return Source(num_frames=1, audio=None, motion=pose)
    info = probe_video(path)

    def performance(watch: Watch) -> Motion:
        with named(path):
            frames = watch(read_frames(path, quick=True), "tracking", info.num_frames)
            return track_video(frames, head, face=face, source=path.name, progress=watch)

    return Source(num_frames=info.num_frames, audio=path if info.has_audio else None, motion=performance)


def read_motion(path: Path, head: HeadModel) -> Motion:
    """A motion file or an ARKit recording, for that head model.

    Raises:
        MotionFileError, InputError: it is missing, damaged or of another kind.
    """
    if path.suffix.lower() != RECORDING_SUFFIX:
        return load_motion(path, head)
    motion, unused = load_arkit_csv(path, head)
    if unused:
        log.warning("%s uses coefficients that this head has no control for: %s", path, ", ".join(unused))
    return motion


def read_portrait(path: Path, head: HeadModel, *, face: int | None) -> Portrait:
    """The photo with the head fitted to its face; errors name the file.

    Raises:
        InputError: it is no picture, or shows no usable face.
    """
    image = read_image(path)
    with named(path):
        return portrait_from_image(image, head, face=face)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Say in which file there is no face: photo and driving video are both looked at."""
    try:
        yield
    except NoFaceError as error:
        raise NoFaceError(f"{path}: {error}") from error


def picture_motion(portrait: Portrait, *, source: str) -> Motion:
    """The one moment that a picture shows."""
    still = motion_of_edits(
        [HeadEdit()],
        portrait.rest,
        portrait.head,
        fps=PICTURE_FPS,
        shape=portrait.shape,
        camera=portrait.camera,
        source=source,
    )
    return replace(still, tracker="photo")


def head_edit(edits: Edits, head: HeadModel) -> HeadEdit:
    """The edit that the options ask for, checked; beyond the trusted range it is done, with a note.

    Raises:
        InputError: an unknown control, or a number that cannot be used.
    """
    edit = HeadEdit(
        yaw=edits.yaw,
        pitch=edits.pitch,
        roll=edits.roll,
        gaze_yaw=edits.gaze_yaw,
        gaze_pitch=edits.gaze_pitch,
        controls=parse_controls(edits.set, head),
    )
    check_angles(edit)
    for warning in edit_warnings(edit, head):
        log.warning("%s", warning)
    return edit


def region_strengths(strength: Strength) -> Strengths:
    """The strengths that the options ask for.

    Raises:
        InputError: one is out of range.
    """
    return Strengths(
        head=strength.head, mouth=strength.mouth, eyes=strength.eyes, brows=strength.brows, gaze=strength.gaze
    )


def check_audio(path: Path) -> Path:
    """The path, once it is known to hold sound.

    Raises:
        InputError: it cannot be read or is silent.
    """
    with open_media(check_input(path, "audio"), "audio") as container:
        if not container.streams.audio:
            raise InputError(f"{path} has no sound: give a file with an audio track")
    return path


def check_face(face: int | None) -> None:
    """Faces are counted from 1.

    Raises:
        InputError: the number is below.
    """
    if face is not None and face < 1:
        raise InputError(f"face {face} was asked for: faces are counted from 1, from the left")
