"""Coefficients that a public estimator fitted to pictures, read from files, and their distances: AED and APD.

For users who have Deep3DFaceRecon or SMIRK: its numbers make AED and APD that other work prints. Never mix estimators
in one column.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.evaluation.motion_measures import APD_UNIT
from likeness.geometry.rotation import geodesic_angle, matrix_from_axis_angle
from likeness.heads.archives import read_arrays
from likeness.heads.mat_files import read_mat
from likeness.motion.importers import deep3d, smirk
from likeness.motion.importers.flame_motion import expect

Estimator = Literal["deep3d", "smirk"]
SMIRK_MODES = 50  # expression modes that are compared, beside the jaw


@dataclass(frozen=True, kw_only=True, slots=True)
class Coefficients:
    """What an estimator tells of T frames; `angles` are its own: Euler for deep3d, axis-angle for smirk; radians."""

    estimator: Estimator
    angles: Float[np.ndarray, "T 3"]
    expression: Float[np.ndarray, "T E"]  # of smirk: 50 modes, then the jaw's axis-angle


@dataclass(frozen=True, kw_only=True, slots=True)
class CoefficientDistances:
    """Of each frame."""

    apd: Float[np.ndarray, " T"]  # deep3d: mean absolute angle, radians x 100; smirk: angle between the heads, degrees
    aed: Float[np.ndarray, " T"]  # mean absolute difference of the expression coefficients


def read_coefficients(path: Path) -> Coefficients:
    """A folder of `.mat` files or an npz of Deep3DFaceRecon, or an npz of SMIRK (`motion.importers` tell how).

    Raises:
        InputError: it cannot be read, or is neither.
    """
    path = Path(path)
    if path.is_dir():
        return _deep3d_folder(path)
    wanted = {deep3d.KEY, *smirk.SMIRK_KEYS}
    arrays = read_arrays(path, what="file of coefficients", wanted=wanted, max_bytes=smirk.MAX_BYTES)
    if deep3d.KEY in arrays:
        table = expect(path, arrays, deep3d.KEY, None, deep3d.NUMBERS)
        return _checked(
            path,
            Coefficients(estimator="deep3d", angles=table[:, deep3d.ANGLES], expression=table[:, deep3d.EXPRESSION]),
        )
    turns = expect(path, arrays, "pose_params", None, 3)
    modes = expect(path, arrays, "expression_params", len(turns), None)[:, :SMIRK_MODES]
    jaw = expect(path, arrays, "jaw_params", len(turns), 3)
    return _checked(
        path, Coefficients(estimator="smirk", angles=turns, expression=np.concatenate([modes, jaw], axis=1))
    )


def coefficient_distances(made: Coefficients, wanted: Coefficients) -> CoefficientDistances:
    """Distances frame by frame.

    Raises:
        InputError: they come from different estimators, or differ in length.
    """
    if made.estimator != wanted.estimator or made.expression.shape != wanted.expression.shape:
        raise InputError(
            f"coefficients of {made.estimator} {made.expression.shape} and {wanted.estimator} "
            f"{wanted.expression.shape} cannot be compared: fit both with one estimator, all frames"
        )
    aed = np.abs(made.expression - wanted.expression).mean(axis=1)
    if made.estimator == "smirk":
        turns = (matrix_from_axis_angle(entry.angles) for entry in (made, wanted))
        return CoefficientDistances(apd=np.degrees(geodesic_angle(*turns)), aed=aed)
    return CoefficientDistances(apd=APD_UNIT * np.abs(made.angles - wanted.angles).mean(axis=1), aed=aed)


def _deep3d_folder(folder: Path) -> Coefficients:
    """The frames in the order of their names, numbers in them counted as numbers."""
    paths = sorted(folder.glob(f"*{deep3d.SUFFIX}"), key=_order)
    if not 1 <= len(paths) <= deep3d.MAX_FRAMES:
        raise InputError(f"{folder} holds {len(paths)} files NAME{deep3d.SUFFIX}: give the folder of one clip")
    angles, expressions = [], []
    for path in paths:
        stored = read_mat(
            path, what=deep3d.WHAT, keys=("exp", "angle"), max_bytes=deep3d.MAX_MAT_BYTES,
            max_numbers=deep3d.MAX_MAT_NUMBERS,
        )  # fmt: skip
        expressions.append(expect(path, {"exp": stored["exp"].ravel()}, "exp", 64))
        angles.append(expect(path, {"angle": stored["angle"].ravel()}, "angle", 3))
    return _checked(folder, Coefficients(estimator="deep3d", angles=np.array(angles), expression=np.array(expressions)))


def _checked(path: Path, found: Coefficients) -> Coefficients:
    if not len(found.angles) or not (np.isfinite(found.angles).all() and np.isfinite(found.expression).all()):
        raise InputError(f"{path} holds no frame, or numbers that are not finite: fit the pictures again")
    return found


def _order(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part[:18]), "") if part.isdigit() else (-1, part) for part in parts]
