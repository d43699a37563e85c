"""The weights that come with this package, and whether they are what they were; no heavy import."""

import hashlib
import json
from pathlib import Path

from likeness.errors import InputError

CHECKSUMS = "checksums.json"  # of a packed folder: SHA-256 by file name
SHIPPED = Path(__file__).parents[1] / "assets" / "weights"
_MOST_BYTES = 1 << 20  # of the checksums


def shipped_weights(method: str) -> Path:
    """The folder of weights that comes with this package.

    Raises:
        InputError: there is none for that method, or a file of it is damaged.
    """
    folder = SHIPPED / method
    if not folder.is_dir():
        raise InputError(f"--method {method} needs trained weights, and none are installed: add --weights FOLDER")
    check_packed(folder)
    return folder


def check_packed(folder: Path) -> None:
    """Every file of a packed folder is what it was.

    Raises:
        InputError: a file is missing or has changed.
    """
    path = folder / CHECKSUMS
    try:
        sums = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < _MOST_BYTES else None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is missing or damaged: install or copy {folder.name} again") from error
    files = {entry.name for entry in folder.iterdir() if entry.suffix == ".safetensors"} | {"weights.json"}
    if not isinstance(sums, dict) or not files <= set(sums):
        raise InputError(f"{path} does not name every file: install or copy {folder.name} again")
    for name, expected in sums.items():
        if Path(name).name != name or not (folder / name).is_file() or checksum(folder / name) != expected:
            raise InputError(f"{folder / name} is not what it was when it was packed: install or copy it again")


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
