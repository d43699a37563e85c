"""Where a free camera goes around a head: an orbit, or keyframes from a small JSON file; and how that turns a head.

Orbit: yaw a sin(2 pi t / N), pitch b cos(2 pi t / N) (Export3D section 7). The camera looks at the middle of the head.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from likeness.errors import InputError
from likeness.export3d.cameras import (
    HALF_BOX,
    NEAREST,
    SCALE,
    ViewRange,
    camera_around,
    camera_of_frame,
    frame_of_camera,
    head_from_world,
    world_from_head,
)
from likeness.geometry.camera import Camera
from likeness.geometry.rotation import axis_angle_from_matrix
from likeness.heads.model import HeadModel
from likeness.heads.skinning import posed_vertices
from likeness.motion.edit import TRUSTED_ANGLES
from likeness.motion.json_input import json_number, json_record, read_json
from likeness.motion.record import MotionFrame
from likeness.motion.timeline import Key, sample_track
from likeness.tracking.portrait import Portrait

TRAINED = ViewRange(yaw=math.radians(40.0), pitch=math.radians(25.0))  # that training clips and made people span
WARPED = ViewRange(yaw=math.radians(TRUSTED_ANGLES["yaw"]), pitch=math.radians(TRUSTED_ANGLES["pitch"]))
MOST_YAW, MOST_PITCH = 180.0, 85.0  # degrees
ORBIT_YAW, ORBIT_PITCH = 20.0, 14.0  # degrees, of an orbit for which none are asked
RADIUS_RANGE = (math.ceil(100.0 * (HALF_BOX + NEAREST) * math.sqrt(3.0) / SCALE) / 100.0, 20.0)  # m, outside the cube
MAX_BYTES, MAX_KEYS, MAX_SECONDS = 1 << 20, 1000, 600.0
_NOT_HEAD = ("neck",)


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraPlace:
    """One place on a path."""

    yaw: float  # radians, to the subject's left
    pitch: float  # radians, up
    radius: float  # metres


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraPath:
    """Places by how much of the path is done, 0 to 1."""

    at: Callable[[float], CameraPlace]
    seconds: float | None  # it takes; None: as long as one likes


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What cameras go around: the head of a portrait as its photo shows it."""

    pivot: Float[np.ndarray, "3"]  # the middle of the head, world
    source: CameraPlace  # of the photo's own camera
    intrinsics: Float[np.ndarray, "3 3"]  # of a square that shows the head as large as the photo's square does


def stage_of(portrait: Portrait, square: Camera) -> Stage:
    """The stage of a portrait.

    Args:
        square: the camera of the square around its head.
    """
    pivot = head_middle(portrait.head, portrait.shape, portrait.rest)
    away = camera_of_frame(portrait.rest, square)[[3, 7, 11]].astype(np.float64) - pivot
    distance = float(np.linalg.norm(away))
    intrinsics = square.intrinsics.copy()
    intrinsics[:2, 2] = 0.5
    yaw, pitch = math.atan2(away[0], away[2]), math.asin(away[1] / distance)
    return Stage(pivot=pivot, source=CameraPlace(yaw=yaw, pitch=pitch, radius=distance / SCALE), intrinsics=intrinsics)


def head_middle(head: HeadModel, shape: Float[np.ndarray, " S"], frame: MotionFrame) -> Float[np.ndarray, "3"]:
    """The middle of the box around a head without its neck, world."""
    names = [name for name in head.part_names if name not in _NOT_HEAD]
    vertices = posed_vertices(head, shape, frame.expression, frame.joints)[np.unique(head.part_faces(*names))]
    return world_from_head(0.5 * (vertices.min(axis=0) + vertices.max(axis=0)).astype(np.float64))


def orbit_path(place: CameraPlace) -> CameraPath:
    """A closed curve around the face that goes as far as the place is."""

    def at(part: float) -> CameraPlace:
        angle = 2.0 * math.pi * part
        return replace(place, yaw=place.yaw * math.sin(angle), pitch=place.pitch * math.cos(angle))

    return CameraPath(at=at, seconds=None)


def default_angles(stage: Stage, *, is_warped: bool) -> tuple[float, float]:
    """Yaw and pitch of an orbit for which none are asked, degrees.

    Args:
        is_warped: the photo is warped: the orbit goes no farther from its own view than pictures are known to bear.
    """
    if not is_warped:
        return ORBIT_YAW, ORBIT_PITCH
    left = (
        math.degrees(WARPED.yaw - abs(stage.source.yaw)),
        math.degrees(WARPED.pitch - abs(stage.source.pitch)),
    )
    return min(ORBIT_YAW, max(left[0], 0.0)), min(ORBIT_PITCH, max(left[1], 0.0))


def still_place(*, yaw: float, pitch: float, radius: float) -> CameraPlace:
    """One place, angles in degrees.

    Raises:
        InputError: an angle or the radius is out of range.
    """
    return CameraPlace(
        yaw=math.radians(json_number(yaw, "--yaw", -MOST_YAW, MOST_YAW)),
        pitch=math.radians(json_number(pitch, "--pitch", -MOST_PITCH, MOST_PITCH)),
        radius=json_number(radius, "--radius", *RADIUS_RANGE),
    )


