"""The square around a head without the person in it, and the body: what shows where the head has moved away."""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.flow.depth import render_depth
from likeness.flow.posed import PosedHead
from likeness.flow.posture import PIVOT
from likeness.geometry.smoothstep import smoothstep
from likeness.media.plate import build_backdrop

_BELOW_EARS = 0.05  # metres below the head frame's origin, at the depth of the neck
_BELOW_CHIN = (0.07, 0.1)  # the same: no head, then all body
_BESIDE = 0.02  # of the square's side: hair that is as near to the face turns along


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


def body_matte(matte: Float[np.ndarray, "S S"], posed: PosedHead) -> Float[np.ndarray, "S S"]:
    """How far pixels show what does not turn with the head: the body, and long hair below the ears beside the face."""
    import cv2

    below = -_as_far_as_the_neck(posed, len(matte))[:, 1].reshape(matte.shape)
    body = smoothstep((below - _BELOW_CHIN[0]) / (_BELOW_CHIN[1] - _BELOW_CHIN[0]))
    reach = round(_BESIDE * len(matte))
    face = cv2.blur(
        cv2.dilate(head_mask(posed, len(matte)).astype(np.float64), np.ones((2 * reach + 1,) * 2)), (reach, reach)
    )
    hair = (1.0 - face) * smoothstep(below / _BELOW_EARS)
    return matte * np.maximum(body, hair)


def _as_far_as_the_neck(posed: PosedHead, size: int) -> Float[np.ndarray, "pixels 3"]:
    """Pixels as points of the head's frame, metres."""
    camera, T_cam_head = posed.camera.resized(size, size), posed.T_cam_head
    row, column = np.indices((size, size)) + 0.5
    slopes = (np.stack([column, row], axis=-1) - camera.centre_pixels) / camera.focal_pixels
    rays = np.concatenate([slopes, np.ones((size, size, 1))], axis=-1).reshape(-1, 3)
    return T_cam_head.inverse().apply(rays * T_cam_head.apply(PIVOT[None])[0, 2])
