"""The square that a clip keeps of its frames: around the head in all of them, and the camera of that square."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from likeness.geometry.camera import Camera
from likeness.heads.model import HeadModel
from likeness.heads.skinning import posed_vertices
from likeness.media.crop import CropWindow
from likeness.motion.record import Motion, MotionFrame

SIDE = 1.75  # of the square / side of the head's box
_NOT_HEAD = ("neck",)  # parts that may reach down to the shoulders


def head_box(
    head: HeadModel, shape: Float[np.ndarray, " S"], frame: MotionFrame, camera: Camera
) -> Float[np.ndarray, "4"]:
    """Left, top, right, bottom (pixels) of the projected head, without its neck."""
    names = [name for name in head.part_names if name not in _NOT_HEAD]
    chosen = np.unique(head.part_faces(*names))
    posed = posed_vertices(head, shape, frame.expression, frame.joints)[chosen]
    pixels = camera.project(frame.T_cam_head.apply(posed))
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def clip_square(boxes: Sequence[Float[np.ndarray, "4"]]) -> CropWindow:
    """One square for all frames: at the centre of the union of the head boxes, `SIDE` times their median side.

    It may leave the picture.
    """
    stacked = np.stack(boxes)
    sides = np.maximum(stacked[:, 2] - stacked[:, 0], stacked[:, 3] - stacked[:, 1])
    centre = 0.5 * (stacked[:, :2].min(axis=0) + stacked[:, 2:].max(axis=0))
    size = max(round(SIDE * float(np.median(sides))), 1)
    left, top = np.round(centre - size / 2.0).astype(int)
    return CropWindow(left=int(left), top=int(top), size=size)


def square_of_motion(motion: Motion, head: HeadModel) -> CropWindow:
    """The square of a tracked clip, from its frames with a face."""
    camera = Camera(intrinsics=motion.intrinsics, width=motion.image_size[0], height=motion.image_size[1])
    seen = np.flatnonzero(motion.valid)
    return clip_square([head_box(head, motion.shape, motion.frame(int(index)), camera) for index in seen])


def motion_in_square(motion: Motion, window: CropWindow, size: int) -> Motion:
    """The same motion, seen by the camera of the square at `size` x `size` pixels."""
    camera = Camera(intrinsics=motion.intrinsics, width=motion.image_size[0], height=motion.image_size[1])
    cropped = camera.cropped(window.left, window.top, window.size, window.size)
    return replace(motion, intrinsics=cropped.intrinsics, image_size=(size, size))


def square_from_original(window: CropWindow, size: int) -> Float[np.ndarray, "2 3"]:
    """The affine map from pixel positions in the original to those in the square (half-integer centres in both)."""
    scale = size / window.size
    return np.array([[scale, 0.0, -scale * window.left], [0.0, scale, -scale * window.top]])


def inside_original(window: CropWindow, original_size: tuple[int, int], size: int) -> Bool[np.ndarray, "H W"]:
    """Which pixels of the square show the original, and not its repeated border. `original_size`: width, height."""
    centres = (np.arange(size) + 0.5) * window.size / size
    across = (window.left + centres >= 0.0) & (window.left + centres <= original_size[0])
    down = (window.top + centres >= 0.0) & (window.top + centres <= original_size[1])
    return down[:, None] & across[None, :]
