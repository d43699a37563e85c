"""Which tracker wrote a file of FLAME parameters, told by its content."""

import zipfile
from pathlib import Path

from likeness.errors import InputError
from likeness.heads.model import HeadModel
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
    """The motion of VHAP, pixel3dmm, SMIRK or DECA parameters on a FLAME head; without `fps` the file's own, or 25.

    Raises:
        InputError: the file is of no known tracker, cannot be read, or needs another head.
    """
    path = Path(path)
    if path.is_dir():
        if not any(path.glob(f"*{SUFFIX}")):
            raise InputError(f"{path} holds no checkpoints of pixel3dmm (00000{SUFFIX}): give another folder or file")
        return load_pixel3dmm(path, head, fps=DEFAULT_FPS if fps is None else fps)
    names = _names(path)
    if set(KEYS) <= names:
        return load_vhap(path, head, fps=DEFAULT_FPS if fps is None else fps)
    if set(SMIRK_KEYS) <= names or set(DECA_KEYS) <= names:
        return load_crop_parameters(path, head, fps=fps)
    raise InputError(f"{path} is no motion and no parameter file of VHAP, SMIRK or DECA: see docs/motion-format.md")


def _names(path: Path) -> set[str]:
    """Names of the entries of an npz file; empty where it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, ValueError):
        return set()
