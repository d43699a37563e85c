"""Shaded pictures of a head model: the whole head from any side, and the face under each named control."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from likeness.geometry.camera import Camera, default_camera
from likeness.geometry.mesh import vertex_normals
from likeness.geometry.raster import interpolate, rasterise
from likeness.geometry.rotation import matrix_from_yaw_pitch_roll
from likeness.geometry.transform import RigidTransform
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, Control, HeadModel
from likeness.heads.skinning import posed_vertices

FRONTAL = np.diag([1.0, -1.0, -1.0])  # head frame to camera axes for a face that looks into the camera
VIEW_DISTANCE = 1.1  # m
LIGHT = np.array([0.35, -0.5, -0.8])  # camera axes, from the surface to the light
BACKGROUND = 245
PART_COLOURS = {
    "skin": (224, 190, 170), "cranium": (190, 175, 165), "ear": (214, 172, 152), "neck": (206, 170, 152),
    "eye_left": (250, 250, 250), "eye_right": (250, 250, 250), "mouth": (120, 55, 60),
    "teeth_upper": (250, 246, 235), "teeth_lower": (240, 236, 225),
}  # fmt: skip
OTHER_PART = (200, 200, 200)
EYES = {"eye_left": EYE_LEFT, "eye_right": EYE_RIGHT}
IRIS_COLOUR, PUPIL_COLOUR = (86, 124, 150), (28, 26, 28)
IRIS_ANGLE, PUPIL_ANGLE = np.radians(28.0), np.radians(12.0)  # seen from the eyeball's centre, about straight ahead


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What a picture shows: the head-frame point in its middle (metres), and how much of the head fits."""

    centre: tuple[float, float, float]
    focal_ratio: float  # focal length / side of the picture


HEAD_VIEW = View(centre=(0.0, -0.01, 0.0), focal_ratio=3.4)
FACE_VIEW = View(centre=(0.0, -0.012, 0.0), focal_ratio=6.8)  # brows to chin
EYES_VIEW = View(centre=(0.0, 0.034, 0.0), focal_ratio=8.8)
MOUTH_VIEW = View(centre=(0.0, -0.035, 0.0), focal_ratio=8.8)
# What lies inside is drawn a little further away (m): it is to be seen through openings, never through the skin.
INSIDE = {"eye_left": 0.003, "eye_right": 0.003, "mouth": 0.015, "teeth_upper": 0.01, "teeth_lower": 0.01}


def draw_head(
    head: HeadModel,
    vertices: Float[np.ndarray, "V 3"],
    *,
    size: int = 320,
    yaw: float = 0.0,
    pitch: float = 0.0,
    view: View = HEAD_VIEW,
) -> UInt8[np.ndarray, "H W 3"]:
    """A posed mesh (head frame, metres), turned by yaw and pitch (radians) before a fixed camera."""
    turn = matrix_from_yaw_pitch_roll(yaw, pitch, 0.0)
    centre = FRONTAL @ turn @ np.array(view.centre)
    T_cam_head = RigidTransform(rotation=FRONTAL @ turn, translation=np.array([0.0, 0.0, VIEW_DISTANCE]) - centre)
    return draw_mesh(head, T_cam_head.apply(vertices), default_camera(size, size, focal_ratio=view.focal_ratio))


def draw_mesh(head: HeadModel, vertices: Float[np.ndarray, "V 3"], camera: Camera) -> UInt8[np.ndarray, "H W 3"]:
    """A mesh in the camera frame (metres), Lambert-shaded with one colour per part; eyeballs get iris and pupil."""
    depths = vertices[:, 2] + inside_depths(head)
    raster = rasterise(camera.project(vertices), depths, head.faces, width=camera.width, height=camera.height)
    normals = interpolate(raster, head.faces, vertex_normals(vertices, head.faces))
    normals = normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
    light = LIGHT / np.linalg.norm(LIGHT)
    shade = 0.35 + 0.65 * np.clip(np.abs(normals @ light), 0.0, 1.0)
    colours = np.array([PART_COLOURS.get(name, OTHER_PART) for name in head.part_names], dtype=np.float64)
    covered = raster.face >= 0
    picture = np.full((camera.height, camera.width, 3), BACKGROUND, dtype=np.uint8)
    seen = colours[head.face_parts[np.maximum(raster.face, 0)]]  # [H W 3]
    off_axis = interpolate(raster, head.faces, eye_angles(head)[:, None])[..., 0]
    on_eye = np.isin(head.face_parts, [head.part_names.index(name) for name in EYES if name in head.part_names])
    on_eye = covered & on_eye[np.maximum(raster.face, 0)]
    seen[on_eye & (off_axis < IRIS_ANGLE)] = IRIS_COLOUR
    seen[on_eye & (off_axis < PUPIL_ANGLE)] = PUPIL_COLOUR
    picture[covered] = (seen * shade[..., None])[covered].astype(np.uint8)
    return picture


def inside_depths(head: HeadModel) -> Float[np.ndarray, " V"]:
    """By how much (metres) each vertex is drawn further away than it is."""
    depths = np.zeros(len(head.template))
    for name, distance in INSIDE.items():
        if name in head.part_names:
            depths[np.unique(head.part_faces(name))] = distance
    return depths


def eye_angles(head: HeadModel) -> Float[np.ndarray, " V"]:
    """Angle (radians) of each eyeball vertex from straight ahead, seen from its joint in the template; others pi."""
    angles = np.full(len(head.template), np.pi)
    for name, joint in EYES.items():
        if name in head.part_names:
            ball = np.unique(head.part_faces(name))
            arms = head.template[ball] - head.joint_positions[joint]
            angles[ball] = np.arccos(np.clip(arms[:, 2] / np.linalg.norm(arms, axis=1), -1.0, 1.0))
    return angles


def draw_control(
    head: HeadModel,
    control: Control,
    value: float = 1.0,
    *,
    size: int = 320,
    yaw: float = 0.0,
    view: View = FACE_VIEW,
) -> UInt8[np.ndarray, "H W 3"]:
    """The mean person with one control at a value; `yaw` in radians."""
    vertices = posed_vertices(head, np.zeros(head.num_shape), control.expression * value, control.joints * value)
    return draw_head(head, vertices, size=size, yaw=yaw, view=view)
