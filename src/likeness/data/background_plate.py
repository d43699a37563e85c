"""The square around a head without the person, or without the head, in it: what shows where the head has moved away."""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.flow.depth import render_depth
from likeness.flow.posed import PosedHead
from likeness.flow.posture import PIVOT, body_share
from likeness.geometry.smoothstep import smoothstep
from likeness.media.plate import build_backdrop

_BODY_GAIN = 4.0  # no half transparent collars: what belongs to the body by a quarter is all there
_BELOW_EARS = 0.05  # metres below the head frame's origin


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


def headless_plate(
    image: UInt8[np.ndarray, "S S 3"],
    matte: Float[np.ndarray, "S S"],
    posed: PosedHead,
    still: Float[np.ndarray, "S S"] | None = None,
) -> UInt8[np.ndarray, "S S 3"]:
    """The same, but the body stays: for renderers whose heads turn above shoulders that do not.

    Args:
        still: how far other pixels of the person stay as well, 0 to 1, from the height of the ears down.
    """
    points = _as_far_as_the_neck(posed, len(image))
    stays = np.minimum(_BODY_GAIN * body_share(points).reshape(matte.shape), 1.0)
    if still is not None:
        stays = np.maximum(stays, still * smoothstep(-points[:, 1] / _BELOW_EARS).reshape(matte.shape))
    plate = background_plate(image, matte, posed)
    body = (matte * stays)[..., None]
    return np.round(plate + body * (image.astype(np.float64) - plate)).astype(np.uint8)


def _as_far_as_the_neck(posed: PosedHead, size: int) -> Float[np.ndarray, "pixels 3"]:
    """Pixels as points of the head's frame, metres."""
    camera, T_cam_head = posed.camera.resized(size, size), posed.T_cam_head
    row, column = np.indices((size, size)) + 0.5
    slopes = (np.stack([column, row], axis=-1) - camera.centre_pixels) / camera.focal_pixels
    rays = np.concatenate([slopes, np.ones((size, size, 1))], axis=-1).reshape(-1, 3)
    return T_cam_head.inverse().apply(rays * T_cam_head.apply(PIVOT[None])[0, 2])
