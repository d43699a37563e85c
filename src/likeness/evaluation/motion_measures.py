"""Motions against each other: head rotation (APD, degrees), expression (AED), gaze and lids, frame by frame.

Two motions of the same head model with as many frames; frames in which either face is not seen are NaN.
"""

import numpy as np
from jaxtyping import Bool, Float

from likeness.geometry.rotation import geodesic_angle, matrix_from_axis_angle
from likeness.motion.pose import frontal_angles
from likeness.motion.record import Motion

APD_UNIT = 100.0  # APD is printed in hundredths of a radian
OPEN_LIDS = 0.12  # aperture below which an iris tells no gaze


def seen_in_both(made: Motion, wanted: Motion) -> Bool[np.ndarray, " T"]:
    """Frames in which both faces were found.

    Raises:
        ValueError: the motions differ in length or head model.
    """
    if len(made) != len(wanted) or made.expression_names != wanted.expression_names:
        raise ValueError(
            f"motions must have one head and length, got {made.head_name} x {len(made)} and "
            f"{wanted.head_name} x {len(wanted)}"
        )
    return made.valid & wanted.valid


def angle_differences(made: Float[np.ndarray, "T 3"], wanted: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, "T 3"]:
    """Differences of yaw, pitch and roll, radians, of rotations from head to camera (axis-angle)."""
    difference = frontal_angles(made) - frontal_angles(wanted)
    return (difference + np.pi) % (2.0 * np.pi) - np.pi


def average_pose_distance(made: Float[np.ndarray, "T 3"], wanted: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, " T"]:
    """APD: mean absolute difference of the three angles, radians times 100; axis-angle rotations, head to camera."""
    return np.asarray(APD_UNIT * np.abs(angle_differences(made, wanted)).mean(axis=-1))


def rotation_error(made: Float[np.ndarray, "T 3"], wanted: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, " T"]:
    """The angle of the rotation between two heads, degrees; axis-angle rotations, head to camera."""
    return np.degrees(geodesic_angle(matrix_from_axis_angle(made), matrix_from_axis_angle(wanted)))


def relative_rotation(rotation: Float[np.ndarray, "T 3"], reference: int) -> Float[np.ndarray, "T 3 3"]:
    """Rotation of each frame since the reference frame, in camera axes."""
    matrices = matrix_from_axis_angle(rotation)
    return np.asarray(matrices @ matrices[reference].T)


def average_expression_distance(
    made: Float[np.ndarray, "T E"], wanted: Float[np.ndarray, "T E"], deviations: Float[np.ndarray, " E"]
) -> Float[np.ndarray, " T"]:
    """AED: mean absolute difference of the expression coefficients, each in units of its standard deviation.

    Raises:
        ValueError: a deviation is not positive.
    """
    if not (deviations > 0.0).all():
        raise ValueError(f"deviations must be positive, the least is {deviations.min()}")
    return np.asarray((np.abs(made - wanted) / deviations).mean(axis=-1))


def gaze_error(made: Motion, wanted: Motion) -> Float[np.ndarray, " T"]:
    """Angle between the directions of gaze in the head, mean of both eyes, degrees; NaN where lids hide an iris."""
    angles = [
        np.degrees(geodesic_angle(matrix_from_axis_angle(ours), matrix_from_axis_angle(theirs)))
        for ours, theirs in ((made.eye_left, wanted.eye_left), (made.eye_right, wanted.eye_right))
    ]
    is_open = (made.lids.min(axis=1) > OPEN_LIDS) & (wanted.lids.min(axis=1) > OPEN_LIDS)
    return np.where(seen_in_both(made, wanted) & is_open, np.mean(angles, axis=0), np.nan)


def lid_error(made: Motion, wanted: Motion) -> Float[np.ndarray, " T"]:
    """Mean absolute difference of the lids' apertures (gap / width of the eye) of both eyes, as the fits measure it."""
    difference = np.abs(made.lids - wanted.lids).mean(axis=1)
    return np.where(seen_in_both(made, wanted), difference, np.nan)


def motion_errors(
    made: Motion, wanted: Motion, deviations: Float[np.ndarray, " E"]
) -> dict[str, Float[np.ndarray, " T"]]:
    """Every measure of this file, by key: apd, rotation (degrees), aed, jaw (degrees), gaze (degrees), lids."""
    seen = seen_in_both(made, wanted)

    def where_seen(values: np.ndarray) -> np.ndarray:
        return np.where(seen, values, np.nan)

    return {
        "apd": where_seen(average_pose_distance(made.rotation, wanted.rotation)),
        "rotation": where_seen(rotation_error(made.rotation, wanted.rotation)),
        "aed": where_seen(average_expression_distance(made.expression, wanted.expression, deviations)),
        "jaw": where_seen(rotation_error(made.jaw, wanted.jaw)),
        "gaze": gaze_error(made, wanted),
        "lids": lid_error(made, wanted),
    }
