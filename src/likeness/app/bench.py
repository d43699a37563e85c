"""`likeness bench`: how long each step takes on this machine, as medians over repeats."""

import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from likeness.app.demo import PHOTO, TIMELINE
from likeness.app.framing import check_picture, frame_portrait
from likeness.app.options import Picture
from likeness.app.pipeline import animate
from likeness.app.results import RENDER_THREADS, Watch
from likeness.errors import InputError, LikenessError
from likeness.flow_warp import prepare, render
from likeness.heads.builtin import builtin_head
from likeness.media.images import read_image, write_image
from likeness.media.video import VideoWriter, read_frames
from likeness.motion.record import MotionFrame
from likeness.motion.timeline import load_timeline, timeline_motion
from likeness.tracking.photo import portrait_from_image
from likeness.tracking.portrait import Portrait
from likeness.tracking.video import track_video

COMMAND = (sys.executable, "-c", "import sys; from likeness.app.cli import main; sys.exit(main())")
FPS = 25.0
RANGES = {"frames": (10, 100_000), "repeats": (1, 100)}


def bench_table(*, size: int, frames: int, repeats: int, photo: Path | None, watch: Watch) -> str:
    """Measure every step with a clip that is rendered from the photo itself; returns the table.

    Raises:
        InputError: a number is out of range, or the photo cannot be used.
    """
    picture = Picture(size=size)
    check_picture(picture)
    for name, value in (("frames", frames), ("repeats", repeats)):
        low, high = RANGES[name]
        if not low <= value <= high:
            raise InputError(f"--{name} is {value}: give {low} to {high}")
    portrait = frame_portrait(portrait_from_image(read_image(photo or PHOTO), builtin_head()), picture).portrait
    moments = greeting(portrait, frames)
    with tempfile.TemporaryDirectory(prefix="likeness-bench-") as folder:
        still, clip = Path(folder) / "photo.png", Path(folder) / "clip.mp4"
        write_image(still, portrait.image)
        encode(clip, render(prepare(portrait), moments, threads=RENDER_THREADS))  # compiles what is not compiled yet
        rounds = watch((measure(portrait, moments, still, clip) for _ in range(repeats)), "measuring", repeats)
        rows = merge(list(rounds))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024.0  # kilobytes to megabytes
    rows.append(("memory, peak of the command", f"{memory:.0f} MB"))
    heading = (
        f"medians of {repeats}: {portrait.camera.width} x {portrait.camera.height} pixels, {frames} frames, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}"
    )
    return "\n".join([heading, *(f"  {name:<36s}{value:>14s}" for name, value in rows)])


def greeting(portrait: Portrait, count: int) -> list[MotionFrame]:
    """The demonstration's motion for that portrait, repeated to that many frames."""
    head = portrait.head
    timeline = load_timeline(TIMELINE, head)
    motion = timeline_motion(timeline, portrait.rest, head, shape=portrait.shape, camera=portrait.camera)
    return list(islice(cycle(motion.frames()), count))


def measure(portrait: Portrait, moments: list[MotionFrame], still: Path, clip: Path) -> dict[str, float]:
    """Seconds of each step, once."""
    head, count = portrait.head, len(moments)
    prepared = prepare(portrait)
    few = list(render(prepared, moments[:25], threads=RENDER_THREADS))
    out = clip.with_name("out.mp4")
    arguments = ("animate", str(still), str(clip), "--out", str(out), "--overwrite")
    seconds = {
        "help": timed(lambda: run("--help")),
        "imports": timed(lambda: run("head", "list")),
        "fit": timed(lambda: portrait_from_image(portrait.image, head)),
        "prepare": timed(lambda: prepare(portrait)),
        "track": timed(lambda: track_video(read_frames(clip), head)) / count,
        "render": timed(lambda: exhaust(render(prepared, moments, threads=RENDER_THREADS))) / count,
        "encode": timed(lambda: encode(out, islice(cycle(few), count))) / count,
        "animate": timed(lambda: animate(still, clip, out=out, overwrite=True)) / count,
        "command": timed(lambda: run(*arguments)),
    }
    return seconds


def merge(rounds: list[dict[str, float]]) -> list[tuple[str, str]]:
    """Medians with their units, in the order of a run."""
    middle = {name: median(entry[name] for entry in rounds) for name in rounds[0]}

    def milliseconds(name: str) -> str:
        return f"{1000.0 * middle[name]:.0f} ms"

    def rate(name: str) -> str:
        return f"{1.0 / middle[name]:.1f} frames/s"

    return [
        ("likeness --help", milliseconds("help")),
        ("start with all imports", milliseconds("imports")),
        ("photo: find and fit the face", milliseconds("fit")),
        ("photo: prepare the renderer", milliseconds("prepare")),
        ("video: decode and track", rate("track")),
        ("render", rate("render")),
        ("encode", rate("encode")),
        ("animate, all steps after the start", rate("animate")),
        ("animate, with the start", f"{middle['command']:.2f} s"),
    ]


def encode(out: Path, pictures: Iterable[np.ndarray]) -> None:
    """Write pictures to a video."""
    with VideoWriter(out, fps=FPS, overwrite=True) as writer:
        for picture in pictures:
            writer.write(picture)


def exhaust(items: Iterable[object]) -> None:
    """Take all items and keep none."""
    for _ in items:
        pass


def run(*arguments: str) -> None:
    """The command line in a process of its own.

    Raises:
        LikenessError: it failed.
    """
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LikenessError(f"the measured command failed: {done.stderr.strip()[-300:]}")


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    start = perf_counter()
    work()
    return perf_counter() - start
