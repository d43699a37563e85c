"""`likeness bench`: how long each step takes on this machine, as medians over repeats."""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from likeness.app.bench_flow import flow_lines
from likeness.app.demo import PHOTO, TIMELINE
from likeness.app.framing import check_picture, frame_portrait
from likeness.app.options import Picture
from likeness.app.pipeline import animate
from likeness.app.renderers import RENDER_THREADS
from likeness.app.results import Watch
from likeness.errors import InputError, LikenessError
from likeness.flow_warp import prepare, render
from likeness.heads.builtin import builtin_head
from likeness.media.images import read_image, write_image
from likeness.media.video import VideoWriter, read_frames
from likeness.motion.record import MotionFrame
from likeness.motion.smoothing import smooth_two_sided
from likeness.motion.timeline import load_timeline, timeline_motion
from likeness.tracking.photo import portrait_from_image
from likeness.tracking.portrait import Portrait
from likeness.tracking.video import motion_of_clip, track_video, watch_clip

# The command line, which says its peak memory (kilobytes) at the end. A process's own record in /proc knows nothing of
# the larger one that started it; getrusage counts that in.
COMMAND = """
import atexit, sys
from likeness.app.cli import main
def tell():
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
atexit.register(tell)
sys.exit(main())
"""
FPS = 25.0
LABEL_WIDTH = 48
FURTHER = "each further frame of animate"
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
        prepared = prepare(portrait)
        encode(clip, render(prepared, moments, threads=RENDER_THREADS))
        encode(beginning_of(clip), render(prepared, moments[: beginning(frames)], threads=RENDER_THREADS))
        exhaust(track_video(read_frames(clip, quick=True), portrait.head).frames())  # compiles what is not compiled yet
        rounds = list(watch((measure(portrait, moments, still, clip) for _ in range(repeats)), "measuring", repeats))
    heading = (
        f"{portrait.camera.width} x {portrait.camera.height} pixels, {frames} frames, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; medians of {repeats} {'run' if repeats == 1 else 'runs'}"
    )
    seconds = {name: median(entry[name] for entry in rounds) for name in rounds[0]}
    return "\n".join([table(heading, seconds, frames), *flow_lines(portrait, moments, LABEL_WIDTH)])


def table(heading: str, seconds: dict[str, float], count: int) -> str:
    """The medians in the order of a run; steps of the video also per frame."""
    once = (
        ("likeness --help", "help"),
        ("start with all imports", "imports"),
        ("photo: find the face and fit the head", "fit photo"),
        ("photo: prepare the renderer", "prepare"),
    )
    per_frame = (
        ("video: decode, landmarks, texture", "watch"),
        ("video: fit the head, smooth", "fit"),
        ("render", "render"),
        ("encode", "encode"),
        ("all steps of animate, models and photo included", "animate"),
        ("the whole command, with the start", "command"),
    )
    lines = [heading, f"{'':{LABEL_WIDTH}s}{'seconds':>9s}{'ms/frame':>10s}{'frames/s':>10s}"]
    lines += [f"{label:{LABEL_WIDTH}s}{seconds[name]:9.2f}" for label, name in once]
    for label, name in per_frame:
        value = seconds[name]
        lines.append(f"{label:{LABEL_WIDTH}s}{value:9.2f}{1000.0 * value / count:10.1f}{count / value:10.1f}")
    further = (seconds["animate"] - seconds["animate beginning"]) / (count - beginning(count))
    lines.append(f"{FURTHER:{LABEL_WIDTH}s}{further:9.4f}{1000.0 * further:10.1f}{1.0 / max(further, 1e-9):10.1f}")
    return "\n".join(
        [*lines, f"{'memory of the command, at its peak':{LABEL_WIDTH}s}{seconds['memory'] / 1024:6.0f} MB"]
    )


def greeting(portrait: Portrait, count: int) -> list[MotionFrame]:
    """The demonstration's motion for that portrait, repeated to that many frames."""
    head = portrait.head
    timeline = load_timeline(TIMELINE, head)
    motion = timeline_motion(timeline, portrait.rest, head, shape=portrait.shape, camera=portrait.camera)
    return list(islice(cycle(motion.frames()), count))


def measure(portrait: Portrait, moments: list[MotionFrame], still: Path, clip: Path) -> dict[str, float]:
    """Seconds of each step, once; `memory`: kilobytes of the whole command at its peak."""
    head, count = portrait.head, len(moments)
    prepared = prepare(portrait)
    few = list(render(prepared, moments[:25], threads=RENDER_THREADS))
    seen = watch_clip(read_frames(clip, quick=True), face=None)
    out = clip.with_name("out.mp4")
    memory = [0.0]

    def command() -> None:
        memory[0] = run("animate", str(still), str(clip), "--out", str(out), "--overwrite")

    seconds = {
        "help": timed(lambda: run("--help")),
        "imports": timed(lambda: run("head", "list")),
        "fit photo": timed(lambda: portrait_from_image(portrait.image, head)),
        "prepare": timed(lambda: prepare(portrait)),
        "watch": timed(lambda: watch_clip(read_frames(clip, quick=True), face=None)),
        "fit": timed(lambda: smooth_two_sided(motion_of_clip(seen, head))),
        "render": timed(lambda: exhaust(render(prepared, moments, threads=RENDER_THREADS))),
        "encode": timed(lambda: encode(out, islice(cycle(few), count))),
        "animate": timed(lambda: animate(still, clip, out=out, overwrite=True)),
        "animate beginning": timed(lambda: animate(still, beginning_of(clip), out=out, overwrite=True)),
        "command": timed(command),
    }
    return seconds | {"memory": memory[0]}


def beginning(frames: int) -> int:
    """Length of the short clip: what a long one takes more is the time per frame, free of every start."""
    return max(5, frames // 3)


def beginning_of(clip: Path) -> Path:
    """Where the short clip lies."""
    return clip.with_name(f"beginning-{clip.name}")


def encode(out: Path, pictures: Iterable[np.ndarray]) -> None:
    """Write pictures to a video."""
    with VideoWriter(out, fps=FPS, overwrite=True) as writer:
        for picture in pictures:
            writer.write(picture)


def exhaust(items: Iterable[object]) -> None:
    """Take all items and keep none."""
    for _ in items:
        pass


def run(*arguments: str) -> float:
    """The command line in a process of its own; returns its peak memory in kilobytes.

    Raises:
        LikenessError: it failed.
    """
    done = subprocess.run([sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LikenessError(f"the measured command failed: {done.stderr.strip()[-300:]}")
    return float(done.stdout.split()[-1])


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    start = perf_counter()
    work()
    return perf_counter() - start
