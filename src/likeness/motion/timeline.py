"""Keyframe timelines: a small JSON file of tracks in degrees and named controls, and the motion it stands for.

Example: {"version": 1, "fps": 25, "duration": 4,
          "tracks": {"yaw": [{"time": 0, "value": 0}, {"time": 2, "value": 15, "ease": "linear"}]}}
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.geometry.camera import Camera
from likeness.heads.model import HeadModel
from likeness.motion.edit import ANGLE_NAMES, MAX_ANGLE, HeadEdit, apply_edit, control_names, unknown_name_message
from likeness.motion.json_input import json_number, json_record, read_json
from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame

TIMELINE_VERSION = 1
EASES = ("smooth", "linear", "hold")  # how a value goes on from its key to the next; smooth never overshoots
MAX_CONTROL = 10.0
MAX_FPS, MAX_SECONDS, MAX_KEYS, MAX_BYTES = 240.0, 3600.0, 100_000, 64 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A value at a time (seconds). The angles are in degrees, controls usually 0 to 1."""

    time: float
    value: float
    ease: str = "smooth"


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """Tracks of keys in increasing time, by angle name (yaw, ..., gaze_pitch) or control name."""

    fps: float
    duration: float  # seconds
    tracks: dict[str, tuple[Key, ...]]


def load_timeline(path: Path, head: HeadModel) -> Timeline:
    """Read and check a timeline file for that head model.

    Raises:
        InputError: the file cannot be read, is no timeline, or names what the head does not have.
    """
    path = Path(path)
    content = read_json(path, "timeline", most_bytes=MAX_BYTES)
    try:
        return parse_timeline(content, head)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_timeline(content: object, head: HeadModel) -> Timeline:
    """A timeline from decoded JSON; unknown and missing names are errors.

    Raises:
        InputError: it is not a timeline for this head model.
    """
    entries = json_record(content, "the timeline", required={"version", "fps", "duration", "tracks"}, optional=set())
    if type(entries["version"]) is int and entries["version"] > TIMELINE_VERSION:
        raise InputError(f"timeline version {entries['version']} is newer than {TIMELINE_VERSION}: update likeness")
    if entries["version"] != TIMELINE_VERSION:
        raise InputError(f"the timeline has version {entries['version']!r}, expected {TIMELINE_VERSION}")
    fps = json_number(entries["fps"], "fps", 1.0, MAX_FPS)
    duration = json_number(entries["duration"], "duration", 1.0 / fps, MAX_SECONDS)
    tracks = entries["tracks"]
    if not isinstance(tracks, dict):
        raise InputError("tracks must map names to lists of keys")
    known = (*ANGLE_NAMES, *control_names(head))
    parsed = {}
    for name, keys in tracks.items():
        if name not in known:
            raise InputError(unknown_name_message("track", name, known))
        if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
            raise InputError(f"the track {name} must be a list of 1 to {MAX_KEYS} keys")
        limit = MAX_ANGLE if name in ANGLE_NAMES else MAX_CONTROL
        parsed[name] = tuple(_parse_key(key, f"key {i} of {name}", duration, limit) for i, key in enumerate(keys))
        times = [key.time for key in parsed[name]]
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise InputError(f"the keys of {name} must stand in increasing time")
    return Timeline(fps=fps, duration=duration, tracks=parsed)


def timeline_motion(
    timeline: Timeline, rest: MotionFrame, head: HeadModel, *, shape: Float[np.ndarray, " S"], camera: Camera
) -> Motion:
    """The timeline played on a portrait's rest frame, one frame every 1 / fps seconds up to and with the duration."""
    times = np.arange(math.floor(timeline.duration * timeline.fps + 1e-6) + 1) / timeline.fps
    edits = timeline_edits(timeline, times)
    return motion_of_edits(edits, rest, head, fps=timeline.fps, shape=shape, camera=camera, source="timeline")


def timeline_edits(timeline: Timeline, times: Float[np.ndarray, " T"]) -> list[HeadEdit]:
    """What the timeline asks for at each of the times (seconds)."""
    values = {name: sample_track(keys, times) for name, keys in timeline.tracks.items()}
    return [
        HeadEdit(
            **{name: float(values[name][index]) for name in ANGLE_NAMES if name in values},
            controls={name: float(track[index]) for name, track in values.items() if name not in ANGLE_NAMES},
        )
        for index in range(len(times))
    ]


