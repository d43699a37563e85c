"""How strongly each region of the face follows a motion: head, mouth, eyes, brows, gaze, each about a rest frame."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.motion.record import Motion, MotionFrame

MAX_STRENGTH = 3.0
# Region by the beginning of an expression name. What fits none (noseSneer moves the upper lip; correctives are mostly
# needed there) belongs to the mouth.
EXPRESSION_PREFIXES = {"eye": "eyes", "cheekSquint": "eyes", "brow": "brows"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Strengths:
    """Per region: 0 stays at rest, 1 follows the motion, more exaggerates. Each from 0 to 3."""

    head: float = 1.0  # rotation, place and neck
    mouth: float = 1.0  # jaw, lips, cheeks, nose
    eyes: float = 1.0  # lids and what surrounds them
    brows: float = 1.0
    gaze: float = 1.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not 0.0 <= value <= MAX_STRENGTH:
                raise InputError(f"the strength of {entry.name} is {value}: give a number from 0 to {MAX_STRENGTH:g}")


def scale_regions(motion: Motion, rest: MotionFrame, strengths: Strengths) -> Motion:
    """The motion with its differences from `rest` scaled per region; rotations along the shortest way from rest."""
    if strengths == Strengths():
        return motion
    per_name = np.array([getattr(strengths, expression_region(name)) for name in motion.expression_names])
    return motion.with_frames(
        rotation=_scaled_rotation(motion.rotation, rest.rotation, strengths.head),
        translation=rest.translation + strengths.head * (motion.translation - rest.translation),
        neck=_scaled_rotation(motion.neck, rest.neck, strengths.head),
        jaw=_scaled_rotation(motion.jaw, rest.jaw, strengths.mouth),
        eye_left=_scaled_rotation(motion.eye_left, rest.eye_left, strengths.gaze),
        eye_right=_scaled_rotation(motion.eye_right, rest.eye_right, strengths.gaze),
        expression=rest.expression + per_name * (motion.expression - rest.expression),
        lids=np.maximum(rest.lids + strengths.eyes * (motion.lids - rest.lids), 0.0),
    )


def expression_region(name: str) -> str:
    """Which field of `Strengths` governs the expression coefficient or control of that name."""
    for prefix, region in EXPRESSION_PREFIXES.items():
        if name.startswith(prefix):
            return region
    return "mouth"


def _scaled_rotation(
    rotation: Float[np.ndarray, "T 3"], rest: Float[np.ndarray, "3"], strength: float
) -> Float[np.ndarray, "T 3"]:
    base = matrix_from_axis_angle(rest)
    difference = axis_angle_from_matrix(base.T @ matrix_from_axis_angle(rotation))
    return axis_angle_from_matrix(base @ matrix_from_axis_angle(strength * difference))
