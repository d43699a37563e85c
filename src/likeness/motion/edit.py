"""Edits in degrees and named controls: turn the head, move the eyes, smile; applied on top of any frame."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.geometry.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_yaw_pitch_roll,
)
from likeness.geometry.transform import rotation_about
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JAW, JOINT_NAMES, NECK, HeadModel
from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame

SIDES = ("Left", "Right")  # of the subject; also the order of `MotionFrame.lids`
LID_CLOSING, LID_OPENING = "eyeBlink", "eyeWide"
LID_CONTROLS = tuple(name + side for name in (LID_CLOSING, LID_OPENING) for side in SIDES)
# These at 1 narrow the lids by this part of their gap, beside lifting the skin below.
NARROWING = {"eyeSquint": 0.35, "cheekSquint": 0.2}
WIDE_EYE_GAIN = 0.35  # eyeWide = 1 opens the lids by this part of their gap
ANGLE_NAMES = ("yaw", "pitch", "roll", "gaze_yaw", "gaze_pitch")
_JOINT_FIELDS = {"neck": NECK, "jaw": JAW, "eye_left": EYE_LEFT, "eye_right": EYE_RIGHT}
MAX_ANGLE = 90.0  # degrees; more is a slip of the hand
# Degrees up to which pictures convince: beyond them an edit is done, and a warning given.
TRUSTED_ANGLES = {"yaw": 25.0, "pitch": 15.0, "roll": 30.0, "gaze_yaw": 30.0, "gaze_pitch": 20.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadEdit:
    """What to change. Angles in degrees, positive to the subject's left, up, and toward the left shoulder.

    `controls` maps control names to values, usually 0 to 1; a name without its side (`mouthSmile`) sets both sides.
    eyeBlink and eyeWide act on the opening of the lids alone, whatever their shapes in the head model do.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze_yaw: float = 0.0
    gaze_pitch: float = 0.0
    controls: Mapping[str, float] = field(default_factory=dict)

    def scaled(self, part: float) -> "HeadEdit":
        """The same edit, done in part (0 = not at all, 1 = wholly)."""
        angles = {name: part * getattr(self, name) for name in ANGLE_NAMES}
        return replace(self, **angles, controls={name: part * value for name, value in self.controls.items()})


def apply_edit(frame: MotionFrame, edit: HeadEdit, head: HeadModel) -> MotionFrame:
    """The frame, edited. The head turns in its own axes about the neck joint, so that it stays on the shoulders.

    Raises:
        InputError: an unknown control, a number that is not finite, or an angle beyond 90 degrees.
    """
    arrays = {name: np.asarray(getattr(frame, name), dtype=np.float64)[None] for name in FRAME_FIELDS}
    return MotionFrame(**{name: values[0] for name, values in _edited(arrays, edit, head).items()})


def apply_edit_to_motion(motion: Motion, edit: HeadEdit, head: HeadModel) -> Motion:
    """`apply_edit` on every frame; the same result, faster.

    Raises:
        InputError: as in `apply_edit`.
    """
    return motion.with_frames(**_edited({name: getattr(motion, name) for name in FRAME_FIELDS}, edit, head))


def _edited(arrays: dict[str, np.ndarray], edit: HeadEdit, head: HeadModel) -> dict[str, np.ndarray]:
    """The per-frame arrays of a motion, by name, after the edit."""
    controls = resolve_controls(edit.controls, head)
    check_angles(edit)
    edited = dict(arrays)
    joint_change = np.zeros((len(JOINT_NAMES), 3))
    expression_change = np.zeros(head.num_expression)
    lid_factor = np.ones(2)
    for name, value in controls.items():
        if name in LID_CONTROLS:
            factor = 1.0 - value if name.startswith(LID_CLOSING) else 1.0 + WIDE_EYE_GAIN * value
            lid_factor[0 if name.endswith(SIDES[0]) else 1] *= max(factor, 0.0)
        else:
            if gain := NARROWING.get(name.removesuffix(SIDES[0]).removesuffix(SIDES[1])):
                lid_factor[0 if name.endswith(SIDES[0]) else 1] *= max(1.0 - gain * value, 0.0)
            control = head.control(name)
            expression_change += value * control.expression
            joint_change += value * control.joints
    for name, joint in _JOINT_FIELDS.items():
        edited[name] = arrays[name] + joint_change[joint]
    edited["expression"] = arrays["expression"] + expression_change
    edited["lids"] = arrays["lids"] * lid_factor
    yaw, pitch, roll, gaze_yaw, gaze_pitch = np.radians([getattr(edit, name) for name in ANGLE_NAMES])
    if yaw or pitch or roll:
        turn = rotation_about(head.joint_positions[NECK], matrix_from_yaw_pitch_roll(yaw, pitch, roll))
        rotation = matrix_from_axis_angle(arrays["rotation"])
        edited["rotation"] = axis_angle_from_matrix(rotation @ turn.rotation)
        edited["translation"] = arrays["translation"] + rotation @ turn.translation
    if gaze_yaw or gaze_pitch:
        for name in ("eye_left", "eye_right"):
            edited[name] = _turned_gaze(edited[name], gaze_yaw, gaze_pitch)
    return edited


