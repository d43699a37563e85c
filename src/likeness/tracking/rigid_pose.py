"""Head pose from matched texture: keyframe points are lifted onto the fitted head once, then every frame's pose is
the one that projects them onto their matches.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from likeness.geometry.camera import Camera
from likeness.geometry.raster import rasterise
from likeness.heads.model import HeadModel
from likeness.heads.skinning import posed_vertices
from likeness.tracking.fit import FitState
from likeness.tracking.pose_steps import pose_from_texture

HUBER = 0.06  # cm at the head
LANDMARK_WEIGHT = 0.6  # of a rigid landmark against a texture point seen under the keyframe's own pose
TEXTURE_NOISE = 0.06  # cm at the head, of a match
DEPTH_DEVIATIONS = {"skin": 0.4, "ear": 1.2, "cranium": 1.5}  # cm, of a lifted point along the ray
DEPTH_DEVIATION_BEYOND = 3.0  # cm, of hair beyond the mesh
LIFT_PIXELS = 256  # resolution of the depth map that lifts points onto the head
HEAD_CENTRE = np.array([0.0, 0.015, -0.02])  # m; hair beyond the mesh lies about as deep as this


@dataclass(frozen=True, kw_only=True, slots=True)
class LiftedPoints:
    """A keyframe's texture in 3D."""

    points: Float[np.ndarray, "N 3"]  # head frame, metres
    depth_deviations: Float[np.ndarray, " N"]  # cm, how uncertain each is along its ray
    view: Float[np.ndarray, "3"]  # direction to the camera in the head frame, when they were lifted


def lift_points(
    points: Float[np.ndarray, "N 2"],
    camera: Camera,
    head: HeadModel,
    *,
    shape: Float[np.ndarray, " S"],
    expression: Float[np.ndarray, " E"],
    state: FitState,
) -> LiftedPoints:
    """Pixel positions lifted onto a posed head; beyond its outline, as deep as its centre."""
    joints = np.zeros((5, 3))
    joints[2] = state.jaw
    T_cam_head = state.T_cam_head
    vertices = T_cam_head.apply(posed_vertices(head, shape, expression, joints))
    scale = LIFT_PIXELS / max(camera.width, camera.height)
    small = camera.resized(max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
    raster = rasterise(small.project(vertices), vertices[:, 2], head.faces, width=small.width, height=small.height)
    place = points * np.array([small.width / camera.width, small.height / camera.height])
    column = np.clip(place[:, 0].astype(int), 0, small.width - 1)
    row = np.clip(place[:, 1].astype(int), 0, small.height - 1)
    depth = raster.depth[row, column].astype(np.float64)
    behind = float(T_cam_head.apply(HEAD_CENTRE)[2])
    depth = np.where(np.isfinite(depth), depth, behind)
    by_part = np.array([DEPTH_DEVIATIONS.get(name, DEPTH_DEVIATION_BEYOND) for name in head.part_names])
    face = raster.face[row, column]
    return LiftedPoints(
        points=T_cam_head.inverse().apply(camera.unproject(points.astype(np.float64), depth)),
        depth_deviations=np.where(face >= 0, by_part[head.face_parts[np.maximum(face, 0)]], DEPTH_DEVIATION_BEYOND),
        view=_view(state),
    )


def _view(state: FitState) -> Float[np.ndarray, "3"]:
    """Direction from the head to the camera, in the head frame."""
    direction = -state.rotation.T @ state.translation
    return direction / np.linalg.norm(direction)


def texture_weights(lifted: LiftedPoints, state: FitState) -> Float[np.ndarray, " N"]:
    """Trust in each point under a pose: an uncertain depth shows once the head has turned since the keyframe."""
    parallax = np.linalg.norm(np.cross(lifted.view, _view(state)))  # sine of the turn out of the picture plane
    return 1.0 / (1.0 + (lifted.depth_deviations * parallax / TEXTURE_NOISE) ** 2)


def refine_pose(
    state: FitState,
    *,
    texture: Float[np.ndarray, "N 3"],
    texture_rays: Float[np.ndarray, "N 2"],
    texture_trust: Float[np.ndarray, " N"],
    landmarks: Float[np.ndarray, "M 3"],
    landmark_rays: Float[np.ndarray, "M 2"],
    iterations: int = 4,
) -> FitState:
    """The pose that carries texture points (head frame, metres) onto their rays (x/z, y/z), robustly; rigid landmarks
    take part with a small weight. Jaw and coefficients stay.
    """
    rotation, translation = pose_from_texture(
        np.concatenate([texture, landmarks]),
        np.concatenate([texture_rays, landmark_rays]),
        np.concatenate([texture_trust, np.full(len(landmarks), LANDMARK_WEIGHT)]),
        state.rotation,
        state.translation,
        iterations,
        HUBER,
    )
    return replace(state, rotation=rotation, translation=translation)


def to_rays(camera: Camera, pixels: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
    """Pixel positions as x/z, y/z."""
    return (pixels - camera.centre_pixels) / camera.focal_pixels
