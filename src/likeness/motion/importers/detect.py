"""Which tracker wrote a file of parameters of FLAME or of the Basel Face Model, told by its content."""

import zipfile
from pathlib import Path

from likeness.errors import InputError
from likeness.heads.model import HeadModel
from likeness.motion.importers.deep3d import KEY as DEEP3D_KEY
from likeness.motion.importers.deep3d import SUFFIX as DEEP3D_SUFFIX
from likeness.motion.importers.deep3d import load_deep3d
from likeness.motion.importers.flame_motion import DEFAULT_FPS
from likeness.motion.importers.pixel3dmm import SUFFIX, load_pixel3dmm
from likeness.motion.importers.smirk import DECA_KEYS, SMIRK_KEYS, load_crop_parameters
from likeness.motion.importers.vhap import KEYS, load_vhap
from likeness.motion.record import Motion


def is_parameters(path: Path) -> bool:
    """Whether a path is a tracker's parameters and no motion file: a folder, or an npz without a motion's header."""
    path = Path(path)
    return path.is_dir() or (path.suffix.lower() == ".npz" and bool(_names(path)) and "header.json" not in _names(path))


def load_parameters(path: Path, head: HeadModel, *, fps: float | None = None) -> Motion:
    """The motion of VHAP, pixel3dmm, SMIRK or DECA parameters on a FLAME head, or of Deep3DFaceRecon coefficients on a
    Basel Face Model; without `fps` the file's own, or 25.

    Raises:
        InputError: the file is of no known tracker, cannot be read, or needs another head.
    """
    path = Path(path)
    if path.is_dir():
        if any(path.glob(f"*{SUFFIX}")):
            return load_pixel3dmm(path, head, fps=DEFAULT_FPS if fps is None else fps)
        if any(path.glob(f"*{DEEP3D_SUFFIX}")):
            return load_deep3d(path, head, fps=fps)
        raise InputError(
            f"{path} holds no checkpoints of pixel3dmm (00000{SUFFIX}) and no coefficients of Deep3DFaceRecon "
            f"(NAME{DEEP3D_SUFFIX}): give another folder or file"
        )
    names = _names(path)
    if set(KEYS) <= names:
        return load_vhap(path, head, fps=DEFAULT_FPS if fps is None else fps)
    if set(SMIRK_KEYS) <= names or set(DECA_KEYS) <= names:
        return load_crop_parameters(path, head, fps=fps)
    if DEEP3D_KEY in names:
        return load_deep3d(path, head, fps=fps)
    raise InputError(
        f"{path} is no motion and no parameter file of VHAP, SMIRK, DECA or Deep3DFaceRecon: see docs/motion-format.md"
    )


def _names(path: Path) -> set[str]:
    """Names of the entries of an npz file; empty where it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, ValueError):
        return set()
