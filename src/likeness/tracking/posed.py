"""Heads posed as a motion or a portrait says, for everything that needs the 3D flow between them."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from likeness.flow.posed import PosedHead, pose_head
from likeness.geometry.camera import Camera
from likeness.heads.lids import lid_apertures, open_lids
from likeness.heads.model import HeadModel
from likeness.heads.skinning import posed_vertices
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait

LEAST_OPENING = 0.03  # lid gap / eye width below which an eye counts as shut in the source
WIDEST_OPENING = 1.35  # times the source's opening


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


def follow_lids(head: HeadModel, shape: Float[np.ndarray, " S"], frame: MotionFrame, source: PosedHead) -> MotionFrame:
    """The frame with the lids of its mesh opened, against those of the source's mesh, as its measured openings say.

    A fit tells openings less well than the picture, and edits of the lids change the openings alone. Eyes that are shut
    in the source, and heads without blink shapes, stay as they are.
    """
    own = lid_apertures(head, source.T_cam_head.inverse().apply(source.vertices))
    now = lid_apertures(head, posed_vertices(head, shape, frame.expression, frame.joints), is_signed=True)
    ratio = np.clip(frame.lids / np.maximum(source.lids, LEAST_OPENING), 0.0, WIDEST_OPENING)
    wanted = np.where((source.lids > LEAST_OPENING) & (own > LEAST_OPENING), own * ratio, now)
    return replace(frame, expression=open_lids(head, shape, frame.expression, frame.joints, wanted))
