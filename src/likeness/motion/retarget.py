"""One person's performance on another person's face: expression above each one's neutral, pose relative; or absolute.

Nothing depends on which frame comes first: the driver's neutral and rest pose are taken from the whole clip.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from likeness.errors import MotionFileError
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.heads.model import NECK, HeadModel
from likeness.motion.anchor import anchored
from likeness.motion.face_points import FacePoints, SeenFace, face_height, lip_gaps, lip_points
from likeness.motion.neutral import LipSeal, Neutral, clip_neutral, lip_seal, mean_gaze, photo_neutral, with_lip_gaps
from likeness.motion.pose import FRONTAL
from likeness.motion.record import Motion, MotionFrame
from likeness.motion.strength import expression_region

PoseReference = Literal["median", "frontal", "first"]

MOUTH_GAIN = 1.15  # what fit and renderer lose of an opening, measured on re-detected landmarks
LIP_THRESHOLD = 0.6e-3  # m: openings well below it are the noise of touching lips
SIZE_RATIO_LIMITS = (0.75, 1.33)  # of the two faces' heights: a mouth opens by the same part of its face's height
GAZE_GAIN = 2.0  # the renderer's irises, found again, against the driver's
SOFT_START = 0.6  # part of the room up to a limit that is used unchanged; the rest saturates
LEAST_ROOM = 0.15  # control units: even a coefficient at its limit moves a little further
CONTROL_OVERSHOOT = 0.3  # beyond a control's range, in units of the range
FREE_DEVIATIONS = 5.0  # limit of coefficients without a control
JAW_LIMITS = np.radians([[-5.0, -12.0, -8.0], [32.0, 12.0, 8.0]])  # of the jaw's axis-angle
GAZE_LIMITS = np.radians([28.0, 44.0, 10.0])  # of the eye in the head, either way: pitch, yaw, roll
APERTURE_RATIO_LIMIT = 1.5  # of the open eye


@dataclass(frozen=True, kw_only=True, slots=True)
class RestPose:
    """Where a driver's head is when it does not move."""

    rotation: Float[np.ndarray, "3 3"]  # head to camera
    pivot: Float[np.ndarray, "3"]  # the neck joint in the camera frame, metres
    neck: Float[np.ndarray, "3"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """Everything that carries a driver's frames onto one source; it does not depend on the frames themselves."""

    rest: MotionFrame  # of the source: its pose and the coefficients of its photo
    source: Neutral
    driver: Neutral
    driver_pose: RestPose
    source_pivot: Float[np.ndarray, "3"]  # neck joint in the head frame, metres
    driver_pivot: Float[np.ndarray, "3"]
    seal: LipSeal  # of the source
    driver_lips: FacePoints
    gains: Float[np.ndarray, " E"]
    size_ratio: float  # source to driver
    lower: Float[np.ndarray, " E"]
    upper: Float[np.ndarray, " E"]


def retarget(
    motion: Motion,
    rest: MotionFrame,
    head: HeadModel,
    *,
    shape: Float[np.ndarray, " S"],
    seen: SeenFace | None = None,
    mode: Literal["relative", "absolute"] = "relative",
    pose_reference: PoseReference = "median",
) -> Motion:
    """The driver's performance as the source person would give it.

    Args:
        motion: the driver.
        rest: pose and expression fitted to the source's photo; the result moves from there.
        head: the head model of both.
        shape: the source's identity coefficients; they become those of the result.
        seen: what the landmarks of the source's photo show (`face_points.seen_face`): with it an open mouth in the
            photo closes exactly, without it as well as the fit knows.
        mode: relative: expression above each person's own neutral, pose relative to the driver's rest pose. absolute:
            the driver's own numbers; if a frame looks just like the photo, shifted so that it reproduces the photo.
        pose_reference: the driver's rest pose in relative mode: the clip's median, a look into the camera, or the
            first frame.

    Raises:
        MotionFileError: the motion belongs to another head model.
    """
    check_head(motion, head)
    if mode == "absolute":
        return replace(anchored(motion, rest, head, shape), shape=np.array(shape))
    transfer = make_transfer(
        driver=clip_neutral(motion, head),
        driver_pose=rest_pose(motion, head, pose_reference),
        driver_shape=motion.shape,
        rest=rest,
        shape=shape,
        head=head,
        seen=seen,
    )
    return replace(transferred(motion, transfer), shape=np.array(shape))


def check_head(motion: Motion, head: HeadModel) -> None:
    """Raises MotionFileError if the motion's coefficients are not those of the head model."""
    if motion.head_name != head.name or tuple(motion.expression_names) != tuple(head.expression_names):
        raise MotionFileError(
            f"the motion was made for the head model {motion.head_name}, not {head.name}: track the video again, or"
            " carry it over with `likeness motion convert --onto`"
        )


def make_transfer(
    *,
    driver: Neutral,
    driver_pose: RestPose,
    driver_shape: Float[np.ndarray, " S"],
    rest: MotionFrame,
    shape: Float[np.ndarray, " S"],
    head: HeadModel,
    seen: SeenFace | None = None,
) -> Transfer:
    """Prepare a relative transfer; for a stream, make it anew whenever the driver's estimate has changed."""
    own_height = face_height(head, shape, rest.expression, rest.jaw) if seen is None else seen.height
    ratio = own_height / face_height(head, driver_shape, driver.expression, driver.jaw)
    gain = float(np.clip(ratio, *SIZE_RATIO_LIMITS))
    mouth = np.array([expression_region(name) == "mouth" for name in head.expression_names])
    lower, upper = _limits(head)
    source = photo_neutral(rest, head, shape, seen)
    return Transfer(
        rest=rest,
        source=source,
        seal=lip_seal(head, lip_points(head, shape), source.expression, source.jaw),
        driver_lips=lip_points(head, driver_shape),
        driver=driver,
        driver_pose=driver_pose,
        source_pivot=_neck(head, shape),
        driver_pivot=_neck(head, driver_shape),
        gains=np.where(mouth, gain, 1.0),
        size_ratio=gain,
        lower=lower,
        upper=upper,
    )


def transferred(motion: Motion, transfer: Transfer) -> Motion:
    """The driver's frames on the source; each frame is treated alone."""
    driver, source, rest = transfer.driver, transfer.source, transfer.rest
    change = transfer.gains * (motion.expression - driver.expression)
    change = within(change, transfer.lower - source.expression, transfer.upper - source.expression, least=LEAST_ROOM)
    jaw_change = transfer.size_ratio * (motion.jaw - driver.jaw)
    jaw_change = within(jaw_change, JAW_LIMITS[0] - source.jaw, JAW_LIMITS[1] - source.jaw, least=np.radians(0.5))
    opening = lip_gaps(transfer.driver_lips, motion.expression, motion.jaw) - driver.lip_gaps
    wanted = source.lip_gaps + MOUTH_GAIN * transfer.size_ratio * _certain_opening(opening)
    expression, jaw = with_lip_gaps(transfer.seal, source.expression + change, source.jaw + jaw_change, wanted)
    look = GAZE_GAIN * (mean_gaze(motion.eye_left, motion.eye_right) - driver.gaze)
    look = within(look, -GAZE_LIMITS - source.gaze, GAZE_LIMITS - source.gaze, least=np.radians(1.0))
    rotation, translation = _relative_pose(motion, transfer)
    return motion.with_frames(
        rotation=rotation,
        translation=translation,
        neck=rest.neck + motion.neck - transfer.driver_pose.neck,
        jaw=jaw,
        eye_left=rest.eye_left + look,
        eye_right=rest.eye_right + look,
        expression=expression,
        lids=source.lids * np.clip(motion.lids / driver.lids, 0.0, APERTURE_RATIO_LIMIT),
    )


def _certain_opening(gap: Float[np.ndarray, "*batch G"]) -> Float[np.ndarray, "*batch G"]:
    """The gap above contact without the fit's noise: nothing below zero, a soft threshold, then the same growth."""
    positive = np.maximum(gap, 0.0)
    return positive**2 / (positive + LIP_THRESHOLD)


def within(
    change: Float[np.ndarray, "*batch D"],
    lower: Float[np.ndarray, " D"],
    upper: Float[np.ndarray, " D"],
    *,
    least: float,
) -> Float[np.ndarray, "*batch D"]:
    """The change, unchanged while small, saturating smoothly toward its limits; each side leaves room for `least`."""
    room = np.where(change >= 0, np.maximum(upper, least), np.maximum(-lower, least))
    size = np.abs(change)
    start = SOFT_START * room
    beyond = np.maximum(size - start, 0.0) / (room - start)
    return np.sign(change) * np.minimum(size, start + (room - start) * np.tanh(beyond))


def _limits(head: HeadModel) -> tuple[Float[np.ndarray, " E"], Float[np.ndarray, " E"]]:
    """Range of each coefficient: of the control that is it alone, with overshoot; else some deviations."""
    upper = FREE_DEVIATIONS * head.expression_deviations
    lower = -upper
    for control in head.controls:
        moved = control.coefficient
        if moved is not None:
            ends = np.sort(control.expression[moved] * np.array([control.minimum, control.maximum]))
            slack = CONTROL_OVERSHOOT * (ends[1] - ends[0])
            lower[moved], upper[moved] = ends[0] - 2.0 * slack, ends[1] + slack
    return lower, upper


def rest_pose(motion: Motion, head: HeadModel, reference: PoseReference) -> RestPose:
    """The driver's rest pose; in each case the place is the median of the clip, except for the first frame's."""
    seen = np.flatnonzero(motion.valid) if motion.valid.any() else np.arange(len(motion))
    rotations = matrix_from_axis_angle(motion.rotation[seen])
    pivots = rotations @ _neck(head, motion.shape) + motion.translation[seen]
    if reference == "first":
        return RestPose(rotation=rotations[0], pivot=pivots[0], neck=motion.neck[seen[0]])
    rotation = FRONTAL if reference == "frontal" else median_rotation(rotations)
    return RestPose(rotation=rotation, pivot=np.median(pivots, axis=0), neck=np.median(motion.neck[seen], axis=0))


def median_rotation(rotations: Float[np.ndarray, "T 3 3"]) -> Float[np.ndarray, "3 3"]:
    """Geometric median: the rotation with the least sum of angles to all (Weiszfeld's algorithm on the tangent)."""
    u, _, vt = np.linalg.svd(rotations.mean(axis=0))
    centre = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    for _ in range(30):
        offsets = axis_angle_from_matrix(rotations @ centre.T)
        weights = 1.0 / np.maximum(np.linalg.norm(offsets, axis=1), np.radians(0.2))
        step = (weights @ offsets) / weights.sum()
        centre = matrix_from_axis_angle(step) @ centre
        if np.linalg.norm(step) < 1e-7:
            break
    return centre


def _neck(head: HeadModel, shape: Float[np.ndarray, " S"]) -> Float[np.ndarray, "3"]:
    return (head.joint_positions + head.joint_shape_basis @ shape)[NECK]


def _relative_pose(motion: Motion, transfer: Transfer) -> tuple[Float[np.ndarray, "T 3"], Float[np.ndarray, "T 3"]]:
    """The driver's turns in camera axes about the neck joint, its shifts in metres, its approach as a depth ratio."""
    turns = matrix_from_axis_angle(motion.rotation)
    start = transfer.driver_pose
    own = transfer.rest.T_cam_head
    rotations = turns @ start.rotation.T @ own.rotation
    driver_pivots = turns @ transfer.driver_pivot + motion.translation
    own_pivot = own.apply(transfer.source_pivot)
    approach = driver_pivots[:, 2] / start.pivot[2]
    shift = driver_pivots[:, :2] / approach[:, None] - start.pivot[:2]  # as if the depth had stayed
    at_rest_depth = np.column_stack([own_pivot[:2] + shift, np.full(len(shift), own_pivot[2])])
    pivots = at_rest_depth * approach[:, None]
    return axis_angle_from_matrix(rotations), pivots - rotations @ transfer.source_pivot
