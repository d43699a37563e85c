"""Lips drawn so that the opening which is seen is the one that was asked for.

A photo's lips carry the shadow between them on their rims. Drawn beside the mouth's inside it widens an opening, and
where lips that were pressed together become thicker, a plain warp stretches it into an opening that is none.
"""

import numpy as np
from jaxtyping import Float

from likeness.heads.landmark_sets import (
    LOWER_LIP_INNER,
    LOWER_LIP_MIDDLE,
    LOWER_LIP_NEAR,
    NOSE_BASE,
    NOSE_BRIDGE,
    UPPER_LIP_INNER,
    UPPER_LIP_MIDDLE,
    UPPER_LIP_NEAR,
)

LIP_RIM = 0.9  # pixels of each lip that look like part of the opening
_UPPER, _LOWER = list(UPPER_LIP_INNER[1:-1]), list(LOWER_LIP_INNER[1:-1])


def with_seen_lips(
    pixels: Float[np.ndarray, "468 2"], rest_pixels: Float[np.ndarray, "468 2"]
) -> Float[np.ndarray, "468 2"]:
    """The landmarks with lips nearer to each other by their rims, and with rims no wider than in the photo.

    Lips as far apart and as thick as in the photo stay where they are. Thicker ones take all of the change in their
    outer band; rows of landmarks within the lip keep the photo's distance from its inner edge.
    """
    apart = pixels[_LOWER] - pixels[_UPPER]
    gap = np.linalg.norm(apart, axis=1, keepdims=True)
    rest_gap = np.linalg.norm(rest_pixels[_LOWER] - rest_pixels[_UPPER], axis=1, keepdims=True)
    inward = np.minimum(LIP_RIM, 0.5 * np.minimum(gap, np.abs(gap - rest_gap)))
    shift = apart / np.maximum(gap, 1e-6) * inward
    drawn = pixels.copy()
    drawn[_UPPER] += shift
    drawn[_LOWER] -= shift
    nose, rest_nose = (np.linalg.norm(seen[NOSE_BRIDGE] - seen[NOSE_BASE]) for seen in (pixels, rest_pixels))
    scale = nose / max(float(rest_nose), 1e-6)  # of the picture, foreshortening included
    for edge, rows in ((_UPPER, (UPPER_LIP_NEAR, UPPER_LIP_MIDDLE)), (_LOWER, (LOWER_LIP_NEAR, LOWER_LIP_MIDDLE))):
        for row in map(list, rows):
            band = pixels[row] - pixels[edge]
            width = np.linalg.norm(band, axis=1, keepdims=True)
            widest = scale * np.linalg.norm(rest_pixels[row] - rest_pixels[edge], axis=1, keepdims=True)
            narrowing = np.minimum(widest / np.maximum(width, 1e-6), 1.0) - 1.0
            drawn[row] += drawn[edge] - pixels[edge] + band * narrowing
    return drawn
