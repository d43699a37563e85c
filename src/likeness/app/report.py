"""`likeness report`: a result is tracked again and compared with the motion that it was to show; one page of HTML."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from likeness.app.console import say, watch
from likeness.app.options import FaceNumber, File
from likeness.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from likeness.app.options import AnimateOptions
    from likeness.heads.model import HeadModel
    from likeness.motion.record import Motion, MotionFrame
    from likeness.tracking.portrait import Portrait

Watch = Callable[[Iterable[Any], str, int | None], Iterable[Any]]

SUFFIX = ".report.html"  # replaces that of the result
SHOWN = 6  # frames on the sheet: the worst ones
EVEN = 1  # pixels by which a whole picture may differ from its photo: video has even sides
CUT = "the result is not of the photo's size, so constant differences are left out"


@dataclass(frozen=True, kw_only=True)
class ReportCommand:
    """Track a result again and say, frame by frame, what it shows of the motion that was asked for."""

    video: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="VIDEO")]  # the result, by any program
    motion: Annotated[Path, tyro.conf.arg(metavar="MOTION")]
    """what it was to show: motion file (.npz), ARKit recording (.csv), or the driving video"""
    photo: File = None  # the photo that was animated: compares with its person and pose, otherwise offsets are ignored
    transfer: Literal["relative", "absolute"] = "relative"  # how the motion was put on the photo, as in `animate`
    face: FaceNumber = None  # number of the face in the result, from the left; otherwise the largest
    out: Annotated[Path | None, tyro.conf.arg(metavar="OUT.html")] = None  # otherwise beside the video
    overwrite: tyro.conf.FlagCreatePairsOff[bool] = False  # replace the files of an earlier run

    def run(self) -> None:
        for line in report(
            self.video, self.motion, photo=self.photo, transfer=self.transfer, face=self.face, out=self.out,
            overwrite=self.overwrite, watch=watch,
        ):  # fmt: skip
            say(line)


def report(
    video: Path,
    motion: Path,
    *,
    photo: Path | None = None,
    transfer: Literal["relative", "absolute"] = "relative",
    face: int | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    watch: Watch = watch,
) -> list[str]:
    """Writes the page and a table of all frames beside it; returns the verdict and where they lie.

    Raises:
        LikenessError: an input cannot be used, or a file cannot be written.
    """
    from likeness.app.sources import check_face, open_driving, read_portrait
    from likeness.heads.builtin import builtin_head
    from likeness.tracking.performance import perform

    place = check_page(report_path(video) if out is None else out, overwrite=overwrite)
    check_face(face)
    head = builtin_head()
    asked = open_driving(motion, head, face=None).motion(watch)
    if photo is None:
        return write_page(video, asked, rest=None, face=face, out=place, overwrite=overwrite, watch=watch)
    portrait = read_portrait(photo, head, face=None)
    asked = visible(perform(asked, portrait, mode=transfer), portrait.rest)
    is_cut = shows_another_part(video, portrait)
    lines = write_page(
        video, asked, rest=portrait.rest, ignores_offsets=is_cut, face=face, out=place, overwrite=overwrite, watch=watch
    )
    return [lines[0], *([CUT] if is_cut else []), *lines[1:]]


def shows_another_part(video: Path, portrait: "Portrait") -> bool:
    """Whether a result is not of its photo's size, as with `--frame crop`: its camera is then not that of the photo.

    Raises:
        InputError: the video cannot be read.
    """
    from likeness.media.video import probe_video

    info = probe_video(video)
    return max(abs(info.width - portrait.camera.width), abs(info.height - portrait.camera.height)) > EVEN


def animate_with_report(
    photo: Path, driving: Path, *, out: Path, options: "AnimateOptions", overwrite: bool, watch: Watch = watch
) -> list[str]:
    """`likeness animate`, and the page of its result beside it.

    Raises:
        LikenessError: an input cannot be used, the result is no video, or a file cannot be written.
    """
    from likeness.app.pipeline import animate
    from likeness.heads.builtin import NAME
    from likeness.media.video import VIDEO_SUFFIXES

    if out.suffix.lower() not in VIDEO_SUFFIXES:
        raise InputError(f"--report needs a video, but {out} is a picture: give a name such as OUT.mp4")
    if options.rendering.head not in (None, NAME):
        raise InputError("--report tracks with the built-in head: leave --report or --head out")
    place = check_page(report_path(out), overwrite=overwrite)
    rendered: list[tuple[Portrait, Motion]] = []
    result = animate(
        photo, driving, out=out, options=options, overwrite=overwrite, watch=watch,
        asked=lambda portrait, motion: rendered.append((portrait, motion)),
    )  # fmt: skip
    ((portrait, motion),) = rendered
    asked = visible(motion, portrait.rest)
    is_cut = options.picture.frame == "crop"
    lines = write_page(
        out, asked, rest=portrait.rest, ignores_offsets=is_cut, out=place, overwrite=overwrite, watch=watch
    )
    return [result.line, *lines]


def report_path(video: Path) -> Path:
    """Where the page of a result lies."""
    return video.with_name(video.stem + SUFFIX)


def check_page(out: Path, *, overwrite: bool) -> Path:
    """The place of a page, once it is known that page and table can be written.

    Raises:
        OutputError: the folder is missing, a name is taken, or it is no .html.
    """
    from likeness.media.output import check_output

    check_output(out, suffixes=(".html",), overwrite=overwrite)
    check_output(out.with_suffix(".csv"), suffixes=(".csv",), overwrite=overwrite)
    return out


def visible(asked: "Motion", rest: "MotionFrame") -> "Motion":
    """The motion as it is meant to look: retargeting exaggerates gazes by what renderers are known to lose of them."""
    from likeness.motion.retarget import GAZE_GAIN

    eyes = {
        name: getattr(rest, name) + (getattr(asked, name) - getattr(rest, name)) / GAZE_GAIN
        for name in ("eye_left", "eye_right")
    }
    return asked.with_frames(**eyes)


def write_page(
    video: Path,
    asked: "Motion",
    *,
    rest: "MotionFrame | None",
    ignores_offsets: bool = False,
    face: int | None = None,
    out: Path,
    overwrite: bool,
    watch: Watch = watch,
) -> list[str]:
    """Tracks a result and compares; with `rest` the asked motion is that of the photo's person, who is looked for.

    `ignores_offsets`: constant differences do not count, because the result shows another part of the picture.

    Raises:
        LikenessError: the video cannot be tracked, its length differs, or a file cannot be written.
    """
    from likeness.app.report_page import frames_table, page_of
    from likeness.evaluation.agreement import agree, at_times
    from likeness.files import atomic_output
    from likeness.heads.builtin import builtin_head

    head = builtin_head()
    achieved = track_again(video, head, shape=None if rest is None else asked.shape, face=face, watch=watch)
    if abs(len(achieved) - len(asked)) > 1 and abs(achieved.times[-1] - asked.times[-1]) > 0.2 + 1.0 / asked.fps:
        raise InputError(
            f"{video} has {len(achieved)} frames ({achieved.times[-1]:.2f} s), the motion {len(asked)} "
            f"({asked.times[-1]:.2f} s): give the motion that this video was made with"
        )
    matched = at_times(asked, achieved.times)
    found = agree(matched, achieved, head, rest=rest, ignores_offsets=ignores_offsets or rest is None)
    worst = worst_frames(found.quantities[0].error, SHOWN)
    with atomic_output(out, overwrite=overwrite) as partial:
        partial.write_text(page_of(video, found, worst), encoding="utf-8")
    with atomic_output(out.with_suffix(".csv"), overwrite=overwrite) as partial:
        partial.write_text(frames_table(found), encoding="utf-8")
    return [found.verdict, *found.warnings, str(out), str(out.with_suffix(".csv"))]


def track_again(
    video: Path, head: "HeadModel", *, shape: "Float[np.ndarray, ' S'] | None", face: int | None, watch: Watch = watch
) -> "Motion":
    """The motion of a result, not smoothed, so that its jitter stays; with the identity of `shape` if it is known.

    Raises:
        InputError: it cannot be read, or shows no face.
    """
    from likeness.app.sources import named
    from likeness.geometry.camera import default_camera
    from likeness.media.video import probe_video, read_frames
    from likeness.tracking.assemble import motion_from_readings
    from likeness.tracking.person import person_with_shape
    from likeness.tracking.video import TRACKER, motion_of_clip, read_clip, watch_clip

    info = probe_video(video)
    with named(video):
        clip = watch_clip(watch(read_frames(video, quick=True), "tracking", info.num_frames), face=face)
        if shape is None or all(frame is None for frame in clip.frames):
            return motion_of_clip(clip, head, source=video.name, progress=watch)
    person = person_with_shape(head, default_camera(clip.width, clip.height), shape)
    readings = read_clip(person, clip, progress=watch)
    return motion_from_readings(person, readings, clip.times, source=video.name, tracker=TRACKER)


def worst_frames(error: "Float[np.ndarray, ' T']", count: int) -> tuple[int, ...]:
    """The worst frame of each of `count` parts of a clip, in the order of time."""
    import numpy as np

    parts = np.array_split(np.arange(len(error)), min(count, len(error)))
    return tuple(int(part[np.argmax(np.nan_to_num(error[part], nan=np.inf))]) for part in parts if len(part))
