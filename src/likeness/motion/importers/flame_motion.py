"""What every FLAME tracker's import ends in: a clip of FLAME parameters before an OpenCV camera becomes a `Motion`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.geometry.rotation import axis_angle_from_matrix
from likeness.heads.landmark_sets import (
    EYE_CORNERS_LEFT,
    EYE_CORNERS_RIGHT,
    LOWER_LID_LEFT,
    LOWER_LID_RIGHT,
    UPPER_LID_LEFT,
    UPPER_LID_RIGHT,
)
from likeness.heads.model import HeadModel
from likeness.motion.face_points import face_points
from likeness.motion.record import Motion

DEFAULT_FPS = 25.0  # of parameter files, which tell none
MAX_FPS = 1000.0
LIDS = ("eyeBlinkLeft", "eyeBlinkRight")
NEGLIGIBLE = 1e-6  # of a coefficient that the head has no mode for
_SIDES = ((UPPER_LID_LEFT, LOWER_LID_LEFT, EYE_CORNERS_LEFT), (UPPER_LID_RIGHT, LOWER_LID_RIGHT, EYE_CORNERS_RIGHT))


@dataclass(frozen=True, kw_only=True, slots=True)
class FlameClip:
    """T frames of FLAME parameters. Rotations of joints are axis-angle in radians, lengths metres."""

    shape: Float[np.ndarray, " S"]
    expression: Float[np.ndarray, "T E"]
    rotation: Float[np.ndarray, "T 3 3"]  # head (FLAME without its root) to camera, OpenCV axes
    translation: Float[np.ndarray, "T 3"]
    neck: Float[np.ndarray, "T 3"]
    jaw: Float[np.ndarray, "T 3"]
    eye_left: Float[np.ndarray, "T 3"]
    eye_right: Float[np.ndarray, "T 3"]
    closed_lids: Float[np.ndarray, "T 2"] | None  # left, right, 0 open to 1 shut; None: the tracker has none
    intrinsics: Float[np.ndarray, "3 3"]  # divided by the image size
    image_size: tuple[int, int]  # width, height


def root_pose(
    turn: Float[np.ndarray, "T 3 3"], pivot: Float[np.ndarray, "T 3"], shift: Float[np.ndarray, "T 3"]
) -> Float[np.ndarray, "T 3"]:
    """The translation that, with the rotation `turn`, equals FLAME's root turned about its joint and then shifted."""
    return pivot - np.einsum("txy,ty->tx", turn, pivot) + shift


def with_modes(path: Path, head: HeadModel, clip_values: Float[np.ndarray, "T N"], count: int) -> np.ndarray:
    """Coefficients padded with zeros, or cut where what is cut is nothing, to `count` modes.

    Raises:
        InputError: the head has too few modes.
    """
    have = clip_values.shape[1]
    if have > count and np.abs(clip_values[:, count:]).max(initial=0.0) > NEGLIGIBLE:
        raise InputError(
            f"{path} uses {have} modes, the head {head.name} has {count}: give the FLAME head it was made on"
        )
    padded = np.zeros((len(clip_values), count))
    padded[:, : min(have, count)] = clip_values[:, :count]
    return padded


