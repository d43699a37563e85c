"""How far the lids of a head are open, and the blink shapes that open or close them as asked."""

import numpy as np
from jaxtyping import Float

from likeness.heads.landmark_sets import LIDS
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points, posed_vertices

BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")  # of heads that have such shapes
BLINK_LIMITS = (-0.8, 1.2)  # of their coefficients


def lid_apertures(
    head: HeadModel, vertices: Float[np.ndarray, "V 3"], *, is_signed: bool = False
) -> Float[np.ndarray, "2"]:
    """Mean gap between the lids over the width of the left and right eye, of a mesh in the head frame.

    Lids that cross count as closed, or with `is_signed` below zero.
    """
    points = landmark_points(head, vertices)
    apertures = []
    for upper, lower, corners in LIDS:
        width = float(np.linalg.norm(points[corners[0]] - points[corners[1]]))
        gap = float(np.mean(points[list(upper), 1] - points[list(lower), 1]))
        apertures.append(gap / max(width, 1e-4))
    return np.array(apertures) if is_signed else np.maximum(apertures, 0.0)


def open_lids(
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    expression: Float[np.ndarray, " E"],
    joints: Float[np.ndarray, "5 3"],
    wanted: Float[np.ndarray, "2"],
) -> Float[np.ndarray, " E"]:
    """The expression with blink coefficients at which the lids have the wanted apertures, as far as these may go; the
    expression itself for a head without blink shapes.
    """
    if not set(BLINKS) <= set(head.expression_names):
        return expression
    blinks = [head.expression_names.index(name) for name in BLINKS]

    def apertures(closing: Float[np.ndarray, "2"] | float) -> Float[np.ndarray, "2"]:
        changed = expression.copy()
        changed[blinks] = closing
        return lid_apertures(head, posed_vertices(head, shape, changed, joints), is_signed=True)

    steepness = np.maximum(apertures(0.0) - apertures(1.0), 1e-3)
    result = expression.copy()
    closing = expression[blinks] + (apertures(expression[blinks]) - wanted) / steepness
    result[blinks] = np.clip(closing, *BLINK_LIMITS)
    return result
