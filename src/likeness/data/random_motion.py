"""Random poses and expressions from which a head is seen in synthetic pairs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from likeness.heads.model import HeadModel
from likeness.motion.edit import SIDES, HeadEdit, apply_edit
from likeness.motion.face_points import MIDDLE_PAIRS, lip_gaps
from likeness.motion.neutral import LipSeal, with_lip_gaps
from likeness.motion.record import MotionFrame

# Controls that are set for both sides alike (with a small difference), those that are set at all, and how far.
BOTH_SIDES = {
    "mouthSmile": 0.8, "mouthFrown": 0.6, "mouthStretch": 0.5, "mouthDimple": 0.5, "mouthPress": 0.5,
    "mouthUpperUp": 0.5, "mouthLowerDown": 0.5, "cheekPuff": 0.4, "cheekSquint": 0.6, "noseSneer": 0.5,
    "browInnerUp": 0.8, "browOuterUp": 0.8, "browDown": 0.8, "eyeSquint": 0.6, "eyeWide": 0.8,
}  # fmt: skip
WHOLE_FACE = {
    "jawOpen": 0.8, "mouthPucker": 0.7, "mouthFunnel": 0.6, "mouthRollUpper": 0.5, "mouthRollLower": 0.5,
    "mouthShrugUpper": 0.4, "mouthShrugLower": 0.4, "mouthLeft": 0.4, "mouthRight": 0.4, "jawForward": 0.4,
    "jawLeft": 0.4, "jawRight": 0.4,
}  # fmt: skip
LOPSIDED = 0.25  # how much the sides differ, root mean square, as a share


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionRange:
    """The distribution of the change from a photo's own moment. Angles in degrees, uniform unless told otherwise."""

    yaw: float = 25.0
    pitch: float = 12.0
    roll: float = 10.0
    small_share: float = 0.25  # of the turns, which stay within `small_part` of the range
    small_part: float = 0.2
    gaze_yaw: float = 22.0
    gaze_pitch: float = 14.0
    closing_share: float = 0.65  # of the open mouths, which are closed
    open_gap: float = 3.0e-3  # m between the lips, from which a mouth counts as open
    blink_share: float = 0.35  # of the moments, with lids at a uniform part of their opening
    expressions: int = 4  # controls that are set at most
    # Controls that are set beside those in a share of the moments of their own: name, share, least and largest value.
    frequent: tuple[tuple[str, float, float, float], ...] = ()


def random_moment(
    rest: MotionFrame, head: HeadModel, seal: LipSeal, ranges: MotionRange, generator: np.random.Generator
) -> MotionFrame:
    """The person of a photo at another moment: turned, looking elsewhere, with another expression.

    `seal` is how this person's lips are closed (`tracking.lips.person_seal`).
    """
    part = ranges.small_part if generator.random() < ranges.small_share else 1.0
    yaw, pitch, roll = part * np.array([ranges.yaw, ranges.pitch, ranges.roll]) * generator.uniform(-1.0, 1.0, 3)
    gaze_yaw, gaze_pitch = np.array([ranges.gaze_yaw, ranges.gaze_pitch]) * generator.uniform(-1.0, 1.0, 2)
    controls = random_controls(ranges.expressions, generator) | frequent_controls(ranges, generator)
    edit = HeadEdit(
        yaw=float(yaw),
        pitch=float(pitch),
        roll=float(roll),
        gaze_yaw=float(gaze_yaw),
        gaze_pitch=float(gaze_pitch),
        controls=_known(controls, head),
    )
    opening = float(generator.random()) if generator.random() < ranges.blink_share else 1.0
    is_closing = bool(generator.random() < ranges.closing_share)
    start = closed_lips(rest, seal) if is_closing and mouth_gap(rest, seal) > ranges.open_gap else rest
    moved = apply_edit(start, edit, head)
    return replace(moved, lids=moved.lids * opening)


def random_controls(most: int, generator: np.random.Generator) -> dict[str, float]:
    """A few named controls with random values."""
    names = [*BOTH_SIDES, *WHOLE_FACE]
    chosen = generator.choice(names, int(generator.integers(0, most + 1)), replace=False)
    values: dict[str, float] = {}
    for name in map(str, chosen):
        if name in WHOLE_FACE:
            values[name] = WHOLE_FACE[name] * float(generator.random())
            continue
        value = BOTH_SIDES[name] * float(generator.random())
        for side in SIDES:
            values[name + side] = float(np.clip(value * (1.0 + LOPSIDED * generator.standard_normal()), 0.0, 1.0))
    return values


def frequent_controls(ranges: MotionRange, generator: np.random.Generator) -> dict[str, float]:
    """Named controls of `ranges.frequent`, those of two sides nearly alike."""
    values: dict[str, float] = {}
    for name, share, least, most in ranges.frequent:
        if generator.random() >= share:
            continue
        value = float(generator.uniform(least, most))
        if name in WHOLE_FACE:
            values[name] = value
            continue
        for side in SIDES:
            values[name + side] = float(np.clip(value * (1.0 + 0.3 * LOPSIDED * generator.standard_normal()), 0.0, 1.0))
    return values


def mouth_gap(frame: MotionFrame, seal: LipSeal) -> float:
    """Height between the lips in the middle of the mouth, metres."""
    return float(lip_gaps(seal.lips, frame.expression, frame.jaw)[MIDDLE_PAIRS].mean())


def uncrossed_lips(frame: MotionFrame, seal: LipSeal) -> MotionFrame:
    """The frame with lips that touch where they would cross."""
    gaps = lip_gaps(seal.lips, frame.expression, frame.jaw)
    expression, jaw = with_lip_gaps(seal, frame.expression, frame.jaw, np.maximum(gaps, 0.0))
    return replace(frame, expression=expression, jaw=jaw)


def closed_lips(frame: MotionFrame, seal: LipSeal) -> MotionFrame:
    """The frame with its lips together."""
    wanted = np.minimum(lip_gaps(seal.lips, frame.expression, frame.jaw), 0.0)
    expression, jaw = with_lip_gaps(seal, frame.expression, frame.jaw, wanted)
    return replace(frame, expression=expression, jaw=jaw)


def _known(controls: Mapping[str, float], head: HeadModel) -> dict[str, float]:
    """Those that this head has; lids are always there."""
    own = {control.name for control in head.controls}
    return {name: value for name, value in controls.items() if name in own or name.startswith("eyeWide")}
