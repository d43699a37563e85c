"""From a video to a `Motion`: a first pass keeps a few numbers of each frame, a second fits the head to those."""

import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float32, UInt8

from likeness.errors import InputError, NoFaceError
from likeness.geometry.camera import DEFAULT_FOCAL_RATIO, default_camera
from likeness.heads.model import HeadModel
from likeness.media.video_reader import VideoFrame
from likeness.motion.face_points import lip_gaps
from likeness.motion.neutral import with_lip_gaps
from likeness.motion.one_euro import smooth_causal
from likeness.motion.record import Motion
from likeness.motion.smoothing import smooth_two_sided
from likeness.tracking.assemble import motion_from_readings
from likeness.tracking.fit import FitState
from likeness.tracking.landmarks import MINIMUM_FACE_PIXELS, LandmarkDetector
from likeness.tracking.lips import measured_seal
from likeness.tracking.person import FIT_THREADS, Person, Reading, estimate_person, fit_at_pose, fit_frame, reading
from likeness.tracking.rigid_points import Keyframe, RigidMatcher, RigidMatches
from likeness.tracking.texture import steady_poses

TRACKER = "likeness 1"
Smoothing = Literal["two-sided", "causal", "none"]
SHAPE_FRAMES = 12  # spread over the clip, from which the identity is estimated
GAZE_TRUST = 0.3  # an eye that is more shut than this keeps its last gaze
_READ_AT_ONCE = 64  # frames; an interrupted run waits for no more
_LEAD = 3  # frames fitted before a part of a clip that is read beside the others
_AHEAD = 3  # frames decoded before they are wanted

Progress = Callable[[Iterable[Any], str, int | None], Iterable[Any]]  # sees each item of a long step as it passes

log = logging.getLogger(__name__)


def in_silence(items: Iterable[Any], label: str, total: int | None) -> Iterable[Any]:
    """The items, with nobody looking."""
    return items


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenFrame:
    """What is kept of a frame that shows the face."""

    points: Float32[np.ndarray, "478 3"]  # landmarks, pixels
    score: float
    matches: RigidMatches


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenClip:
    """What is kept of a clip."""

    frames: list[SeenFrame | None]  # None: no face
    times: Float[np.ndarray, " T"]  # seconds
    keyframes: list[Keyframe]
    width: int
    height: int


def track_video(
    frames: Iterable[VideoFrame],
    head: HeadModel,
    *,
    face: int | None = None,
    smoothing: Smoothing = "two-sided",
    focal_ratio: float = DEFAULT_FOCAL_RATIO,
    source: str = "",
    progress: Progress = in_silence,
) -> Motion:
    """The performance of face number `face` from the left (from 1) in the first frame with faces, else of the largest.

    Memory holds numbers, never the frames. Identity, its scale and the focal length are the same in all frames. Where
    the face is lost, `valid` is False: its numbers are held for `HOLD_SECONDS`, then expression and gaze fade to rest.
    `progress` sees the frames pass once more while the head is fitted, after `frames` has ended.

    Raises:
        InputError: there is no frame.
        NoFaceError: no frame shows a usable face, or the first one fewer than `face`.
    """
    motion = motion_of_clip(
        watch_clip(frames, face=face), head, focal_ratio=focal_ratio, source=source, progress=progress
    )  # what was kept of the clip is gone by now
    if smoothing == "none":
        return motion
    return with_lips_of(smooth_two_sided(motion) if smoothing == "two-sided" else smooth_causal(motion), motion, head)


def with_lips_of(smoothed: Motion, measured: Motion, head: HeadModel) -> Motion:
    """The smoothed motion with the lips as far apart as they were measured: smoothing jaw and expression apart from
    each other would open closed lips and blur speech.
    """
    seal = measured_seal(head, measured.shape)
    gaps = lip_gaps(seal.lips, measured.expression, measured.jaw)
    expression, jaw = with_lip_gaps(seal, smoothed.expression, smoothed.jaw, gaps)
    return smoothed.with_frames(expression=expression, jaw=jaw)


def motion_of_clip(
    clip: SeenClip,
    head: HeadModel,
    *,
    focal_ratio: float = DEFAULT_FOCAL_RATIO,
    source: str = "",
    progress: Progress = in_silence,
) -> Motion:
    """The second half of `track_video`: the head fitted to what was kept of a clip; nothing is smoothed.

    Raises:
        NoFaceError: no frame shows a usable face.
    """
    seen = [frame for frame in clip.frames if frame is not None]
    if not seen:
        raise NoFaceError(
            f"no frame shows a face at least {MINIMUM_FACE_PIXELS:.0f} pixels high;"
            " use a video with a clearly visible face"
        )
    if len(seen) < len(clip.frames):
        log.warning(
            "no face in %d of %d frames: held, then faded there", len(clip.frames) - len(seen), len(clip.frames)
        )
    chosen = np.linspace(0, len(seen) - 1, min(SHAPE_FRAMES, len(seen))).round().astype(int)
    camera = default_camera(clip.width, clip.height, focal_ratio)
    person = estimate_person(head, camera, [seen[index].points.astype(np.float64) for index in chosen])
    readings = read_clip(person, clip, progress=progress)
    return motion_from_readings(person, readings, clip.times, source=source, tracker=TRACKER)


