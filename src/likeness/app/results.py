"""Rendering the moments of a performance into one file, and what is said about it afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from likeness.app.directions import DirectionShifts
from likeness.app.framing import Framing
from likeness.app.options import Rendering
from likeness.app.renderers import Watch as Watch
from likeness.app.renderers import open_renderer
from likeness.media.images import IMAGE_SUFFIXES, write_image
from likeness.media.output import check_output
from likeness.media.video import VIDEO_SUFFIXES, VideoWriter, check_video_output
from likeness.motion.record import Motion
from likeness.tracking.portrait import Portrait


def unwatched(items: Iterable[Any], label: str, total: int | None) -> Iterable[Any]:
    """The items, with nobody looking."""
    return items


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A checked place for the result: a picture or a video, by its suffix."""

    path: Path
    is_video: bool
    overwrite: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What was written."""

    path: Path
    num_frames: int
    width: int
    height: int
    seconds: float  # that rendering and writing took

    @property
    def line(self) -> str:
        """The result in one line."""
        if self.num_frames == 1:
            return f"{self.path}: {self.width} x {self.height}"
        rate = self.num_frames / max(self.seconds, 1e-9)
        return f"{self.path}: {self.num_frames} frames, {self.width} x {self.height}, {rate:.0f} frames/s"


def check_target(out: Path, *, overwrite: bool, inputs: Sequence[str | Path]) -> Target:
    """Everything about the result's place that can be known before the work.

    Raises:
        OutputError: the format is unknown, the folder is missing, the name is taken, or it is one of the inputs.
    """
    is_video = out.suffix.lower() not in IMAGE_SUFFIXES or "%" in out.name
    if out.suffix.lower() not in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES):
        check_output(out, suffixes=(*VIDEO_SUFFIXES, *IMAGE_SUFFIXES), overwrite=overwrite, inputs=inputs)
    if is_video:
        check_video_output(out, overwrite=overwrite, inputs=inputs)
    else:
        check_output(out, suffixes=IMAGE_SUFFIXES, overwrite=overwrite, inputs=inputs)
    return Target(path=out, is_video=is_video, overwrite=overwrite)


def write_result(
    target: Target,
    framing: Framing,
    motion: Motion,
    *,
    rendering: Rendering,
    directions: DirectionShifts | None = None,
    more: Sequence[Portrait] = (),
    audio: Path | None,
    watch: Watch,
) -> Result:
    """Render each moment of a motion and write the pictures; the file appears complete or not at all.

    Args:
        directions: moves along the expression directions of the renderer, if it has them.
        more: further photos of the person, for renderers that read several.

    Raises:
        OutputError: it cannot be written.
    """
    start = perf_counter()
    count = len(motion) if target.is_video else 1
    renderer = open_renderer(rendering, watch=watch, count=count, directions=directions, more=more)
    prepared = renderer.prepare(framing.portrait)
    pictures = (framing.cut(picture) for picture in renderer.render(prepared, motion.frames()))
    watch_frames = unwatched if renderer.watches else watch
    if target.is_video:
        with VideoWriter(target.path, fps=motion.fps, overwrite=target.overwrite, audio_from=audio) as writer:
            moments = zip(motion.times - motion.times[0], pictures, strict=True)
            for time, picture in watch_frames(moments, "rendering", len(motion)):
                writer.write(picture, float(time))
    else:
        (picture,) = pictures  # to the end: a renderer may have something to say there
        write_image(target.path, picture, overwrite=target.overwrite)
    return Result(
        path=target.path,
        num_frames=count,
        width=framing.width,
        height=framing.height,
        seconds=perf_counter() - start,
    )
