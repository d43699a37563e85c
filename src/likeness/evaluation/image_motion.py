"""How the picture itself moved between two renderings of one photo, by optical flow, without a landmark model.

A landmark network moves the whole face a little when one part of it changes; the flow of untouched pixels is zero.
"""

import numpy as np
from jaxtyping import Float, UInt8

from likeness.heads.landmark_sets import OUTER_EYE_CORNERS

_SAME = 1.0  # of 255: neighbourhoods that differ less on average have not moved
_NEIGHBOURHOOD = 7  # pixels


def optical_displacement(
    rest: UInt8[np.ndarray, "H W 3"], edited: UInt8[np.ndarray, "H W 3"], landmarks: Float[np.ndarray, "L 3"]
) -> Float[np.ndarray, "L 3"]:
    """What lies under each landmark of the picture at rest moved by, in percent of the outer-eye distance (in space).

    Axes in the image: subject's left, up; the third is zero. The head must not turn between the pictures.
    """
    flow = _flow(rest, edited)
    height, width = rest.shape[:2]
    columns = np.clip(landmarks[:, 0], 0, width - 1).astype(int)
    rows = np.clip(landmarks[:, 1], 0, height - 1).astype(int)
    moved = flow[rows, columns].astype(np.float64)
    right, left = (landmarks[corner] for corner in OUTER_EYE_CORNERS)
    across = (left - right)[:2] / np.linalg.norm((left - right)[:2])
    upward = np.array([across[1], -across[0]])  # y points down in the image
    unit = np.linalg.norm(left - right)
    result = np.zeros((len(landmarks), 3))
    result[:, 0], result[:, 1] = 100 * moved @ across / unit, 100 * moved @ upward / unit
    return result


def _flow(first: UInt8[np.ndarray, "H W 3"], second: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "H W 2"]:
    """Dense optical flow (DIS, Kroeger et al. 2016), zero where the pictures agree. Pixels."""
    import cv2

    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (first, second)]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(grey[0], grey[1], None)
    difference = np.abs(first.astype(np.int16) - second.astype(np.int16)).mean(axis=-1).astype(np.float32)
    near = cv2.blur(difference, (_NEIGHBOURHOOD, _NEIGHBOURHOOD))
    return np.where(near[..., None] < _SAME, 0.0, flow)
