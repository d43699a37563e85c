"""Checks on files that come from outside, made before any decoder sees them."""

import os
from pathlib import Path

from likeness.errors import InputError

MAX_PIXELS = 100_000_000  # of one picture or video frame; larger ones are refused before they are decoded


def check_input(path: str | Path, kind: str) -> Path:
    """The path, once it is known to be a readable file that is not empty; `kind` ("image", "video") is for the message.

    Raises:
        InputError: missing, a folder, empty, not a plain file, or not readable.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give one {kind} file")
        if not path.exists():
            raise InputError(f"{path} does not exist; check the path of the {kind}")
        if not path.is_file():
            raise InputError(f"{path} is not a plain file; give one {kind} file")
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} cannot be opened ({error}); check the path of the {kind}") from error
    if size == 0:
        raise InputError(f"{path} is empty; give a complete {kind} file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read; check its permissions")
    return path


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse pictures whose decoded size would exhaust the memory.

    Raises:
        InputError: more than `MAX_PIXELS`, or no area at all.
    """
    if width <= 0 or height <= 0:
        raise InputError(f"{path} has no pixels ({width} x {height}); give a complete file")
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise InputError(f"{path} is too large ({width} x {height}); the limit is {limit} megapixels, scale it down")
