"""Gaze and lid aperture from the landmarks of the eyes, in the head's own frame: pose and distance removed."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numba import njit

from likeness.geometry.camera import Camera
from likeness.geometry.transform import RigidTransform
from likeness.heads.landmark_sets import (
    EYE_CORNERS_LEFT,
    EYE_CORNERS_RIGHT,
    IRIS_LEFT,
    IRIS_RIGHT,
    LOWER_LID_LEFT,
    LOWER_LID_RIGHT,
    UPPER_LID_LEFT,
    UPPER_LID_RIGHT,
)
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, HeadModel
from likeness.heads.skinning import landmark_points

EYEBALL_RADIUS = 0.0125  # metres, where a head model has no eyeballs of its own
MAXIMUM_TURN = np.radians(40.0)  # of an eyeball
SHARED_GAZE = 0.65  # 1: both eyes turn alike; the rest is left to each eye
CLOSED_APERTURE, OPEN_APERTURE = 0.06, 0.16  # between these an iris counts more and more

_IRISES = np.array([IRIS_LEFT[0], IRIS_RIGHT[0]])
_CORNERS = np.array([EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT])
_UPPER = np.array([UPPER_LID_LEFT, UPPER_LID_RIGHT])
_LOWER = np.array([LOWER_LID_LEFT, LOWER_LID_RIGHT])


@dataclass(frozen=True, kw_only=True, slots=True)
class EyeGeometry:
    """Where the eyeballs sit relative to the middle of the lids' corners, left then right, metres."""

    offsets: Float[np.ndarray, "2 3"]
    radii: Float[np.ndarray, "2"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EyeReading:
    """What one frame shows of the eyes, left then right."""

    gaze: Float[np.ndarray, "2 3"]  # axis-angle in radians, rotation of the eyeball in the head
    lids: Float[np.ndarray, "2"]  # mean lid gap / eye width
    trust: float  # 0 to 1: both eyes shut to at least one well open


def eye_geometry(head: HeadModel, shape: Float[np.ndarray, " S"]) -> EyeGeometry:
    """Eyeballs of a person's head at rest."""
    vertices = head.template + head.shape_basis @ shape
    landmarks = landmark_points(head, vertices)
    joints = head.joint_positions + head.joint_shape_basis @ shape
    offsets, radii = [], []
    for joint, corners, part in ((EYE_LEFT, EYE_CORNERS_LEFT, "eye_left"), (EYE_RIGHT, EYE_CORNERS_RIGHT, "eye_right")):
        offsets.append(joints[joint] - landmarks[list(corners)].mean(axis=0))
        radius = EYEBALL_RADIUS
        if part in head.part_names:
            ball = vertices[np.unique(head.part_faces(part))]
            radius = float(np.median(np.linalg.norm(ball - joints[joint], axis=1)))
        radii.append(radius)
    return EyeGeometry(offsets=np.array(offsets), radii=np.array(radii))


def read_eyes(
    points: Float[np.ndarray, "478 3"],
    fitted: Float[np.ndarray, "468 3"],
    T_cam_head: RigidTransform,
    camera: Camera,
    geometry: EyeGeometry,
) -> EyeReading:
    """Gaze and apertures from landmarks in pixels; `fitted` are the head-frame landmarks (metres) of the same frame.

    A measured landmark is placed in the head where its ray passes the depth of the fitted one. An iris turns its
    eyeball so that its centre lies where the iris's ray meets the ball; the better visible eye counts more.
    """
    directions, lids, trusts, widths = np.empty((2, 3)), np.empty(2), np.empty(2), np.empty(2)
    _read_sides(
        directions,
        lids,
        trusts,
        widths,
        points,
        fitted,
        T_cam_head.rotation,
        T_cam_head.translation,
        camera.centre_pixels,
        camera.focal_pixels,
        geometry.offsets,
        geometry.radii,
    )
    largest = widths.max()
    share = (trusts + 1e-3 * largest) / (trusts + 1e-3 * largest).sum()
    common = share @ directions
    own = SHARED_GAZE * common + (1.0 - SHARED_GAZE) * directions
    gaze = np.stack([turn_to(own[side] if trusts[side] > 0.0 else common) for side in range(2)])
    return EyeReading(gaze=gaze, lids=lids, trust=float(np.clip(trusts.max() / max(largest, 1e-6), 0.0, 1.0)))


@njit(cache=True, nogil=True, error_model="numpy")
def _read_sides(  # noqa: PLR0913 - a kernel: plain arrays only
    directions: np.ndarray,  # [2 3] written: unit vectors of the gaze in the head
    lids: np.ndarray,  # [2] written
    trusts: np.ndarray,  # [2] written: openness x width
    widths: np.ndarray,  # [2] written: between the corners of the lids, pixels
    points: np.ndarray,  # [478 3] pixels
    fitted: np.ndarray,  # [468 3] head frame, metres
    rotation: np.ndarray,
    translation: np.ndarray,
    centre_pixels: np.ndarray,
    focal_pixels: np.ndarray,
    offsets: np.ndarray,
    radii: np.ndarray,
) -> None:
    origin = -rotation.T @ translation
    for side in range(2):
        corners = np.empty((2, 3))
        for end in range(2):
            corners[end] = _in_head(
                _CORNERS[side, end], points, fitted, rotation, translation, centre_pixels, focal_pixels
            )
        gap = 0.0
        for lid in range(_UPPER.shape[1]):
            upper = _in_head(_UPPER[side, lid], points, fitted, rotation, translation, centre_pixels, focal_pixels)
            lower = _in_head(_LOWER[side, lid], points, fitted, rotation, translation, centre_pixels, focal_pixels)
            gap += (upper[1] - lower[1]) / _UPPER.shape[1]
        width = np.sqrt(((corners[0] - corners[1]) ** 2).sum())
        lids[side] = max(gap / max(width, 1e-4), 0.0)
        ray = np.ones(3)
        ray[:2] = (points[_IRISES[side], :2] - centre_pixels) / focal_pixels
        ray = rotation.T @ ray
        middle = 0.5 * (corners[0] + corners[1]) + offsets[side]
        directions[side] = _ball_direction(origin, ray, middle, radii[side])
        seen = points[_CORNERS[side, 0], :2] - points[_CORNERS[side, 1], :2]
        widths[side] = np.sqrt(seen[0] ** 2 + seen[1] ** 2)
        openness = (lids[side] - CLOSED_APERTURE) / (OPEN_APERTURE - CLOSED_APERTURE)
        trusts[side] = min(max(openness, 0.0), 1.0) * widths[side]


@njit(cache=True, nogil=True, error_model="numpy")
def _in_head(
    index: int,
    points: np.ndarray,
    fitted: np.ndarray,
    rotation: np.ndarray,
    translation: np.ndarray,
    centre_pixels: np.ndarray,
    focal_pixels: np.ndarray,
) -> np.ndarray:
    """A measured landmark in the head frame, metres, as deep as the fitted one."""
    place = np.empty(3)
    place[2] = translation[2]
    for axis in range(3):
        place[2] += rotation[2, axis] * fitted[index, axis]
    for axis in range(2):
        place[axis] = (points[index, axis] - centre_pixels[axis]) / focal_pixels[axis] * place[2]
    return rotation.T @ (place - translation)


@njit(cache=True, nogil=True, error_model="numpy")
def _ball_direction(origin: np.ndarray, ray: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """Unit vector from the centre of a ball to where a ray first meets it, or comes closest."""
    ray = ray / np.sqrt((ray**2).sum())
    along = ((centre - origin) * ray).sum()
    beside = origin + along * ray - centre
    inside = radius**2 - (beside**2).sum()
    point = beside - np.sqrt(max(inside, 0.0)) * ray
    return point / max(np.sqrt((point**2).sum()), 1e-9)


def turn_to(direction: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Shortest rotation (axis-angle) that takes straight ahead (+z) to a direction, at most MAXIMUM_TURN."""
    x, y, z = direction.tolist()
    length = math.hypot(x, y)
    factor = min(math.atan2(length, z), float(MAXIMUM_TURN)) / max(length, 1e-9)
    return np.array([-y * factor, x * factor, 0.0])