def watch_clip(frames: Iterable[VideoFrame], *, face: int | None) -> SeenClip:
    """Landmarks and texture matches of every frame; decoding, landmarks and matching run side by side.

    Raises:
        InputError: there is no frame.
        NoFaceError: the first frame with faces shows fewer than `face`.
    """
    matcher = RigidMatcher()
    seen: list[SeenFrame | Future[SeenFrame] | None] = []
    times: list[float] = []
    size = None
    with LandmarkDetector() as detector, ThreadPoolExecutor(1) as worker, closing(_ahead(frames)) as decoded:
        for index, frame in enumerate(decoded):
            size = size or (frame.image.shape[1], frame.image.shape[0])
            times.append(frame.time_seconds)
            found = detector.follow(frame.image, face=face)
            if found is None:
                seen.append(None)
            else:
                seen.append(worker.submit(_seen_frame, matcher, frame.image, found.points, found.score, index))
            if index >= _AHEAD and isinstance(done := seen[index - _AHEAD], Future):
                seen[index - _AHEAD] = done.result()  # waits, so that images do not pile up
        kept = [frame.result() if isinstance(frame, Future) else frame for frame in seen]
    if size is None:
        raise InputError("the video has no frames; use another file")
    return SeenClip(frames=kept, times=np.array(times), keyframes=matcher.keyframes, width=size[0], height=size[1])


def read_clip(person: Person, clip: SeenClip, *, progress: Progress = in_silence) -> list[Reading | None]:
    """Every frame as numbers: poses that landmarks and texture agree on, then expression; None without a face."""
    points = [None if seen is None else seen.points for seen in clip.frames]
    matches = [None if seen is None else seen.matches for seen in clip.frames]
    states = _followed(person, points, progress)
    steady = steady_poses(person, states, points, matches, clip.keyframes)

    def read(index: int) -> Reading | None:
        seen, place, state = clip.frames[index], points[index], steady[index]
        if seen is None or place is None or state is None:
            return None
        place = place.astype(np.float64)
        result = reading(person, place, fit_at_pose(person, place, state))
        return replace(result, confidence=result.confidence * seen.score)

    readings: list[Reading | None] = []
    last: Reading | None = None
    with ThreadPoolExecutor(FIT_THREADS) as workers:
        for start in range(0, len(steady), _READ_AT_ONCE):
            for result in workers.map(read, range(start, min(start + _READ_AT_ONCE, len(steady)))):
                if result is not None:
                    result = last = result if last is None else with_kept_gaze(result, last)
                readings.append(result)
    return readings


def _followed(
    person: Person, points: list[Float32[np.ndarray, "478 3"] | None], progress: Progress
) -> list[FitState | None]:
    """The head fitted to each frame, warm from the one before; parts of the clip side by side."""

    def follow(part: range) -> list[FitState | None]:
        states: list[FitState | None] = [None]
        lead = range(max(part.start - _LEAD, 0), part.start)  # so that a part begins as warm as the one before ends
        for index in (*lead, *part):
            place = points[index]
            states.append(None if place is None else fit_frame(person, place.astype(np.float64), states[-1]))
        return states[1 + len(lead) :]

    count = len(points)
    parts = [range(start, min(start + _READ_AT_ONCE, count)) for start in range(0, count, _READ_AT_ONCE)]
    states: list[FitState | None] = []
    passing = iter(progress(points, "fitting", count))
    with ThreadPoolExecutor(FIT_THREADS) as workers:
        for part in workers.map(follow, parts):
            states.extend(part)
            for _ in part:
                next(passing)
    for _ in passing:  # its end is seen too
        pass
    return states


def with_kept_gaze(result: Reading, last: Reading) -> Reading:
    """During a blink the iris cannot be seen: the eyes keep looking where they looked."""
    share = float(np.clip(result.gaze_trust / GAZE_TRUST, 0.0, 1.0))
    if share == 1.0:
        return result
    eyes = {
        name: share * getattr(result.frame, name) + (1.0 - share) * getattr(last.frame, name)
        for name in ("eye_left", "eye_right")
    }
    return replace(result, frame=replace(result.frame, **eyes))


def _seen_frame(
    matcher: RigidMatcher,
    image: UInt8[np.ndarray, "H W 3"],
    points: Float[np.ndarray, "478 3"],
    score: float,
    index: int,
) -> SeenFrame:
    return SeenFrame(points=points.astype(np.float32), score=score, matches=matcher.match(image, points, index))


def _ahead(frames: Iterable[VideoFrame]) -> Generator[VideoFrame, None, None]:
    """The frames, decoded a few ahead in another thread; its errors are raised here."""
    waiting: queue.Queue[VideoFrame | BaseException | None] = queue.Queue(_AHEAD)
    is_over = threading.Event()

    def put(item: VideoFrame | BaseException | None) -> bool:
        while not is_over.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def decode() -> None:
        try:
            for frame in frames:
                if not put(frame):
                    return
            put(None)
        except BaseException as error:  # handed over: whatever it is, it ends the reader's loop
            put(error)
        finally:
            if isinstance(frames, Generator):
                frames.close()  # the file, and what shows its progress, end before an error is reported

    thread = threading.Thread(target=decode, name="decoding", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_over.set()
        thread.join()