def sweep(
    edit: HeadEdit,
    rest: MotionFrame,
    head: HeadModel,
    *,
    seconds: float,
    fps: float,
    shape: Float[np.ndarray, " S"],
    camera: Camera,
) -> Motion:
    """From the rest frame to the edit in the middle and back, softly; first and last frame are the rest frame.

    Raises:
        InputError: fps or seconds out of range, or the edit names what the head does not have.
    """
    fps = json_number(fps, "fps", 1.0, MAX_FPS)
    seconds = json_number(seconds, "seconds", 2.0 / fps, MAX_SECONDS)
    count = max(round(seconds * fps), 2) + 1
    edits = [edit.scaled(float(part)) for part in sweep_parts(count)]
    return motion_of_edits(edits, rest, head, fps=fps, shape=shape, camera=camera, source="sweep")


def sweep_parts(count: int) -> Float[np.ndarray, " T"]:
    """How much of an edit each of `count` frames of a sweep shows: softly from 0 to 1 and back."""
    return 0.5 - 0.5 * np.cos(np.linspace(0.0, 2.0 * np.pi, count))


def motion_of_edits(
    edits: Sequence[HeadEdit],
    rest: MotionFrame,
    head: HeadModel,
    *,
    fps: float,
    shape: Float[np.ndarray, " S"],
    camera: Camera,
    source: str,
) -> Motion:
    """One frame per edit, each applied to the rest frame."""
    frames = [apply_edit(rest, edit, head) for edit in edits]
    return Motion(
        head_name=head.name,
        head_version=head.version,
        expression_names=tuple(head.expression_names),
        source=source,
        tracker="authored",
        fps=fps,
        times=np.arange(len(frames)) / fps,
        **{name: np.stack([getattr(frame, name) for frame in frames]) for name in FRAME_FIELDS},
        confidence=np.ones(len(frames)),
        valid=np.ones(len(frames), dtype=bool),
        shape=np.asarray(shape, dtype=np.float64),
        intrinsics=camera.intrinsics,
        image_size=(camera.width, camera.height),
        reference=0,
    )


def sample_track(keys: Sequence[Key], times: Float[np.ndarray, " T"]) -> Float[np.ndarray, " T"]:
    """Values of a track at the times (seconds); held before its first and after its last key.

    Smooth parts are monotone cubics (Fritsch and Butland 1984): no overshoot, and flat at turning points and ends.
    """
    key_times, values = np.array([key.time for key in keys]), np.array([key.value for key in keys])
    if len(keys) == 1:
        return np.full(len(times), values[0])
    spans = np.diff(key_times)
    secants = np.diff(values) / spans
    slopes = np.zeros(len(keys))
    for index in range(1, len(keys) - 1):
        before, after = secants[index - 1], secants[index]
        if before * after > 0:
            weights = 2 * spans[index] + spans[index - 1], spans[index] + 2 * spans[index - 1]
            slopes[index] = sum(weights) / (weights[0] / before + weights[1] / after)
    segment = np.clip(np.searchsorted(key_times, times, side="right") - 1, 0, len(keys) - 2)
    span = spans[segment]
    part = np.clip((times - key_times[segment]) / span, 0.0, 1.0)
    low, high = values[segment], values[segment + 1]
    cubic = low + (high - low) * part**2 * (3 - 2 * part)
    cubic += span * part * (1 - part) * (slopes[segment] * (1 - part) - slopes[segment + 1] * part)
    eases = np.array([key.ease for key in keys])[segment]
    held = np.where(part < 1.0, low, high)
    return np.select([eases == "linear", eases == "hold"], [low + (high - low) * part, held], cubic)


def _parse_key(content: object, where: str, duration: float, limit: float) -> Key:
    entries = json_record(content, where, required={"time", "value"}, optional={"ease"})
    ease = entries.get("ease", "smooth")
    if ease not in EASES:
        raise InputError(f"the ease of {where} is {ease!r}: choose {', '.join(EASES)}")
    time = json_number(entries["time"], f"the time of {where}", 0.0, duration)
    return Key(time=time, value=json_number(entries["value"], f"the value of {where}", -limit, limit), ease=ease)
