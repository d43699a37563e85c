"""Checks on where a media file is to be written, and the moving into place of what took long to write."""

import errno
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from likeness import files
from likeness.errors import OutputError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space or write elsewhere",
    errno.EDQUOT: "the disk quota is used up; free some space or write elsewhere",
    errno.EACCES: "permission denied; write elsewhere",
    errno.EPERM: "permission denied; write elsewhere",
    errno.EROFS: "the file system is read-only; write elsewhere",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ENOENT: "its folder does not exist; create it first",
    errno.EFBIG: "the file system does not take files this large; write elsewhere",
}


def check_output(
    path: str | Path, *, suffixes: Sequence[str], overwrite: bool = False, inputs: Sequence[str | Path] = ()
) -> Path:
    """Everything that can be known before the work begins about writing a file there; returns the path.

    Args:
        suffixes: the known ones, lower case with their dot.
        overwrite: an existing file may be replaced; an input never is.
        inputs: files the result is made from.

    Raises:
        OutputError: unknown suffix, folder missing or not writable, target exists or is one of the inputs.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        given = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise OutputError(f"{path} has {given}, which is unknown here; use {', '.join(suffixes)}")
    check_folder(path)
    check_not_input(path, inputs)
    files.check_output(path, overwrite=overwrite)
    return path


def check_folder(path: Path) -> None:
    """The folder that will hold `path` exists and takes new files.

    Raises:
        OutputError: it does not.
    """
    folder = path.parent
    try:
        if not folder.exists():
            raise OutputError(f"the folder {folder} does not exist; create it first")
        if not folder.is_dir():
            raise OutputError(f"{folder} is not a folder; choose another place for {path.name}")
        path.exists()  # names the system cannot hold fail here
    except (OSError, ValueError) as error:
        raise OutputError(f"{str(path)!r} cannot be written ({error}); choose another name") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {folder} is not writable; write elsewhere or change its permissions")


def check_not_input(path: Path, inputs: Sequence[str | Path]) -> None:
    """An input is never written over, by whatever name it is called.

    Raises:
        OutputError: `path` is one of the inputs.
    """
    for given in map(Path, inputs):
        same_file = path.exists() and given.exists() and path.samefile(given)
        if same_file or path.resolve() == given.resolve():
            raise OutputError(f"{path} is also an input and is never written over; choose another name")


def temporary_sibling(path: Path) -> Path:
    """A fresh hidden name in the folder of `path`, with its suffix: on the same disk, so that renaming is atomic."""
    return path.with_name(f".likeness-{secrets.token_hex(6)}{path.suffix}")


def output_error(path: Path, error: Exception) -> OutputError:
    """The one clear line for a failed write; takes OSError and what PyAV raises in its place."""
    number, text = getattr(error, "errno", None), getattr(error, "strerror", None)
    reason = _REASONS.get(number or 0, text or str(error) or type(error).__name__)
    return OutputError(f"{path} cannot be written: {reason}")


def move_into_place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give the finished temporary file its name.

    Raises:
        OutputError: the target has appeared meanwhile and must not be replaced, or renaming fails.
    """
    if not overwrite and path.exists():
        raise OutputError(f"{path} has appeared meanwhile; choose another name or pass --overwrite")
    try:
        os.replace(temporary, path)
    except OSError as error:
        raise output_error(path, error) from error
