"""ARKit face captures turned into a Motion on any head model that has controls, and back."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_yaw_pitch_roll,
    yaw_pitch_roll_from_matrix,
)
from likeness.heads.model import JAW, NECK, HeadModel
from likeness.motion.edit import LID_CONTROLS, SIDES, WIDE_EYE_GAIN
from likeness.motion.live_link import ARKIT_NAMES, ArkitCapture, read_live_link, write_live_link
from likeness.motion.pose import FRONTAL, turn_from_frontal
from likeness.motion.record import Motion

GAZE_RANGE = np.radians(30.0)  # turn of an eye for eyeLook... = 1
OPEN_LIDS = 0.3  # lid gap / eye width of an eye at rest: a usual value, as the capture does not tell
DISTANCE = 0.6  # metres from the camera; the capture does not tell
USED_ABOVE = 0.02  # a coefficient that never exceeds this is at rest
_JAW_UNIT = 0.28  # radians of jaw rotation that weigh as much as one unit of an expression coefficient
_LOOKS = {"Left": {"Out": 1.0, "In": -1.0}, "Right": {"Out": -1.0, "In": 1.0}}  # sign of the yaw, to subject's left


def load_arkit_csv(path: Path, head: HeadModel, *, fps: float | None = None) -> tuple[Motion, tuple[str, ...]]:
    """The motion of a Live Link Face CSV, and the coefficients that it uses but the head has no control for.

    Raises:
        InputError: the file cannot be read or is no such CSV.
    """
    return motion_from_arkit(read_live_link(path, fps=fps), head, source=Path(path).name)


def save_arkit_csv(path: Path, motion: Motion, head: HeadModel, *, overwrite: bool = False) -> None:
    """Write a motion as a Live Link Face CSV; what ARKit has no name for (correctives, place) is left out.

    Raises:
        OutputError: the name is taken or cannot be written.
    """
    write_live_link(path, arkit_from_motion(motion, head), overwrite=overwrite)


def arkit_controls(head: HeadModel) -> dict[str, tuple[str, ...]]:
    """ARKit coefficient -> the head's controls that it sets (one, both sides, or none); without gaze and lids."""
    own = {control.name for control in head.controls}
    mapping = {}
    for name in ARKIT_NAMES:
        if name in LID_CONTROLS or name.startswith("eyeLook"):
            continue
        both = tuple(name + side for side in SIDES)
        mapping[name] = (name,) if name in own else both if own.issuperset(both) else ()
    return mapping


def motion_from_arkit(capture: ArkitCapture, head: HeadModel, *, source: str) -> tuple[Motion, tuple[str, ...]]:
    """The capture on this head, 0.6 m before a default camera, and the used coefficients without a control.

    Blinks act on the lids, eyeLook... on the eyes, the rest through the head's controls; the head turns about its neck
    joint. The frame with the least expression is the reference.
    """
    count = len(capture.times)
    mapping = arkit_controls(head)
    effect = np.zeros((len(ARKIT_NAMES), head.num_expression + 3))
    for name, controls in mapping.items():
        effect[ARKIT_NAMES.index(name)] = sum(_effect(head, control) for control in controls)
    moved = capture.coefficients @ effect  # [T E+3]
    missing = [ARKIT_NAMES.index(name) for name, controls in mapping.items() if not controls]
    unused = tuple(ARKIT_NAMES[i] for i in missing if np.abs(capture.coefficients[:, i]).max() > USED_ABOVE)
    turn = _matrix(capture.angles[:, 0])
    rotation = FRONTAL @ turn
    neck = head.joint_positions[NECK]
    translation = np.array([0.0, 0.0, DISTANCE]) + (neck - turn @ neck) @ FRONTAL.T
    camera = default_camera(512, 512)
    lids = [_column(capture, f"eyeBlink{side}", f"eyeWide{side}") for side in SIDES]
    shapes = [index for index, name in enumerate(ARKIT_NAMES) if not name.startswith("eyeLook")]
    effort = np.square(capture.coefficients[:, shapes]).sum(axis=1) + np.where(capture.valid, 0.0, np.inf)
    motion = Motion(
        head_name=head.name,
        head_version=head.version,
        expression_names=tuple(head.expression_names),
        source=source,
        tracker="ARKit",
        fps=float(1.0 / np.median(np.diff(capture.times))) if count > 1 else 60.0,
        times=capture.times,
        rotation=axis_angle_from_matrix(rotation),
        translation=translation,
        neck=np.zeros((count, 3)),
        jaw=moved[:, head.num_expression :],
        eye_left=_eye(capture, "Left"),
        eye_right=_eye(capture, "Right"),
        expression=moved[:, : head.num_expression],
        lids=OPEN_LIDS * np.stack([np.clip(1 - c[0], 0, 1) * (1 + WIDE_EYE_GAIN * c[1]) for c in lids], axis=1),
        confidence=capture.valid.astype(np.float64),
        valid=capture.valid,
        shape=np.zeros(head.num_shape),
        intrinsics=camera.intrinsics,
        image_size=(camera.width, camera.height),
        reference=int(np.argmin(effort)),
    )
    return motion, unused


