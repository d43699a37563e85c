"""Gaze and lid aperture from the landmarks of the eyes, in the head's own frame: pose and distance removed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

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
    depth = T_cam_head.apply(fitted)[:, 2]
    T_head_cam = T_cam_head.inverse()
    measured = T_head_cam.apply(camera.unproject(points[:468, :2], depth))
    lids, directions, trusts = np.empty(2), np.empty((2, 3)), np.empty(2)
    sides = (
        (IRIS_LEFT[0], EYE_CORNERS_LEFT, UPPER_LID_LEFT, LOWER_LID_LEFT),
        (IRIS_RIGHT[0], EYE_CORNERS_RIGHT, UPPER_LID_RIGHT, LOWER_LID_RIGHT),
    )
    for side, (iris, corners, upper, lower) in enumerate(sides):
        width = np.linalg.norm(measured[corners[0]] - measured[corners[1]])
        gaps = measured[list(upper), 1] - measured[list(lower), 1]
        lids[side] = max(float(gaps.mean() / max(width, 1e-4)), 0.0)
        centre = measured[list(corners)].mean(axis=0) + geometry.offsets[side]
        ray = T_head_cam.rotation @ np.append((points[iris, :2] - camera.centre_pixels) / camera.focal_pixels, 1.0)
        directions[side] = _ball_direction(T_head_cam.translation, ray, centre, float(geometry.radii[side]))
        seen_width = np.linalg.norm(points[corners[0], :2] - points[corners[1], :2])
        openness = np.clip((lids[side] - CLOSED_APERTURE) / (OPEN_APERTURE - CLOSED_APERTURE), 0.0, 1.0)
        trusts[side] = openness * seen_width
    largest = max(np.linalg.norm(points[c[0], :2] - points[c[1], :2]) for c in (EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT))
    share = (trusts + 1e-3 * largest) / (trusts + 1e-3 * largest).sum()
    common = share @ directions
    own = SHARED_GAZE * common + (1.0 - SHARED_GAZE) * directions
    own = np.where(trusts[:, None] > 0.0, own, common)
    gaze = np.stack([_turn_to(direction) for direction in own])
    return EyeReading(gaze=gaze, lids=lids, trust=float(np.clip(trusts.max() / max(largest, 1e-6), 0.0, 1.0)))


def _ball_direction(
    origin: Float[np.ndarray, "3"], ray: Float[np.ndarray, "3"], centre: Float[np.ndarray, "3"], radius: float
) -> Float[np.ndarray, "3"]:
    """Unit vector from the centre of a ball to where a ray first meets it, or comes closest."""
    ray = ray / np.linalg.norm(ray)
    along = (centre - origin) @ ray
    beside = origin + along * ray - centre
    inside = radius**2 - beside @ beside
    point = beside - np.sqrt(max(inside, 0.0)) * ray
    return point / max(float(np.linalg.norm(point)), 1e-9)


def _turn_to(direction: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Shortest rotation (axis-angle) that takes straight ahead (+z) to a direction, at most MAXIMUM_TURN."""
    axis = np.array([-direction[1], direction[0], 0.0])
    length = float(np.linalg.norm(axis))
    angle = min(float(np.arctan2(length, direction[2])), float(MAXIMUM_TURN))
    return axis * (angle / max(length, 1e-9))
