"""Landmarks drawn as a picture: the condition "landmark" that 3D flow is compared with (FG-Portrait, Table 4)."""

import numpy as np
from jaxtyping import Float, Float32

from likeness.geometry.camera import Camera
from likeness.heads.landmark_sets import (
    EYE_LEFT_RING,
    EYE_RIGHT_RING,
    LIPS_INNER,
    LIPS_OUTER,
    OVAL,
)

BROW_RIGHT = (70, 63, 105, 66, 107)  # outer to inner end
BROW_LEFT = (300, 293, 334, 296, 336)
NOSE = (168, 6, 197, 195, 5, 4)  # bridge to tip
NOSTRILS = (98, 97, 2, 326, 327)
# Line, whether it closes, colour: both sides alike, so that a mirrored picture stays true. Together about the places
# of the usual 68 landmarks.
LINES = (
    (OVAL, True, (0.4, 0.4, 0.4)),
    (BROW_RIGHT, False, (1.0, 0.7, 0.0)),
    (BROW_LEFT, False, (1.0, 0.7, 0.0)),
    (EYE_RIGHT_RING, True, (0.0, 1.0, 0.0)),
    (EYE_LEFT_RING, True, (0.0, 1.0, 0.0)),
    (NOSE, False, (0.0, 0.3, 1.0)),
    (NOSTRILS, False, (0.6, 0.0, 1.0)),
    (LIPS_OUTER, True, (1.0, 0.0, 0.0)),
    (LIPS_INNER, True, (1.0, 0.0, 1.0)),
)
SUBPIXEL_BITS = 4  # of the drawing routine's fixed-point positions
THICKNESS = 1.0 / 96.0  # of the lines, in picture widths


def landmark_picture(points: Float[np.ndarray, "L 3"], camera: Camera, resolution: int) -> Float32[np.ndarray, "3 H W"]:
    """Contours of brows, eyes, nose, lips and face, 0 to 1, from landmarks in the camera frame (metres)."""
    import cv2

    pixels = camera.resized(resolution, resolution).project(points) - 0.5  # drawing counts from pixel centres
    fixed = np.rint(np.clip(pixels, -4.0 * resolution, 5.0 * resolution) * 2**SUBPIXEL_BITS).astype(np.int32)
    picture = np.zeros((resolution, resolution, 3), np.uint8)
    width = max(1, round(THICKNESS * resolution))
    for line, closes, colour in LINES:
        shade = tuple(round(255 * part) for part in colour)
        cv2.polylines(picture, [fixed[list(line)]], closes, shade, width, cv2.LINE_AA, SUBPIXEL_BITS)
    return (picture.astype(np.float32) / 255.0).transpose(2, 0, 1)
