"""Absolute retargeting: the driver's own numbers, shifted so that a frame which looks like the photo reproduces it."""

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.heads.landmark_sets import (
    EYE_CORNERS_LEFT,
    EYE_CORNERS_RIGHT,
    LIPS_INNER,
    LIPS_OUTER,
    OVAL,
)
from likeness.heads.model import HeadModel
from likeness.motion.face_points import face_points
from likeness.motion.record import Motion, MotionFrame

BROWS_AND_NOSE = (105, 107, 334, 336, 1, 6, 98, 327)
ANCHOR_LANDMARKS = (
    *LIPS_OUTER[::2], *LIPS_INNER[::2], *EYE_CORNERS_RIGHT, *EYE_CORNERS_LEFT, *OVAL[::3], *BROWS_AND_NOSE,
)  # fmt: skip
# One unit of unlikeness between a frame and the photo. Measured: the photo's own frame comes to 0.2 to 1.4, most other
# people to 1.5 and more.
ANCHOR_POSE = np.radians(3.0)
ANCHOR_FACE = 2.0e-3  # m, root mean square over the landmarks
ANCHOR_APERTURE = 0.06  # lid gap / eye width
LIKE, UNLIKE = 1.5, 2.2  # full weight up to the first, none from the second
TIE = 0.1
ELSEWHERE = 0.5  # a frame that is alike in place as well is preferred by this much
PLACE = 5.0e-3  # m: heads further apart than this are elsewhere
SMALLEST_APERTURE = 0.05  # below it an eye is shut: no ratios


def anchored(motion: Motion, rest: MotionFrame, head: HeadModel, shape: Float[np.ndarray, " S"]) -> Motion:
    """The driver's numbers, shifted by the photo's difference from the frame most like it, as far as that is alike.

    Place and size in the picture always start from the photo's: they belong to the framing, not to the performance.
    """
    anchor, weight = find_anchor(motion, rest, head, shape)
    like = motion.frame(anchor)
    own, theirs = rest.T_cam_head, like.T_cam_head
    turns = matrix_from_axis_angle(motion.rotation)
    # Two fits of one face differ by a fixed turn and shift in the head's own frame, and by their scale.
    rotations = turns @ matrix_from_axis_angle(weight * axis_angle_from_matrix(theirs.rotation.T @ own.rotation))
    scale = own.translation[2] / theirs.translation[2]
    offset = theirs.rotation.T @ (own.translation - scale * theirs.translation)
    translation = turns @ offset + scale * motion.translation
    lids = motion.lids * (1 + weight * (rest.lids / np.maximum(like.lids, 1e-3) - 1))
    lids = np.where(like.lids > SMALLEST_APERTURE, lids, motion.lids + weight * (rest.lids - like.lids))
    return motion.with_frames(
        rotation=axis_angle_from_matrix(rotations),
        translation=translation,
        neck=motion.neck + weight * (rest.neck - like.neck),
        jaw=motion.jaw + weight * (rest.jaw - like.jaw),
        eye_left=motion.eye_left + weight * (rest.eye_left - like.eye_left),
        eye_right=motion.eye_right + weight * (rest.eye_right - like.eye_right),
        expression=motion.expression + weight * (rest.expression - like.expression),
        lids=np.maximum(lids, 0.0),
    )


def find_anchor(
    motion: Motion, rest: MotionFrame, head: HeadModel, shape: Float[np.ndarray, " S"]
) -> tuple[int, float]:
    """The frame most like the photo, and from 0 to 1 how alike they are; the clip's own reference wins a tie."""
    unlike = unlikeness(motion, rest, head, shape)
    preference = np.where(motion.valid, unlike + ELSEWHERE * _elsewhere(motion, rest), np.inf)
    best = int(np.argmin(preference)) if motion.valid.any() else 0
    if 0 <= motion.reference < len(motion) and unlike[motion.reference] <= unlike[best] + TIE:
        best = motion.reference
    part = float(np.clip((unlike[best] - LIKE) / (UNLIKE - LIKE), 0.0, 1.0))
    return best, 1.0 - part * part * (3.0 - 2.0 * part)


def _elsewhere(motion: Motion, rest: MotionFrame) -> Float[np.ndarray, " T"]:
    """0 where the head is just where it is in the photo, 1 elsewhere: a photo cut from the clip is framed alike."""
    depth = motion.translation[:, 2:]
    shift = (motion.translation / depth - rest.translation / rest.translation[2])[:, :2] * rest.translation[2]
    return np.clip(np.linalg.norm(shift, axis=1) / PLACE, 0.0, 1.0)


def unlikeness(
    motion: Motion, rest: MotionFrame, head: HeadModel, shape: Float[np.ndarray, " S"]
) -> Float[np.ndarray, " T"]:
    """How far each frame is from the photo in pose, face (identity included) and lids; 1 is the noise of two fits."""
    turn = axis_angle_from_matrix(matrix_from_axis_angle(motion.rotation) @ matrix_from_axis_angle(rest.rotation).T)
    theirs = face_points(head, motion.shape, ANCHOR_LANDMARKS).positions(motion.expression, motion.jaw)
    own = face_points(head, shape, ANCHOR_LANDMARKS).positions(rest.expression, rest.jaw)
    difference = theirs - own
    difference -= difference.mean(axis=1, keepdims=True)
    pose = np.linalg.norm(turn, axis=1) / ANCHOR_POSE
    face = np.sqrt((difference**2).sum(axis=2).mean(axis=1)) / ANCHOR_FACE
    lids = np.abs(motion.lids - rest.lids).max(axis=1) / ANCHOR_APERTURE
    return np.sqrt((pose**2 + face**2 + lids**2) / 3.0)