def _turned_gaze(eye: Float[np.ndarray, "T 3"], yaw: float, pitch: float) -> Float[np.ndarray, "T 3"]:
    """Rotations of an eye (axis-angle) with yaw and pitch (radians) added to their own.

    An eye does not roll: its rotation is yaw after pitch, so the new yaw goes outside and the new pitch inside.
    """
    outside, inside = matrix_from_yaw_pitch_roll(yaw, 0.0, 0.0), matrix_from_yaw_pitch_roll(0.0, pitch, 0.0)
    return axis_angle_from_matrix(outside @ matrix_from_axis_angle(eye) @ inside)


def control_names(head: HeadModel) -> tuple[str, ...]:
    """Every name that an edit may set on this head: its controls, the lids, and two-sided names without the side."""
    own = list(dict.fromkeys([*(control.name for control in head.controls), *LID_CONTROLS]))
    stems = [name.removesuffix("Left") for name in own if name.endswith("Left")]
    both = [stem for stem in stems if stem + "Right" in own and stem not in own and stem not in ("jaw", "mouth")]
    return (*own, *both)


def resolve_controls(controls: Mapping[str, float], head: HeadModel) -> dict[str, float]:
    """One-sided values by full name; a two-sided name sets both, and a full name given as well wins.

    Raises:
        InputError: an unknown name (close ones are listed) or a value that is not finite.
    """
    known = control_names(head)
    own = {control.name for control in head.controls} | set(LID_CONTROLS)
    both_sided, one_sided = {}, {}
    for name, value in controls.items():
        if name not in known:
            raise InputError(unknown_name_message("control", name, known))
        if not math.isfinite(value):
            raise InputError(f"the control {name} is set to {value}: give a number, usually 0 to 1")
        if name in own:
            one_sided[name] = float(value)
        else:
            both_sided.update({name + side: float(value) for side in SIDES})
    return both_sided | one_sided


def edit_warnings(edit: HeadEdit, head: HeadModel) -> tuple[str, ...]:
    """One sentence for each part of the edit that goes beyond what pictures are known to bear."""
    warnings = []
    for name, limit in TRUSTED_ANGLES.items():
        if abs(getattr(edit, name)) > limit:
            warnings.append(f"{name} {getattr(edit, name):g} is beyond {limit:g} degrees: expect smeared or torn edges")
    ranges = {control.name: (control.minimum, control.maximum) for control in head.controls}
    for name, value in resolve_controls(edit.controls, head).items():
        low, high = ranges.get(name, (0.0, 1.0))
        if not low <= value <= high:
            warnings.append(f"{name}={value:g} is outside {low:g} to {high:g}: the face may look unnatural")
    return tuple(warnings)


def parse_controls(settings: Iterable[str], head: HeadModel) -> dict[str, float]:
    """Controls from texts such as `mouthSmile=0.6`.

    Raises:
        InputError: a text without `=`, a value that is not a number, an unknown name.
    """
    controls = {}
    for text in settings:
        name, separator, number = text.partition("=")
        try:
            controls[name.strip()] = float(number)
        except ValueError:
            separator = ""
        if not separator:
            raise InputError(f"cannot read the setting {text!r}: write NAME=NUMBER, for example mouthSmile=0.6")
    resolve_controls(controls, head)
    return controls


def unknown_name_message(kind: str, name: str, known: Iterable[str]) -> str:
    """One line that names the slip and what may have been meant."""
    by_folded = {entry.casefold(): entry for entry in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=4, cutoff=0.55)
    meant = ", ".join(by_folded[entry] for entry in close) or ", ".join(list(by_folded.values())[:6]) + ", ..."
    return f"there is no {kind} {name[:60]!r}: did you mean {meant}?"


def check_angles(edit: HeadEdit) -> None:
    """Refuse angles that nobody means.

    Raises:
        InputError: an angle is beyond 90 degrees or not finite.
    """
    for name in ANGLE_NAMES:
        angle = getattr(edit, name)
        if not abs(angle) <= MAX_ANGLE:
            raise InputError(f"{name} is {angle:g}: give degrees from {-MAX_ANGLE:g} to {MAX_ANGLE:g}")
