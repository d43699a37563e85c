"""A tracked motion put on a portrait: retargeting with everything the portrait's photo shows."""

from typing import Literal

from likeness.motion.face_points import seen_face
from likeness.motion.record import Motion
from likeness.motion.retarget import PoseReference, retarget
from likeness.tracking.portrait import Portrait


def perform(
    motion: Motion,
    portrait: Portrait,
    *,
    mode: Literal["relative", "absolute"] = "relative",
    pose_reference: PoseReference = "median",
) -> Motion:
    """The driver's motion as the portrait's person would give it; its frames are what a renderer takes.

    Raises:
        MotionFileError: the motion belongs to another head model.
    """
    return retarget(
        motion,
        portrait.rest,
        portrait.head,
        shape=portrait.shape,
        seen=seen_face(portrait.head, portrait.shape, portrait.rest, portrait.camera, portrait.landmarks),
        mode=mode,
        pose_reference=pose_reference,
    )
