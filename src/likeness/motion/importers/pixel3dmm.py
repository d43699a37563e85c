"""pixel3dmm's folder of `00000.frame` checkpoints as a `Motion`.

Each checkpoint is a torch file. FLAME is turned about its origin, not its root joint; the camera is OpenGL world to
camera; rotations are six numbers, the first two rows before orthonormalisation.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.geometry.camera import camera_from_pixels
from likeness.geometry.rotation import axis_angle_from_matrix
from likeness.heads.model import HeadModel
from likeness.heads.torch_files import read_torch_file
from likeness.motion.importers.flame_motion import DEFAULT_FPS, FlameClip, check_flame, expect, motion_from_flame
from likeness.motion.importers.vhap import OPENGL
from likeness.motion.record import Motion

TRACKER = "pixel3dmm"
WHAT = "checkpoint of pixel3dmm"
SUFFIX = ".frame"
MAX_FRAMES = 200_000
SAME_CAMERA = 1e-3  # of focal length (picture sides) and principal point, between frames
_FLAME = {"exp": None, "shape": None, "eyes": 12, "eyelids": 2, "jaw": 6, "neck": 6, "R": 6, "t": 3}
_CAMERA = {"R_base_0": 9, "t_base_0": 3, "fl": 1, "pp": 2}


def load_pixel3dmm(folder: Path, head: HeadModel, *, fps: float = DEFAULT_FPS) -> Motion:
    """The motion of a folder of checkpoints on a FLAME head; identity is the mean over the frames.

    Raises:
        InputError: there is no checkpoint, one cannot be read or is refused, or the camera changes within the clip.
    """
    check_flame(head)
    folder = Path(folder)
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    if not 1 <= len(paths) <= MAX_FRAMES:
        raise InputError(f"{folder} holds {len(paths)} files NUMBER{SUFFIX}: give the checkpoint folder of pixel3dmm")
    frames = [_read_frame(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if any(frame[name].shape != frames[0][name].shape for name in ("exp", "shape")):
            raise InputError(f"{path} has other numbers of modes than {paths[0].name}: they do not belong together")
    stacked = {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}
    for name in ("fl", "pp", "img_size"):
        if np.ptp(stacked[name], axis=0).max() > SAME_CAMERA:
            raise InputError(f"{folder}: {name} changes between frames; track it again with one camera for the clip")
    size = int(stacked["img_size"][0, 0])
    if not 8 <= size <= 1 << 15:
        raise InputError(f"{folder} tells a picture of {size} pixels: the files are damaged")
    half = size / 2.0 + 0.5
    camera = camera_from_pixels(
        np.full(2, float(stacked["fl"][0, 0]) * size), half + stacked["pp"][0] * half, width=size, height=size
    )
    world = matrix_from_six(stacked["R"])
    view = stacked["R_base_0"].reshape(-1, 3, 3)
    clip = FlameClip(
        shape=stacked["shape"].mean(axis=0),
        expression=stacked["exp"],
        rotation=OPENGL @ view @ world,
        translation=(np.einsum("txy,ty->tx", view, stacked["t"]) + stacked["t_base_0"]) @ OPENGL,
        neck=axis_angle_from_matrix(matrix_from_six(stacked["neck"])),
        jaw=axis_angle_from_matrix(matrix_from_six(stacked["jaw"])),
        eye_left=axis_angle_from_matrix(matrix_from_six(stacked["eyes"][:, :6])),
        eye_right=axis_angle_from_matrix(matrix_from_six(stacked["eyes"][:, 6:])),
        closed_lids=stacked["eyelids"],
        intrinsics=camera.intrinsics,
        image_size=(size, size),
    )
    return motion_from_flame(clip, head, path=folder, tracker=TRACKER, fps=fps)


def matrix_from_six(six: Float[np.ndarray, "T 6"]) -> Float[np.ndarray, "T 3 3"]:
    """Rotations whose first two rows are the two three-vectors, orthonormalised (Zhou et al. 2019)."""
    first = six[:, :3] / np.maximum(np.linalg.norm(six[:, :3], axis=1, keepdims=True), 1e-12)
    second = six[:, 3:] - (first * six[:, 3:]).sum(axis=1, keepdims=True) * first
    second = second / np.maximum(np.linalg.norm(second, axis=1, keepdims=True), 1e-12)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _read_frame(path: Path) -> dict[str, np.ndarray]:
    """The flat arrays of one checkpoint."""
    stored = read_torch_file(path, what=WHAT)
    result = {}
    for group, sizes in (("flame", _FLAME), ("camera", _CAMERA)):
        entries = _group(path, stored, group)
        for name, size in sizes.items():
            values = {name: np.ravel(entries[name])} if isinstance(entries.get(name), np.ndarray) else {}
            result[name] = expect(path, values, name, size)
    sides = stored.get("img_size")
    sides = np.ravel(np.asarray(sides if isinstance(sides, np.ndarray | int | list | tuple) else []))
    result["img_size"] = expect(path, {"img_size": np.resize(sides, 2) if sides.size else None}, "img_size", 2)
    return result


def _group(path: Path, stored: Any, group: str) -> dict[str, Any]:
    entries = stored.get(group) if isinstance(stored, dict) else None
    if not isinstance(entries, dict):
        raise InputError(f"{path} is no {WHAT}: it has no {group}")
    return entries
