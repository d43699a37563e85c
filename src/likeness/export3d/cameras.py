"""Cameras as the 25 numbers that Export3D works with: camera to world, row by row, then normalised intrinsics.

The world is the head at rest before the camera: x to the right of the picture (the subject's left), y up, z out of the
face; the cube of half a unit around its origin holds the head. A camera looks along its own z, with x right and y down
(OpenCV).

Heads in metres come in by `world_from_head`. Fits of Deep3DFaceRecon, in the units of the Basel Face Model, come in by
`camera_of_fit`; both give the same cameras (EG3D's cropping and world, section 1.4 of its conventions).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from likeness.errors import InputError
from likeness.export3d.config import CAMERA_NUMBERS, PoseMode
from likeness.geometry.camera import Camera
from likeness.geometry.transform import RigidTransform
from likeness.motion.importers.deep3d import (
    FIT_DISTANCE,
    FIT_FOCAL,
    FIT_SIDE,
    METRES_PER_FIT_UNIT,
    fit_rotation,
)
from likeness.motion.record import MotionFrame

RADIUS = 2.7  # world units from the origin to the canonical camera
FOCAL = 1015.0 * (300.0 / 102.0) / 700.0  # normalised, of EG3D's crop: 4.2647
HALF_BOX = 0.5  # world units: half the side of the cube that the planes span
FIT_SCALE = 0.27  # world units per unit of the Basel Face Model
SCALE = FIT_SCALE / METRES_PER_FIT_UNIT  # world units per metre
FIT_ORIGIN = np.array([0.0, 0.006, 0.161])  # where the origin of the Basel Face Model lies in the world
HEAD_ORIGIN = np.array([0.0, 0.04, 0.05])  # where the origin of our heads' frame lies in the world
NEAREST = 0.02  # world units: a camera nearer to the cube's origin than this has no picture of the head


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewRange:
    """How far a free camera may turn around the head, radians."""

    yaw: float
    pitch: float


def world_from_head(points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Head-frame points (metres) in the world."""
    return SCALE * points + HEAD_ORIGIN