def motion_from_flame(
    clip: FlameClip,
    head: HeadModel,
    *,
    path: Path,
    tracker: str,
    fps: float,
    times: Float[np.ndarray, " T"] | None = None,
) -> Motion:
    """The clip as a motion on a FLAME head; its least expressive frame is the reference.

    Eyelids become the head's lid shapes where it has them, else apertures alone. Without `times` frames are evenly
    spaced.

    Raises:
        InputError: the head is no FLAME head or has too few modes, or numbers are not finite.
    """
    check_flame(head)
    if not 0.0 < fps <= MAX_FPS:
        raise InputError(f"{fps} frames per second were asked for: give a number up to {MAX_FPS:g}")
    num_lids = len(LIDS) if head.expression_names[-2:] == LIDS else 0
    modes = head.num_expression - num_lids
    expression = with_modes(path, head, clip.expression, modes)
    if num_lids:
        lids = np.zeros((len(expression), num_lids)) if clip.closed_lids is None else clip.closed_lids
        expression = np.concatenate([expression, lids], axis=1)
    shape = with_modes(path, head, clip.shape[None], head.num_shape)[0]
    openings = lid_openings(head, shape, expression, clip.jaw)
    if clip.closed_lids is not None and not num_lids:
        openings = openings * (1.0 - np.clip(clip.closed_lids, 0.0, 1.0))
    count = len(expression)
    arrays = (shape, expression, clip.rotation, clip.translation, clip.neck, clip.jaw, clip.eye_left, clip.eye_right)
    if count == 0 or not all(np.isfinite(array).all() for array in (*arrays, clip.intrinsics, openings)):
        raise InputError(f"{path} holds numbers that are not finite, or no frame: track the video again")
    effort = (expression[:, :modes] ** 2).sum(axis=1) + (clip.jaw**2).sum(axis=1)
    return Motion(
        head_name=head.name,
        head_version=head.version,
        expression_names=head.expression_names,
        source=Path(path).name,
        tracker=tracker,
        fps=float(fps),
        times=np.arange(count) / fps if times is None else times,
        rotation=axis_angle_from_matrix(clip.rotation),
        translation=clip.translation,
        neck=clip.neck,
        jaw=clip.jaw,
        eye_left=clip.eye_left,
        eye_right=clip.eye_right,
        expression=expression,
        lids=openings,
        confidence=np.ones(count),
        valid=np.ones(count, dtype=bool),
        shape=shape,
        intrinsics=clip.intrinsics,
        image_size=clip.image_size,
        reference=int(np.argmin(effort)),
    )


def check_flame(head: HeadModel) -> None:
    """Parameters of FLAME trackers need a FLAME head.

    Raises:
        InputError: it is another one.
    """
    if head.pose_basis is None or head.joint_expression_basis is None:
        raise InputError(
            f"FLAME parameters need a FLAME head, not {head.name}: convert one with `likeness head convert` and give it"
            " with --head"
        )


def root_joints(
    head: HeadModel, shape: Float[np.ndarray, " S"], expression: Float[np.ndarray, "T E"]
) -> Float[np.ndarray, "T 3"]:
    """FLAME's root joint in each frame; it follows the expression as the public code has it. Missing modes are 0."""
    assert head.joint_expression_basis is not None
    modes, identities = min(expression.shape[1], head.num_expression), min(len(shape), head.num_shape)
    rest = head.joint_positions[0] + head.joint_shape_basis[0][:, :identities] @ shape[:identities]
    return rest + expression[:, :modes] @ head.joint_expression_basis[0][:, :modes].T


def lid_openings(
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    expression: Float[np.ndarray, "T E"],
    jaw: Float[np.ndarray, "T 3"],
) -> Float[np.ndarray, "T 2"]:
    """Mean gap between the lids over the width of the eye, left and right, of a head with these parameters."""
    openings = []
    for upper, lower, corners in _SIDES:
        points = face_points(head, shape, [*upper, *lower, *corners]).positions(expression, jaw)
        count = len(upper)
        gap = (points[:, :count, 1] - points[:, count : 2 * count, 1]).mean(axis=1)
        width = np.linalg.norm(points[:, -1] - points[:, -2], axis=1)
        openings.append(np.maximum(gap / np.maximum(width, 1e-4), 0.0))
    return np.stack(openings, axis=1)


def expect(path: Path, arrays: dict, name: str, *sides: int | None) -> Float[np.ndarray, "..."]:
    """An array of the file as float64, its shape checked (None: any length).

    Raises:
        InputError: it is missing, no numbers, or has another shape.
    """
    array = arrays.get(name)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise InputError(f"{path} has no numbers called {name}: it is another kind of file, or damaged")
    if array.ndim != len(sides) or any(want not in (None, have) for want, have in zip(sides, array.shape, strict=True)):
        wanted = ", ".join("any" if side is None else str(side) for side in sides)
        raise InputError(f"{path}: {name} has the shape {array.shape}, expected ({wanted})")
    return array.astype(np.float64)