def arkit_from_motion(motion: Motion, head: HeadModel) -> ArkitCapture:
    """ARKit coefficients (0 to 1) that come closest to the motion's expression and jaw; angles against a frontal head.

    Lids are told against the reference frame, whose eyes count as open.
    """
    from scipy.optimize import nnls

    coefficients = np.zeros((len(motion), len(ARKIT_NAMES)))
    mapping = {name: controls for name, controls in arkit_controls(head).items() if controls}
    weights = np.concatenate([np.ones(head.num_expression), np.full(3, 1.0 / _JAW_UNIT)])
    design = np.stack([sum(_effect(head, c) for c in controls) * weights for controls in mapping.values()], axis=1)
    reached = np.abs(design).sum(axis=1) > 0
    targets = np.concatenate([motion.expression, motion.jaw], axis=1) * weights
    columns = [ARKIT_NAMES.index(name) for name in mapping]
    for index, target in enumerate(targets):
        coefficients[index, columns] = np.minimum(nnls(design[reached], target[reached])[0], 1.0)
    angles = np.zeros((len(motion), 3, 3))
    angles[:, 0] = _angles(turn_from_frontal(motion.rotation))
    for number, side in enumerate(SIDES):
        eye = matrix_from_axis_angle(motion.eye_left if side == "Left" else motion.eye_right)
        angles[:, 1 + number] = _angles(eye)
        yaw, pitch, _ = yaw_pitch_roll_from_matrix(eye).T / GAZE_RANGE
        opening = motion.lids[:, number] / max(float(motion.lids[motion.reference, number]), 1e-3)
        values = {"eyeBlink": 1.0 - opening, "eyeWide": (opening - 1.0) / WIDE_EYE_GAIN}
        values |= {"eyeLookUp": pitch, "eyeLookDown": -pitch}
        values |= {f"eyeLook{way}": sign * yaw for way, sign in _LOOKS[side].items()}
        for name, value in values.items():
            coefficients[:, ARKIT_NAMES.index(name + side)] = np.clip(value, 0.0, 1.0)
    return ArkitCapture(times=motion.times, coefficients=coefficients, angles=angles, valid=motion.valid)


def _effect(head: HeadModel, control_name: str) -> Float[np.ndarray, " N"]:
    """Expression coefficients and jaw rotation per unit of a control, one after the other."""
    control = head.control(control_name)
    return np.concatenate([control.expression, control.joints[JAW]])


def _column(capture: ArkitCapture, *names: str) -> list[Float[np.ndarray, " T"]]:
    return [capture.coefficients[:, ARKIT_NAMES.index(name)] for name in names]


def _eye(capture: ArkitCapture, side: str) -> Float[np.ndarray, "T 3"]:
    """Rotation of an eye from its eyeLook coefficients, which every version of the app writes."""
    names = [f"eyeLook{way}{side}" for way in ("Up", "Down", "Out", "In")]
    up, down, out, inward = _column(capture, *names)
    yaw = GAZE_RANGE * (_LOOKS[side]["Out"] * out + _LOOKS[side]["In"] * inward)
    pitch = GAZE_RANGE * (up - down)
    eyes = [matrix_from_yaw_pitch_roll(float(y), float(p), 0.0) for y, p in zip(yaw, pitch, strict=True)]
    return axis_angle_from_matrix(np.stack(eyes))


def _matrix(angles: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, "T 3 3"]:
    """Rotations of ARKit yaw, pitch, roll: yaw about +y after pitch about +x after roll about +z."""
    yaw, pitch, roll = (angles[:, axis, None] * np.eye(3)[row] for axis, row in ((0, 1), (1, 0), (2, 2)))
    return matrix_from_axis_angle(yaw) @ matrix_from_axis_angle(pitch) @ matrix_from_axis_angle(roll)


def _angles(rotation: Float[np.ndarray, "T 3 3"]) -> Float[np.ndarray, "T 3"]:
    """Inverse of `_matrix`."""
    yaw = np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2])
    pitch = -np.arcsin(np.clip(rotation[:, 1, 2], -1.0, 1.0))
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 1, 1])
    return np.stack([yaw, pitch, roll], axis=1)
