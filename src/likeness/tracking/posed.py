"""Heads posed as a motion or a portrait says, for everything that needs the 3D flow between them."""

import numpy as np
from jaxtyping import Float

from likeness.flow.posed import PosedHead, pose_head
from likeness.geometry.camera import Camera
from likeness.heads.model import HeadModel
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait


def posed_head(head: HeadModel, shape: Float[np.ndarray, " S"], frame: MotionFrame, camera: Camera) -> PosedHead:
    """The head of that identity at one moment of a motion, in front of that camera.

    Raises:
        InputError: a number is not finite, or the head is closer than 0.1 m to the camera.
    """
    return pose_head(
        head,
        shape=shape,
        expression=frame.expression,
        joints=frame.joints,
        T_cam_head=frame.T_cam_head,
        camera=camera,
        lids=frame.lids,
    )


def portrait_head(portrait: Portrait) -> PosedHead:
    """The head as it is in the photo: the source of a flow.

    Raises:
        InputError: the head is closer than 0.1 m to the camera.
    """
    return posed_head(portrait.head, portrait.shape, portrait.rest, portrait.camera)
