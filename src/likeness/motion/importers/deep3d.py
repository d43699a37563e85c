"""Coefficients of Deep3DFaceRecon, a fit of the Basel Face Model to a crop of 224 pixels, as a `Motion` of that head.

Files: a folder with the `.mat` of each frame as the tool saves them (they tell of the crop alone), or one npz with
`coefficients` [T 257] and, if the crop was one square of a larger picture in the whole clip, `square` (left, top, side)
and `image_size` (width, height), pixels; `fps` if it is known.

Source: Deng et al., Accurate 3D Face Reconstruction with Weakly-Supervised Learning (2019). Deviation: pixel positions
are continuous, so the middle of the crop is (112, 112), an edge between pixels.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.geometry.camera import camera_from_pixels
from likeness.geometry.rotation import axis_angle_from_matrix
from likeness.heads.archives import read_arrays
from likeness.heads.mat_files import read_mat
from likeness.heads.model import HeadModel
from likeness.motion.importers.flame_motion import DEFAULT_FPS, MAX_FPS, expect, lid_openings
from likeness.motion.record import Motion

TRACKER = "Deep3DFaceRecon"
WHAT = "file of Deep3DFaceRecon coefficients"
KEY = "coefficients"
CLIP_KEYS = ("square", "image_size", "fps")
SUFFIX = ".mat"
NUMBERS = 257  # per frame
IDENTITY, EXPRESSION, ANGLES, TRANSLATION = slice(0, 80), slice(80, 144), slice(224, 227), slice(254, 257)
METRES_PER_FIT_UNIT = 0.1
FIT_DISTANCE = 10.0  # of the fit's camera from its origin, in its units
FIT_FOCAL, FIT_SIDE = 1015.0, 224.0  # pixels, of the crop that the fit sees
NEAREST = 0.05  # metres: a face nearer to its camera is none
MAX_FRAMES = 200_000
MAX_SIDE = 1 << 15  # pixels
MAX_NPZ_BYTES, MAX_MAT_BYTES, MAX_MAT_NUMBERS = 1 << 30, 1 << 16, 1000
_OPENCV = np.diag([1.0, -1.0, -1.0])  # the fit has y up and z towards the camera
_MAT_PARTS = {"id": IDENTITY, "exp": EXPRESSION, "angle": ANGLES, "trans": TRANSLATION}


@dataclass(frozen=True, kw_only=True, slots=True)
class FitClip:
    """The coefficients of T frames, and where their crop lay in the picture."""

    coefficients: Float[np.ndarray, "T 257"]
    square: tuple[float, float, float] = (0.0, 0.0, FIT_SIDE)  # left, top, side of the crop in the picture, pixels
    image_size: tuple[int, int] = (int(FIT_SIDE), int(FIT_SIDE))  # width, height of the picture
    fps: float | None = None


def fit_rotation(angles: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation R of a Deep3DFaceRecon fit, for row vectors: q = p R + t."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(angles), np.cos(angles)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cx, -sx], [0.0, sx, cx]])
    about_y = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    about_z = np.array([[cz, -sz, 0.0], [sz, cz, 0.0], [0.0, 0.0, 1.0]])
    return (about_z @ about_y @ about_x).T


def fit_points(
    vertices: Float[np.ndarray, "N 3"], angles: Float[np.ndarray, "3"], translation: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "N 2"]:
    """Where Deep3DFaceRecon draws points of its model in its crop: x right, y **down**, 0 to 1."""
    turned = vertices @ fit_rotation(angles) + translation
    depth = FIT_DISTANCE - turned[:, 2]
    x = FIT_FOCAL * turned[:, 0] / depth + FIT_SIDE / 2.0
    y_up = FIT_FOCAL * turned[:, 1] / depth + FIT_SIDE / 2.0
    return np.stack([x / FIT_SIDE, 1.0 - y_up / FIT_SIDE], axis=-1)


def fit_origin(head: HeadModel) -> Float[np.ndarray, "3"]:
    """Where the fit's origin, the mean of the vertices of the mean face, lies in the head's frame, metres."""
    return head.template.mean(axis=0, dtype=np.float64)


def load_deep3d(path: Path, head: HeadModel, *, fps: float | None = None) -> Motion:
    """The motion of a folder or npz of coefficients on a Basel Face Model; without `fps` the file's own, or 25.

    Identity is the mean over the frames, so landmarks are exact where it is one for the clip; light and texture are
    left out. The least expressive frame is the reference.

    Raises:
        InputError: a file cannot be read or holds other numbers, or the head is no Basel Face Model.
    """
    check_bfm(head)
    path = Path(path)
    clip = _read_folder(path) if path.is_dir() else _read_npz(path)
    rate = fps if fps is not None else DEFAULT_FPS if clip.fps is None else clip.fps
    if not 0.0 < rate <= MAX_FPS:
        raise InputError(f"{rate} frames per second were asked for: give a number up to {MAX_FPS:g}")
    coefficients = clip.coefficients
    count = len(coefficients)
    if not 1 <= count <= MAX_FRAMES or not np.isfinite(coefficients).all():
        raise InputError(f"{path} holds no frame, or numbers that are not finite: fit the pictures again")
    rotation, translation = head_poses(head, coefficients[:, ANGLES], coefficients[:, TRANSLATION])
    if (translation + rotation @ fit_origin(head))[:, 2].min() < NEAREST:
        raise InputError(f"{path} has a face in or behind its camera: fit that picture again, or leave it out")
    shape, expression = coefficients[:, IDENTITY].mean(axis=0), coefficients[:, EXPRESSION]
    left, top, side = clip.square
    camera = camera_from_pixels(
        np.full(2, FIT_FOCAL / FIT_SIDE * side), np.array([left, top]) + side / 2.0,
        width=clip.image_size[0], height=clip.image_size[1],
    )  # fmt: skip
    none = np.zeros((count, 3))
    return Motion(
        head_name=head.name,
        head_version=head.version,
        expression_names=head.expression_names,
        source=path.name,
        tracker=TRACKER,
        fps=float(rate),
        times=np.arange(count) / rate,
        rotation=axis_angle_from_matrix(rotation),
        translation=translation,
        neck=none,
        jaw=none,
        eye_left=none,
        eye_right=none,
        expression=expression,
        lids=lid_openings(head, shape, expression, none),
        confidence=np.ones(count),
        valid=np.ones(count, dtype=bool),
        shape=shape,
        intrinsics=camera.intrinsics,
        image_size=clip.image_size,
        reference=int(np.argmin((expression**2).sum(axis=1))),
    )


def head_poses(
    head: HeadModel, angles: Float[np.ndarray, "T 3"], translations: Float[np.ndarray, "T 3"]
) -> tuple[Float[np.ndarray, "T 3 3"], Float[np.ndarray, "T 3"]]:
    """Rotation and translation (metres) of the head before an OpenCV camera: x = 0.1 (q_x, -q_y, 10 - q_z)."""
    rotation = np.stack([_OPENCV @ fit_rotation(angle).T for angle in angles])
    ahead = np.array([0.0, 0.0, METRES_PER_FIT_UNIT * FIT_DISTANCE])
    shift = METRES_PER_FIT_UNIT * translations @ _OPENCV + ahead
    return rotation, shift - rotation @ fit_origin(head)


def check_bfm(head: HeadModel) -> None:
    """Coefficients of Deep3DFaceRecon need the Basel Face Model that they were fitted with.

    Raises:
        InputError: it is another head.
    """
    wanted = IDENTITY.stop - IDENTITY.start, EXPRESSION.stop - EXPRESSION.start
    plain = tuple(f"expression{index:03d}" for index in range(wanted[1]))
    if (head.num_shape, head.expression_names) != (wanted[0], plain) or head.pose_basis is not None:
        raise InputError(
            f"coefficients of Deep3DFaceRecon need its Basel Face Model, not {head.name}: convert BFM_model_front.mat "
            "with `likeness head convert` and give it with --head"
        )


def _read_npz(path: Path) -> FitClip:
    arrays = read_arrays(path, what=WHAT, wanted={KEY, *CLIP_KEYS}, max_bytes=MAX_NPZ_BYTES)
    coefficients = expect(path, arrays, KEY, None, NUMBERS)
    fps = None
    if "fps" in arrays:
        fps = float(expect(path, {"fps": np.ravel(arrays["fps"])}, "fps", 1)[0])
    if "square" not in arrays and "image_size" not in arrays:
        return FitClip(coefficients=coefficients, fps=fps)
    left, top, side = (float(value) for value in expect(path, arrays, "square", 3))
    size = expect(path, arrays, "image_size", 2)
    if not (np.isfinite([left, top, side, *size]).all() and 1.0 <= side and 1 <= size.min() <= size.max() <= MAX_SIDE):
        raise InputError(f"{path}: square must be left, top, side and image_size width, height, all in pixels")
    return FitClip(
        coefficients=coefficients, square=(left, top, side), image_size=(int(size[0]), int(size[1])), fps=fps
    )


def _read_folder(folder: Path) -> FitClip:
    """The frames in the order of their names, numbers in them counted as numbers."""
    paths = sorted(folder.glob(f"*{SUFFIX}"), key=_order)
    if not 1 <= len(paths) <= MAX_FRAMES:
        raise InputError(f"{folder} holds {len(paths)} files NAME{SUFFIX}: give the results folder of {TRACKER}")
    coefficients = np.zeros((len(paths), NUMBERS))
    for row, path in zip(coefficients, paths, strict=True):
        stored = read_mat(path, what=WHAT, keys=tuple(_MAT_PARTS), max_bytes=MAX_MAT_BYTES, max_numbers=MAX_MAT_NUMBERS)
        for key, part in _MAT_PARTS.items():
            row[part] = expect(path, {key: stored[key].ravel()}, key, part.stop - part.start)
    return FitClip(coefficients=coefficients)


def _order(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part[:18]), "") if part.isdigit() else (-1, part) for part in parts]
