"""Where the face is at one moment and where it was in the photo: what eyes and mouth need to be drawn."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.geometry.camera import Camera
from likeness.geometry.transform import RigidTransform


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Head-frame vertices (metres) and their pixels, now in the picture and at rest in the photo."""

    camera: Camera  # of the picture
    rest_camera: Camera  # of the photo; rest pixels are its
    T_cam_head: RigidTransform
    rest_T_cam_head: RigidTransform
    vertices: Float[np.ndarray, "468 3"]
    rest_vertices: Float[np.ndarray, "468 3"]
    pixels: Float[np.ndarray, "468 2"]
    rest_pixels: Float[np.ndarray, "468 2"]
    pixels_per_metre: float
