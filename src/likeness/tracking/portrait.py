"""Portrait: a photograph, and the head fitted to it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from likeness.geometry.camera import Camera
from likeness.heads.model import HeadModel
from likeness.motion.record import MotionFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class Portrait:
    """One photo with one chosen face, everything a renderer needs to start."""

    image: UInt8[np.ndarray, "H W 3"]  # the whole photo, RGB
    head: HeadModel
    camera: Camera  # of the whole photo
    shape: Float[np.ndarray, " S"]  # identity coefficients
    rest: MotionFrame  # pose and expression in the photo
    landmarks: Float[np.ndarray, "478 3"]  # x, y in photo pixels (centres at half integers), z relative in pixels
    confidence: float
