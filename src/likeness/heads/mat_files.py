"""MATLAB files from outside (`.mat` up to version 7): only known variables are read, after their types and sizes."""

import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np
from scipy.io.matlab import MatReadError

from likeness.errors import InputError
from likeness.heads.archives import unreadable

# What scipy and zlib raise on damaged content (MatReadError is an Exception of its own).
_READ_ERRORS = (MatReadError, zlib.error, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError)
_NUMBERS = {"double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def read_mat(
    path: Path, *, what: str, keys: Collection[str], max_bytes: int, max_numbers: int
) -> dict[str, np.ndarray]:
    """The arrays of those names, float64, all finite and none empty.

    Raises:
        InputError: the file is missing, damaged or larger than `max_bytes`, one of the arrays is missing, holds no
            numbers or more than `max_numbers` of them; `what` says what was expected.
    """
    from scipy.io import loadmat, whosmat

    path = Path(path)
    try:
        if path.stat().st_size > max_bytes:
            raise InputError(f"{path} is larger than any {what}: wrong file")
        found = {name: (shape, kind) for name, shape, kind in whosmat(str(path), appendmat=False)}
        for key in keys:
            if key not in found:
                raise InputError(f"{path} is no {what}: it has no {key}")
            shape, kind = found[key]
            if np.prod([float(side) for side in shape]) > max_numbers:
                raise InputError(f"{path} is no {what}: it promises more numbers than any has")
            if kind not in _NUMBERS:
                raise InputError(f"{path} is damaged: {key} holds no numbers")
        stored = loadmat(str(path), appendmat=False, variable_names=list(keys))
    except OSError as error:
        raise unreadable(path, error) from error
    except NotImplementedError as error:
        raise InputError(f"{path} is a MATLAB 7.3 file: save it again as version 7") from error
    except _READ_ERRORS as error:
        raise InputError(f"{path} is damaged or no {what}: get the file again") from error
    for key in keys:
        array = stored[key]
        if array.dtype.kind not in "biuf" or array.size == 0 or not np.isfinite(array).all():
            raise InputError(f"{path} is damaged: {key} holds no numbers")
    return {key: stored[key].astype(np.float64) for key in keys}
