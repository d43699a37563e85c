"""Expression and gaze of a motion as the plain numbers that a model is conditioned on.

The expression of a head model is its coefficients in units of their deviations, then what else moves its face: the
jaw's rotation for heads whose jaw turns, and the openings of the lids for heads that follow them. For a Basel Face
Model that leaves the 64 coefficients of Export3D; the built-in head has 99 + 3 + 2. Pose and neck are no part of it.
"""

import numpy as np
from jaxtyping import Float, Float32

from likeness.errors import InputError
from likeness.export3d.config import GAZE_NUMBERS, ExpressionSettings
from likeness.heads.model import JAW, HeadModel
from likeness.motion.record import Motion, MotionFrame

JAW_UNIT = 0.1  # radians that count as one deviation
LID_UNIT = 0.1  # of the lids' opening, likewise
_LID_NAMES = ("eyeBlinkLeft", "eyeBlinkRight")


def expression_size(head: HeadModel) -> int:
    """How many numbers tell an expression of this head."""
    return head.num_expression + (3 if turns_jaw(head) else 0) + (2 if follows_lids(head) else 0)


def turns_jaw(head: HeadModel) -> bool:
    """Whether the mouth of the head opens by a joint."""
    return bool((head.skin_weights[:, JAW] > 0.0).any())


def follows_lids(head: HeadModel) -> bool:
    """Whether the lids have shapes of their own, driven by their openings."""
    return set(_LID_NAMES) <= set(head.expression_names)


def expression_of_frame(head: HeadModel, frame: MotionFrame) -> Float32[np.ndarray, " numbers"]:
    """The expression at one moment."""
    deviations = np.maximum(head.expression_deviations, 1e-9)
    parts = [frame.expression / deviations]
    if turns_jaw(head):
        parts.append(frame.jaw / JAW_UNIT)
    if follows_lids(head):
        parts.append(frame.lids / LID_UNIT)
    return np.concatenate(parts).astype(np.float32)


def expression_of_motion(head: HeadModel, motion: Motion) -> Float32[np.ndarray, "T numbers"]:
    """The expression of every frame.

    Raises:
        InputError: the motion is of another head model.
    """
    if (motion.head_name, len(motion.expression_names)) != (head.name, head.num_expression):
        raise InputError(
            f"the motion moves the head {motion.head_name}, the expression is that of {head.name}: track the clip "
            "with that head"
        )
    return np.stack([expression_of_frame(head, frame) for frame in motion.frames()])


def gaze_of_frame(frame: MotionFrame) -> Float32[np.ndarray, "4"]:
    """Yaw and pitch (radians, to the subject's left and up) of the left eye in the head, then of the right eye."""
    left, right = frame.eye_left, frame.eye_right
    return np.array([left[1], -left[0], right[1], -right[0]], dtype=np.float32)


def inputs_of_frame(
    settings: ExpressionSettings, head: HeadModel, frame: MotionFrame
) -> Float32[np.ndarray, " inputs"]:
    """All numbers that a model is conditioned on: the expression, and the gaze if it takes that too.

    Raises:
        InputError: the model was made for another expression.
    """
    if (head.name, expression_size(head)) != (settings.head, settings.size):
        raise InputError(
            f"this model reads the expression of the head {settings.head} ({settings.size} numbers), not of "
            f"{head.name} ({expression_size(head)}): track with that head or give other weights"
        )
    expression = expression_of_frame(head, frame)
    return np.concatenate([expression, gaze_of_frame(frame)]) if settings.gaze else expression


def without_gaze(
    settings: ExpressionSettings, inputs: Float[np.ndarray, "*batch inputs"]
) -> Float[np.ndarray, "*batch n"]:
    """The expression's own numbers of a model's inputs."""
    return inputs[..., :-GAZE_NUMBERS] if settings.gaze else inputs