def head_from_world(points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """World points in the head frame, metres."""
    return (points - HEAD_ORIGIN) / SCALE


def camera_numbers(
    rotation: Float[np.ndarray, "3 3"], centre: Float[np.ndarray, "3"], intrinsics: Float[np.ndarray, "3 3"]
) -> Float32[np.ndarray, "25"]:
    """The numbers of a camera whose axes (right, down, ahead) are the columns of `rotation`.

    Raises:
        InputError: the intrinsics are degenerate, a number is not finite, or the camera stands inside the head.
    """
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, centre
    numbers = np.concatenate([pose.ravel(), np.asarray(intrinsics, dtype=np.float64).ravel()])
    check_camera(numbers)
    return numbers.astype(np.float32)


def check_camera(numbers: Float[np.ndarray, "25"]) -> None:
    """A camera that has a picture of the head.

    Raises:
        InputError: a number is not finite, the axes are no rotation, a focal length is not positive, or the camera
            stands inside the cube that holds the head.
    """
    pose, intrinsics = split_numbers(np.asarray(numbers, dtype=np.float64))
    if not np.isfinite(numbers).all():
        raise InputError("a camera has numbers that are not finite")
    if np.abs(pose[:3, :3] @ pose[:3, :3].T - np.eye(3)).max() > 1e-3 or np.linalg.det(pose[:3, :3]) < 0.0:
        raise InputError("the axes of a camera must be at right angles, of length 1, and right-handed")
    if min(intrinsics[0, 0], intrinsics[1, 1]) <= 1e-3 or np.abs(intrinsics[2] - [0.0, 0.0, 1.0]).max() > 1e-6:
        raise InputError("a camera needs positive focal lengths and (0, 0, 1) as the last row of its intrinsics")
    if np.abs(pose[:3, 3]).max() < HALF_BOX + NEAREST:
        raise InputError(
            f"a camera stands inside the head, {np.linalg.norm(pose[:3, 3]) / SCALE:.2f} m from its middle: "
            f"keep more than {(HALF_BOX + NEAREST) / SCALE:.2f} m away"
        )


def split_numbers(
    numbers: Float[np.ndarray, "*batch 25"],
) -> tuple[Float[np.ndarray, "*batch 4 4"], Float[np.ndarray, "*batch 3 3"]]:
    """Camera to world, and intrinsics."""
    batch = numbers.shape[:-1]
    return numbers[..., :16].reshape(*batch, 4, 4), numbers[..., 16:CAMERA_NUMBERS].reshape(*batch, 3, 3)


def camera_of_frame(frame: MotionFrame, camera: Camera, *, pose_mode: PoseMode = "exact") -> Float32[np.ndarray, "25"]:
    """Where the camera of a picture stands around the head that the frame poses.

    Raises:
        InputError: it stands inside the head, or the camera's intrinsics are degenerate.
    """
    T_head_cam = frame.T_cam_head.inverse()
    return _in_mode(T_head_cam.rotation, world_from_head(T_head_cam.translation), camera.intrinsics, pose_mode)


def frame_of_camera(numbers: Float[np.ndarray, "25"], *, width: int, height: int) -> tuple[RigidTransform, Camera]:
    """`T_cam_head` (metres) and camera of a picture of that size: the inverse of `camera_of_frame`.

    Raises:
        InputError: it is no camera.
    """
    check_camera(numbers)
    pose, intrinsics = split_numbers(np.asarray(numbers, dtype=np.float64))
    T_head_cam = RigidTransform(rotation=pose[:3, :3], translation=head_from_world(pose[:3, 3]))
    return T_head_cam.inverse(), Camera(intrinsics=intrinsics, width=width, height=height)


def camera_of_fit(
    angles: Float[np.ndarray, "3"],
    translation: Float[np.ndarray, "3"],
    *,
    crop_scale: float = 300.0 / 102.0 * FIT_SIDE / 700.0,
    pose_mode: PoseMode = "exact",
) -> Float32[np.ndarray, "25"]:
    """The camera of a Deep3DFaceRecon fit.

    Args:
        angles: about x, y, z, radians, as the fit gives them.
        translation: of the fit, in its units.
        crop_scale: how much larger the face is in the picture than in the fit's crop of 224 pixels, both with sides 1;
            otherwise that of EG3D's crop.

    Raises:
        InputError: the camera stands inside the head.
    """
    rotation = fit_rotation(angles)
    centre = FIT_SCALE * rotation @ (np.array([0.0, 0.0, FIT_DISTANCE]) - translation) + FIT_ORIGIN
    focal = FIT_FOCAL / FIT_SIDE * crop_scale
    intrinsics = np.array([[focal, 0.0, 0.5], [0.0, focal, 0.5], [0.0, 0.0, 1.0]])
    return _in_mode(rotation @ np.diag([1.0, -1.0, -1.0]), centre, intrinsics, pose_mode)


def world_from_fit(vertices: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Points of the Basel Face Model (its own units) in the world."""
    return FIT_SCALE * vertices + FIT_ORIGIN


def project_world(numbers: Float[np.ndarray, "25"], points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 2"]:
    """Where world points lie in the picture, 0 to 1 across it, x right, y down."""
    pose, intrinsics = split_numbers(np.asarray(numbers, dtype=np.float64))
    seen = (points - pose[:3, 3]) @ pose[:3, :3]
    return (seen / seen[:, 2:]) @ intrinsics[:2].T


def canonical_camera(focal: float = FOCAL) -> Float32[np.ndarray, "25"]:
    """Straight before the face, at the canonical distance."""
    intrinsics = np.array([[focal, 0.0, 0.5], [0.0, focal, 0.5], [0.0, 0.0, 1.0]])
    return camera_numbers(np.diag([1.0, -1.0, -1.0]), np.array([0.0, 0.0, RADIUS]), intrinsics)


def camera_around(
    yaw: float,
    pitch: float,
    *,
    radius: float = RADIUS,
    pivot: Float[np.ndarray, "3"] | None = None,
    intrinsics: Float[np.ndarray, "3 3"] | None = None,
) -> Float32[np.ndarray, "25"]:
    """A camera on a sphere that looks at its centre; plain spherical angles in radians.

    Args:
        yaw: to the right of the picture, seen from the front; so the face turns to the left in it.
        pitch: upwards.
        pivot: the sphere's centre; the world's origin if not given.

    Raises:
        InputError: it stands inside the head, or straight above or below the pivot.
    """
    pivot = np.zeros(3) if pivot is None else pivot
    away = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.cross([0.0, 1.0, 0.0], away)
    if np.linalg.norm(right) < 1e-3:
        raise InputError("a camera straight above or below the head has no upright picture: keep the pitch below 89")
    right = right / np.linalg.norm(right)
    rotation = np.stack([right, np.cross(right, away), -away], axis=1)
    if intrinsics is None:
        intrinsics = split_numbers(canonical_camera())[1]
    return camera_numbers(rotation, pivot + radius * away, intrinsics)


def mirrored_camera(numbers: Float32[np.ndarray, "25"]) -> Float32[np.ndarray, "25"]:
    """The camera of the mirrored picture of the mirrored head."""
    flipped = numbers.copy()
    flipped[[1, 2, 3, 4, 8]] *= -1.0
    flipped[18] = 1.0 - flipped[18]
    flipped[17] *= -1.0
    return flipped


def _in_mode(
    rotation: Float[np.ndarray, "3 3"],
    centre: Float[np.ndarray, "3"],
    intrinsics: Float[np.ndarray, "3 3"],
    pose_mode: PoseMode,
) -> Float32[np.ndarray, "25"]:
    """With `eg3d`, the centre is brought to the canonical distance: reprojection is no longer exact."""
    if pose_mode == "eg3d":
        centre = RADIUS * centre / max(float(np.linalg.norm(centre)), 1e-9)
    return camera_numbers(rotation, centre, intrinsics)
