"""Shaded pictures of a head model: the whole head from any side, and one picture per named control."""

import numpy as np
from jaxtyping import Float, UInt8

from likeness.geometry.camera import Camera, default_camera
from likeness.geometry.mesh import vertex_normals
from likeness.geometry.raster import interpolate, rasterise
from likeness.geometry.rotation import matrix_from_yaw_pitch_roll
from likeness.geometry.transform import RigidTransform
from likeness.heads.model import Control, HeadModel
from likeness.heads.skinning import posed_vertices

FRONTAL = np.diag([1.0, -1.0, -1.0])  # head frame to camera axes for a face that looks into the camera
VIEW_DISTANCE = 1.1  # m
VIEW_CENTRE = np.array([0.0, -0.01, 0.0])  # m, head frame point in the middle of the picture
LIGHT = np.array([0.35, -0.5, -0.8])  # camera axes, from the surface to the light
BACKGROUND = 245
PART_COLOURS = {
    "skin": (224, 190, 170), "cranium": (190, 175, 165), "ear": (214, 172, 152), "neck": (206, 170, 152),
    "eye_left": (250, 250, 250), "eye_right": (250, 250, 250), "mouth": (120, 55, 60),
    "teeth_upper": (250, 246, 235), "teeth_lower": (240, 236, 225),
}  # fmt: skip
OTHER_PART = (200, 200, 200)


def draw_head(
    head: HeadModel,
    vertices: Float[np.ndarray, "V 3"],
    *,
    size: int = 320,
    yaw: float = 0.0,
    pitch: float = 0.0,
) -> UInt8[np.ndarray, "H W 3"]:
    """A posed mesh (head frame, metres), turned by yaw and pitch (radians) before a fixed camera."""
    turn = matrix_from_yaw_pitch_roll(yaw, pitch, 0.0)
    T_cam_head = RigidTransform(
        rotation=FRONTAL @ turn, translation=np.array([0.0, 0.0, VIEW_DISTANCE]) - FRONTAL @ turn @ VIEW_CENTRE
    )
    return draw_mesh(head, T_cam_head.apply(vertices), default_camera(size, size, focal_ratio=3.4))


def draw_mesh(head: HeadModel, vertices: Float[np.ndarray, "V 3"], camera: Camera) -> UInt8[np.ndarray, "H W 3"]:
    """A mesh in the camera frame (metres), Lambert-shaded with one colour per part."""
    raster = rasterise(camera.project(vertices), vertices[:, 2], head.faces, width=camera.width, height=camera.height)
    normals = interpolate(raster, head.faces, vertex_normals(vertices, head.faces))
    normals = normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
    light = LIGHT / np.linalg.norm(LIGHT)
    shade = 0.35 + 0.65 * np.clip(np.abs(normals @ light), 0.0, 1.0)
    colours = np.array([PART_COLOURS.get(name, OTHER_PART) for name in head.part_names], dtype=np.float64)
    covered = raster.face >= 0
    picture = np.full((camera.height, camera.width, 3), BACKGROUND, dtype=np.uint8)
    picture[covered] = (colours[head.face_parts[raster.face[covered]]] * shade[covered][:, None]).astype(np.uint8)
    return picture


def draw_control(
    head: HeadModel, control: Control, value: float = 1.0, *, size: int = 320, yaw: float = 0.0
) -> UInt8[np.ndarray, "H W 3"]:
    """The mean person with one control at a value."""
    vertices = posed_vertices(head, np.zeros(head.num_shape), control.expression * value, control.joints * value)
    return draw_head(head, vertices, size=size, yaw=yaw)
