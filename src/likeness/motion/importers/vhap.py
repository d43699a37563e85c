"""VHAP's `tracked_flame_params*.npz` (one monocular clip) as a `Motion`.

VHAP turns FLAME's root about its joint, then adds the translation; its camera stands at (0, 0, 1) and looks along -z
(OpenGL axes), with the focal length in units of the longer side of the picture.
"""

import logging
from pathlib import Path

import numpy as np

from likeness.errors import InputError
from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.archives import read_arrays
from likeness.heads.model import HeadModel
from likeness.motion.importers.flame_motion import (
    DEFAULT_FPS,
    FlameClip,
    check_flame,
    expect,
    motion_from_flame,
    root_joints,
    root_pose,
)
from likeness.motion.record import Motion

TRACKER = "VHAP"
WHAT = "file of VHAP's FLAME parameters"
KEYS = ("rotation", "translation", "neck_pose", "jaw_pose", "eyes_pose", "shape", "expr")
OPTIONAL = ("static_offset", "focal_length", "image_size", "timestep_id")
MAX_BYTES = 1 << 30
CAMERA = np.array([0.0, 0.0, 1.0])  # where the camera stands in VHAP's world, metres
OPENGL = np.diag([1.0, -1.0, -1.0])  # OpenGL to OpenCV camera axes, and back

log = logging.getLogger(__name__)


def load_vhap(path: Path, head: HeadModel, *, fps: float = DEFAULT_FPS) -> Motion:
    """The motion of a VHAP file on a FLAME head.

    Raises:
        InputError: the file cannot be read, is none, or tells no camera; or the head is no FLAME head.
    """
    check_flame(head)
    arrays = read_arrays(path, what=WHAT, wanted={*KEYS, *OPTIONAL}, max_bytes=MAX_BYTES)
    turn = matrix_from_axis_angle(expect(path, arrays, "rotation", None, 3))
    count = len(turn)
    shape = expect(path, arrays | {"shape": np.ravel(arrays.get("shape", np.zeros(0)))}, "shape", None)
    expression = expect(path, arrays, "expr", count, None)
    if "focal_length" not in arrays or "image_size" not in arrays:
        raise InputError(f"{path} tells no focal length or image size: only monocular clips of VHAP can be read")
    if np.any(arrays.get("static_offset", 0.0)):
        log.warning("%s holds personal vertex offsets, which a motion does not carry: they are left out", path)
    height, width = (int(side) for side in np.ravel(expect(path, arrays, "image_size", 2)))
    focal = float(np.ravel(arrays["focal_length"])[0])
    if not (0 < width <= 1 << 16 and 0 < height <= 1 << 16 and 0.05 < focal < 1000.0):
        raise InputError(f"{path} tells a picture of {width} x {height} and a focal length of {focal:g} long sides")
    placed = root_pose(turn, root_joints(head, shape, expression), expect(path, arrays, "translation", count, 3))
    eyes = expect(path, arrays, "eyes_pose", count, 6)
    clip = FlameClip(
        shape=shape,
        expression=expression,
        rotation=OPENGL @ turn,
        translation=(placed - CAMERA) @ OPENGL,
        neck=expect(path, arrays, "neck_pose", count, 3),
        jaw=expect(path, arrays, "jaw_pose", count, 3),
        eye_left=eyes[:, :3],
        eye_right=eyes[:, 3:],
        closed_lids=None,
        intrinsics=default_camera(width, height, focal).intrinsics,
        image_size=(width, height),
    )
    return motion_from_flame(clip, head, path=path, tracker=TRACKER, fps=fps, times=_times(arrays, count, fps))


def _times(arrays: dict[str, np.ndarray], count: int, fps: float) -> np.ndarray | None:
    """Seconds from the first frame, where the file numbers its frames in increasing order."""
    steps = arrays.get("timestep_id")
    if steps is None or steps.shape != (count,) or steps.dtype.kind not in "iu":
        return None
    numbers = steps.astype(np.float64)
    return (numbers - numbers[0]) / fps if count > 0 and (np.diff(numbers) > 0).all() else None
