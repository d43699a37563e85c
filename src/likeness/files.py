"""Writing results so that a broken run leaves no half file and nothing is overwritten unasked."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from likeness.errors import OutputError


@contextmanager
def atomic_output(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary sibling of `path` to write to; it takes the name `path` when the block ends well, else it goes.

    The temporary name keeps the suffix, so that encoders which choose a format by suffix work.

    Raises:
        OutputError: the folder does not exist, the name is taken, or the system refuses to write.
    """
    path = Path(path)
    check_output(path, overwrite=overwrite)
    partial = path.with_name(f".{path.stem}.partial-{os.getpid()}{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise OutputError(f"cannot write {path}: {reason}") from error
    finally:
        partial.unlink(missing_ok=True)


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse a name that cannot be written, before any work is done for it.

    Raises:
        OutputError: the folder does not exist, `path` is a folder, or it exists and `overwrite` is off.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise OutputError(
            f"the folder {path.parent} does not exist: create it, or choose another place for {path.name}"
        )
    if path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already: choose another name or add --overwrite")


def made_folder(folder: Path) -> Path:
    """The folder, made where it is missing.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot make the folder {folder}: {reason}; choose another --out") from error
    return folder