def load_path(path: Path, *, radius: float) -> CameraPath:
    """Keyframes: a list of {"time": seconds, "yaw": degrees, "pitch": degrees, "radius": metres}, smooth in between.

    Args:
        radius: of keys that do not tell theirs.

    Raises:
        InputError: the file cannot be read, or is no path.
    """
    content = read_json(path, "camera path", most_bytes=MAX_BYTES)
    try:
        keys = parse_path(content, radius=radius)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    seconds = keys["yaw"][-1].time

    def at(part: float) -> CameraPlace:
        yaw, pitch, distance = (
            float(sample_track(keys[name], np.array([part * seconds]))[0]) for name in ("yaw", "pitch", "radius")
        )
        return CameraPlace(yaw=math.radians(yaw), pitch=math.radians(pitch), radius=distance)

    return CameraPath(at=at, seconds=seconds)


def parse_path(content: object, *, radius: float) -> dict[str, Sequence[Key]]:
    """Tracks of a path from decoded JSON.

    Raises:
        InputError: it is none.
    """
    if not isinstance(content, list) or not 2 <= len(content) <= MAX_KEYS:
        raise InputError(f"a camera path is a list of 2 to {MAX_KEYS} keys with time, yaw and pitch")
    limits = {"yaw": (-MOST_YAW, MOST_YAW), "pitch": (-MOST_PITCH, MOST_PITCH), "radius": RADIUS_RANGE}
    tracks: dict[str, list[Key]] = {name: [] for name in limits}
    for number, entry in enumerate(content):
        where = f"key {number}"
        values = json_record(entry, where, required={"time", "yaw", "pitch"}, optional={"radius"})
        time = json_number(values["time"], f"the time of {where}", 0.0, MAX_SECONDS)
        for name, (low, high) in limits.items():
            value = json_number(values.get(name, radius), f"the {name} of {where}", low, high)
            tracks[name].append(Key(time=time, value=value))
    times = [key.time for key in tracks["yaw"]]
    if times[0] != 0.0 or any(later <= earlier for earlier, later in pairwise(times)):
        raise InputError("the keys of a camera path start at time 0 and stand in increasing time")
    return {name: tuple(keys) for name, keys in tracks.items()}


def camera_at(stage: Stage, place: CameraPlace) -> Float32[np.ndarray, "25"]:
    """The camera at a place.

    Raises:
        InputError: it stands inside the head.
    """
    return camera_around(
        place.yaw, place.pitch, radius=place.radius * SCALE, pivot=stage.pivot, intrinsics=stage.intrinsics
    )


def turned_head(portrait: Portrait, stage: Stage, frame: MotionFrame, place: CameraPlace) -> MotionFrame:
    """The frame's head, seen by the photo's camera as a camera at that place would see it.

    The middle of the head stays where it is in the photo; a nearer camera brings it nearer.
    """
    T_orbit_head, _ = frame_of_camera(camera_at(stage, place).astype(np.float64), width=1, height=1)
    middle = head_from_world(stage.pivot)
    seen = portrait.rest.T_cam_head.apply(middle)
    rotation = _turn_from_axis(seen) @ T_orbit_head.rotation
    nearer = place.radius / stage.source.radius
    return replace(frame, rotation=axis_angle_from_matrix(rotation), translation=nearer * seen - rotation @ middle)


def range_warning(places: Sequence[CameraPlace], stage: Stage, *, is_warped: bool) -> str | None:
    """One sentence if a path goes farther around the head than pictures are known to bear.

    Args:
        is_warped: the photo is warped: what counts is the turn from its own view.
    """
    centre, limit = (stage.source, WARPED) if is_warped else (CameraPlace(yaw=0.0, pitch=0.0, radius=1.0), TRAINED)
    yaw = max(abs(place.yaw - centre.yaw) for place in places)
    pitch = max(abs(place.pitch - centre.pitch) for place in places)
    if yaw <= limit.yaw + 1e-6 and pitch <= limit.pitch + 1e-6:
        return None
    means = "flow-warp turns a head from its photo" if is_warped else "models are trained"
    return (
        f"the camera goes to yaw {math.degrees(yaw):.0f} and pitch {math.degrees(pitch):.0f} degrees"
        f"{' from the photo' if is_warped else ''}, {means} up to yaw {math.degrees(limit.yaw):.0f} and pitch "
        f"{math.degrees(limit.pitch):.0f}: expect a broken picture beyond"
    )


def _turn_from_axis(direction: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The smallest rotation that takes the optical axis to a direction before the camera (Rodrigues)."""
    ahead = direction / np.linalg.norm(direction)
    x, y, cosine = ahead
    skew = np.array([[0.0, 0.0, x], [0.0, 0.0, y], [-x, -y, 0.0]])
    return np.eye(3) + skew + skew @ skew / (1.0 + cosine)
