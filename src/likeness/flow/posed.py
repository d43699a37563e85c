"""A head model at one moment, in front of its camera: what a flow leads from or to."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from likeness.errors import InputError
from likeness.geometry.camera import Camera
from likeness.geometry.transform import RigidTransform
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, HeadModel
from likeness.heads.show import inside_depths
from likeness.heads.skinning import joint_transforms, posed_vertices

EYE_PARTS = ("eye_left", "eye_right")
AHEAD = np.array([0.0, 0.0, 1.0])  # where an eye at rest looks, head frame
NEAREST = 0.1  # metres: no head is closer to a camera


@dataclass(frozen=True, kw_only=True, slots=True)
class PosedHead:
    """A mesh in the camera frame (metres), its camera, and where its eyes are and look."""

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    camera: Camera
    T_cam_head: RigidTransform
    inside: Float[np.ndarray, " V"]  # metres by which a vertex counts as further away when it is seen
    eye_of_face: Int[np.ndarray, " F"]  # 0: left eyeball, 1: right eyeball, -1: anything else
    eye_centres: Float[np.ndarray, "2 3"]  # camera frame
    gaze_axes: Float[np.ndarray, "2 3"]  # unit vectors, camera frame
    lids: Float[np.ndarray, "2"]  # aperture of the left and right eye: lid gap / eye width


def pose_head(
    head: HeadModel,
    *,
    shape: Float[np.ndarray, " S"],
    expression: Float[np.ndarray, " E"],
    joints: Float[np.ndarray, "5 3"],
    T_cam_head: RigidTransform,
    camera: Camera,
    lids: Float[np.ndarray, "2"],
) -> PosedHead:
    """The head with identity, expression and joint rotations (axis-angle, radians) applied, in the camera frame.

    Raises:
        InputError: a number is not finite, or the head is closer than 0.1 m to the camera.
    """
    vertices = T_cam_head.apply(posed_vertices(head, shape, expression, joints))
    if not (np.isfinite(vertices).all() and np.isfinite(lids).all()):
        raise InputError("the pose or the coefficients of a head are not all finite: check the motion it comes from")
    if vertices[:, 2].min() < NEAREST:
        raise InputError(
            f"a head reaches up to {vertices[:, 2].min():.2f} m from its camera, nearer than {NEAREST} m: "
            "check the translation of the motion and the focal length"
        )
    rotations, translations = joint_transforms(head, shape, joints)
    positions = head.joint_positions + head.joint_shape_basis @ shape
    eyes = [EYE_LEFT, EYE_RIGHT]
    centres = np.einsum("kij,kj->ki", rotations[eyes], positions[eyes]) + translations[eyes]
    eye_of_face = np.full(len(head.faces), -1, dtype=np.int32)
    for number, part in enumerate(EYE_PARTS):
        if part in head.part_names:
            eye_of_face[head.face_parts == head.part_names.index(part)] = number
    return PosedHead(
        vertices=vertices,
        faces=head.faces,
        camera=camera,
        T_cam_head=T_cam_head,
        inside=inside_depths(head),
        eye_of_face=eye_of_face,
        eye_centres=T_cam_head.apply(centres),
        gaze_axes=rotations[eyes] @ AHEAD @ T_cam_head.rotation.T,
        lids=np.asarray(lids, dtype=np.float64),
    )
