"""Outputs of SMIRK and of DECA-like networks (FLAME before a weak-perspective camera of a 224-pixel crop) as a motion.

These tools save no parameters, so there is a file for them: one npz per clip, written by `save_crop_parameters` from
the networks' output dictionaries. A weak-perspective camera becomes a perspective one of a fixed field of view: points
as deep as the head's mean keep their pixels exactly.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.archives import read_arrays, write_arrays
from likeness.heads.model import JAW, HeadModel
from likeness.heads.skinning import posed_vertices
from likeness.motion.importers.flame_motion import (
    DEFAULT_FPS,
    FlameClip,
    check_flame,
    expect,
    motion_from_flame,
    root_joints,
    root_pose,
    with_modes,
)
from likeness.motion.importers.vhap import OPENGL
from likeness.motion.record import Motion

CROP_SIZE = 224  # pixels
FIELD_OF_VIEW = np.radians(14.0)  # of a crop, for all data: depths of different clips compare
CROP_FOCAL = CROP_SIZE / 2.0 / np.tan(FIELD_OF_VIEW / 2.0)  # pixels of the crop
WHAT = "file of SMIRK or DECA parameters"
SMIRK_KEYS = ("pose_params", "cam", "shape_params", "expression_params", "eyelid_params", "jaw_params")
DECA_KEYS = ("pose", "cam", "shape", "exp")
CLIP_KEYS = ("crop_to_image", "image_size", "fps")
MAX_BYTES = 1 << 30
SKEW = 1e-3  # of a crop transform, relative to its scale: it must turn, scale and shift only


def save_crop_parameters(
    path: Path,
    frames: Sequence[Mapping[str, Any]],
    *,
    crop_to_image: Float[np.ndarray, "T 2 3"] | None = None,
    image_size: tuple[int, int] | None = None,
    fps: float | None = None,
    overwrite: bool = False,
) -> None:
    """Write the output dictionaries of SMIRK's or DECA's encoder, one per frame (arrays or tensors on the CPU).

    `crop_to_image` carries pixels of each 224 x 224 crop into the whole picture of `image_size` (width, height);
    without them the crop is the picture.

    Raises:
        InputError: the dictionaries are those of neither network.
        OutputError: the file cannot be written.
    """
    keys = next((keys for keys in (SMIRK_KEYS, DECA_KEYS) if frames and set(keys) <= set(frames[0])), None)
    if keys is None:
        raise InputError(f"expected frames with {', '.join(SMIRK_KEYS)} (SMIRK) or {', '.join(DECA_KEYS)} (DECA)")
    arrays = {key: np.stack([np.asarray(frame[key], dtype=np.float32).ravel() for frame in frames]) for key in keys}
    if crop_to_image is not None and image_size is not None:
        arrays |= {"crop_to_image": crop_to_image.astype(np.float64), "image_size": np.array(image_size)}
    if fps is not None:
        arrays["fps"] = np.array([fps])
    write_arrays(path, arrays, overwrite=overwrite)


def load_crop_parameters(path: Path, head: HeadModel, *, fps: float | None = None) -> Motion:
    """The motion of such a file on a FLAME head; identity is the mean over the frames.

    Raises:
        InputError: the file cannot be read or is none; or the head is no FLAME head.
    """
    check_flame(head)
    arrays = read_arrays(path, what=WHAT, wanted={*SMIRK_KEYS, *DECA_KEYS, *CLIP_KEYS}, max_bytes=MAX_BYTES)
    is_smirk = "pose_params" in arrays
    camera = expect(path, arrays, "cam", None, 3)
    count = len(camera)
    lids = None
    if is_smirk:
        turns, jaw = expect(path, arrays, "pose_params", count, 3), expect(path, arrays, "jaw_params", count, 3)
        shapes = expect(path, arrays, "shape_params", count, None)
        expression = expect(path, arrays, "expression_params", count, None)
        lids = expect(path, arrays, "eyelid_params", count, 2)
    else:
        pose = expect(path, arrays, "pose", count, 6)
        turns, jaw = pose[:, :3], pose[:, 3:]
        shapes, expression = expect(path, arrays, "shape", count, None), expect(path, arrays, "exp", count, None)
    if count == 0 or camera[:, 0].min() <= 0.0:
        raise InputError(f"{path} holds no frame, or a camera of no scale: track the video again")
    shape = shapes.mean(axis=0)
    turn = matrix_from_axis_angle(turns)
    still = root_pose(turn, root_joints(head, shape, expression), np.zeros((count, 3)))
    depth = mean_depths(path, head, shape=shape, expression=expression, jaw=jaw, turn=turn) + still[:, 2]
    rotation, translation, focal, size = _perspective(path, arrays, camera, turn, still, depth)
    none = np.zeros((count, 3))
    clip = FlameClip(
        shape=shape,
        expression=expression,
        rotation=rotation,
        translation=translation,
        neck=none,
        jaw=jaw,
        eye_left=none,
        eye_right=none,
        closed_lids=lids,
        intrinsics=default_camera(*size, focal / max(size)).intrinsics,
        image_size=size,
    )
    if fps is None:
        fps = float(np.ravel(arrays["fps"])[0]) if "fps" in arrays and arrays["fps"].size == 1 else DEFAULT_FPS
    return motion_from_flame(clip, head, path=path, tracker="SMIRK" if is_smirk else "DECA", fps=fps)


def mean_depths(
    path: Path,
    head: HeadModel,
    *,
    shape: Float[np.ndarray, " S"],
    expression: Float[np.ndarray, "T E"],
    jaw: Float[np.ndarray, "T 3"],
    turn: Float[np.ndarray, "T 3 3"],
) -> Float[np.ndarray, " T"]:
    """Mean z of the turned mesh in each frame (metres, FLAME axes), eyelids left out."""
    full_shape = with_modes(path, head, shape[None], head.num_shape)[0]
    full_expression = with_modes(path, head, expression, head.num_expression)
    depths = np.empty(len(expression))
    joints = np.zeros((5, 3))
    for index in range(len(expression)):
        joints[JAW] = jaw[index]
        mean = posed_vertices(head, full_shape, full_expression[index], joints).mean(axis=0)
        depths[index] = turn[index, 2] @ mean
    return depths


def _perspective(
    path: Path,
    arrays: dict[str, np.ndarray],
    camera: Float[np.ndarray, "T 3"],
    turn: Float[np.ndarray, "T 3 3"],
    still: Float[np.ndarray, "T 3"],
    mean_depth: Float[np.ndarray, " T"],
) -> tuple[np.ndarray, np.ndarray, float, tuple[int, int]]:
    """Rotation, translation, focal length (pixels) and picture of the perspective camera.

    In the crop: x = X + tx, y = -(Y + ty), z = z0 - (Z - mean Z) with z0 = 2 f / (224 s). In the whole picture the crop
    is turned and scaled, and the head is shifted so that its mean depth projects to the same pixels.
    """
    scales, sizes, angles, middles = _crops(path, arrays, len(camera))
    focal = CROP_FOCAL * float(np.median(scales))
    per_metre = camera[:, 0] * CROP_SIZE / 2.0 * scales  # pixels of the picture
    distance = focal / per_metre
    cosine, sine, zero = np.cos(angles), np.sin(angles), np.zeros(len(angles))
    roll = np.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, zero + 1.0], axis=1).reshape(-1, 3, 3)
    place = still @ OPENGL + np.column_stack([camera[:, 1], -camera[:, 2], distance + mean_depth])
    placed = np.einsum("txy,ty->tx", roll, place)
    placed[:, :2] += (middles - np.array(sizes) / 2.0) / per_metre[:, None]
    return roll @ OPENGL @ turn, placed, focal, sizes


def _crops(
    path: Path, arrays: dict[str, np.ndarray], count: int
) -> tuple[Float[np.ndarray, " T"], tuple[int, int], Float[np.ndarray, " T"], Float[np.ndarray, "T 2"]]:
    """Of each crop in the picture: scale, the picture's size, turn (radians) and where the crop's middle lies."""
    if "crop_to_image" not in arrays:
        middle = np.full((count, 2), CROP_SIZE / 2.0)
        return np.ones(count), (CROP_SIZE, CROP_SIZE), np.zeros(count), middle
    crops = expect(path, arrays, "crop_to_image", count, 2, 3)
    width, height = (int(side) for side in expect(path, arrays, "image_size", 2))
    linear = crops[:, :, :2]
    scales = np.sqrt(np.maximum(np.linalg.det(linear), 0.0))
    alike = np.stack([linear[:, 0, 0] - linear[:, 1, 1], linear[:, 0, 1] + linear[:, 1, 0]], axis=1)
    if not (scales > 1e-4).all() or (np.abs(alike) > SKEW * scales[:, None]).any() or min(width, height) < 1:
        raise InputError(f"{path}: crop_to_image must turn, scale and shift only, into a picture of image_size")
    middles = linear @ np.full(2, CROP_SIZE / 2.0) + crops[:, :, 2]
    return scales, (width, height), np.arctan2(linear[:, 1, 0], linear[:, 0, 0]), middles
