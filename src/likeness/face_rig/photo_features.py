"""Eyes and open mouth of a photo's person in a picture that somebody else has drawn, from any camera."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from likeness.face_rig.eyes import EyeLayers, build_eyes, draw_eyes
from likeness.face_rig.lips import with_seen_lips
from likeness.face_rig.moment import Moment
from likeness.face_rig.mouth import MouthLayers, build_mouth, draw_mouth
from likeness.face_rig.rig import FaceRig, build_rig, face_vertices, has_face_mesh
from likeness.geometry.camera import Camera
from likeness.geometry.raster import rasterise
from likeness.geometry.transform import RigidTransform
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoFeatures:
    """Everything about a portrait's eyes and mouth that does not depend on the motion."""

    rig: FaceRig
    eyes: tuple[EyeLayers, EyeLayers]
    mouth: MouthLayers
    camera: Camera  # of the photo
    rest_pixels: Float[np.ndarray, "468 2"]  # in the photo


def read_features(portrait: Portrait) -> PhotoFeatures | None:
    """Eyes and mouth of a portrait; None where its head is not made of the 468 landmarks."""
    if not has_face_mesh(portrait.head):
        return None
    rig, camera, T_cam_head = build_rig(portrait), portrait.camera, portrait.rest.T_cam_head
    points = T_cam_head.apply(rig.rest_vertices)
    pixels = camera.project(points)
    faces = np.ascontiguousarray(portrait.head.part_faces("skin"), dtype=np.int32)
    height, width = portrait.image.shape[:2]
    on_face = rasterise(pixels, points[:, 2], faces, width=width, height=height).face >= 0
    per_metre = float(camera.focal_pixels[0] / T_cam_head.translation[2])
    return PhotoFeatures(
        rig=rig,
        eyes=build_eyes(portrait.image, pixels, portrait.landmarks, rig.rest_vertices),
        mouth=build_mouth(portrait.image, on_face, pixels, rig.rest_vertices, T_cam_head, per_metre),
        camera=camera,
        rest_pixels=pixels,
    )


def add_features(
    picture: UInt8[np.ndarray, "H W 3"],
    features: PhotoFeatures,
    frame: MotionFrame,
    *,
    T_cam_head: RigidTransform,
    camera: Camera,
    eyes: bool = True,
    mouth: bool = True,
) -> None:
    """Draw a turned gaze between the lids, and the inside of the mouth as the frame opens it, in place.

    Args:
        eyes, mouth: whether they are drawn.
        T_cam_head: where the picture shows the head; the frame's own pose does not count.
        camera: of the picture.
    """
    vertices, rest_vertices = face_vertices(features.rig, frame), features.rig.rest_vertices
    pixels, rest_pixels = (camera.project(T_cam_head.apply(points)) for points in (vertices, rest_vertices))
    moment = Moment(
        camera=camera,
        rest_camera=features.camera,
        T_cam_head=T_cam_head,
        rest_T_cam_head=features.rig.rest.T_cam_head,
        vertices=vertices,
        rest_vertices=rest_vertices,
        pixels=with_seen_lips(pixels, rest_pixels),
        rest_pixels=features.rest_pixels,
        pixels_per_metre=float(camera.focal_pixels[0] / T_cam_head.translation[2]),
    )
    if eyes:
        draw_eyes(picture, features.eyes, moment, features.rig.rest, frame, gaze_alone=True)
    if mouth:
        draw_mouth(picture, features.mouth, moment)
