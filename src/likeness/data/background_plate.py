"""The square around a head without the person in it: what a renderer shows where the head has moved away."""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.flow.depth import render_depth
from likeness.flow.posed import PosedHead
from likeness.media.plate import build_backdrop


def head_mask(posed: PosedHead, size: int) -> Bool[np.ndarray, "size size"]:
    """Where a picture of `size` x `size` pixels shows the head."""
    return render_depth(posed, posed.camera.resized(size, size)).face >= 0


def background_plate(
    image: UInt8[np.ndarray, "S S 3"], matte: Float[np.ndarray, "S S"], posed: PosedHead
) -> UInt8[np.ndarray, "S S 3"]:
    """A square picture, at any size, without the person; `posed` is the head in it."""
    size = len(image)
    per_metre = float(posed.camera.resized(size, size).focal_pixels[0] / posed.vertices[:, 2].mean())
    return build_backdrop(image, matte, head_mask(posed, size), per_metre).plate
