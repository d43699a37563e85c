"""Weights folders as they are handed on: half precision, and a checksum for every file."""

import hashlib
import json
from pathlib import Path

import torch

from likeness.errors import InputError, OutputError
from likeness.nn.checkpoint import HEADER, read_header, read_part, save_weights
from likeness.nn.tensor_files import read_json

CHECKSUMS = "checksums.json"
SHIPPED = Path(__file__).parents[1] / "assets" / "weights"


def pack_weights(folder: Path, out: Path, *, overwrite: bool = False) -> int:
    """Copy a weights folder in half precision, with checksums; returns its bytes.

    Raises:
        InputError: the folder is none or is damaged, or a number is too large for half precision.
        OutputError: the result exists, or cannot be written.
    """
    header = read_header(folder)
    parts = {}
    for name in header.parts:
        tensors = read_part(folder, name)
        parts[name] = {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}
        for key, value in parts[name].items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise InputError(f"{folder}: {key} of {name} holds numbers beyond half precision: it cannot be packed")
    config = read_json(folder / HEADER)["config"]
    save_weights(out, parts, header=header, config=config, overwrite=overwrite)
    sums = {path.name: _checksum(path) for path in sorted(out.iterdir()) if path.name != CHECKSUMS}
    try:
        (out / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {out / CHECKSUMS}: {error.strerror or error}") from error
    return sum(path.stat().st_size for path in out.iterdir())


def check_packed(folder: Path) -> None:
    """Every file of a packed folder is what it was.

    Raises:
        InputError: a file is missing or has changed.
    """
    sums = read_json(folder / CHECKSUMS)
    for name in (HEADER, *(f"{part}.safetensors" for part in read_header(folder).parts)):
        if sums.get(name) != _checksum(folder / name):
            raise InputError(f"{folder / name} is not what it was when it was packed: install or copy it again")


def shipped_weights(method: str) -> Path:
    """The folder of weights that comes with this package.

    Raises:
        InputError: there is none for that method, or a file of it is damaged.
    """
    folder = SHIPPED / method
    if not folder.is_dir():
        raise InputError(f"no weights for {method} ship with likeness: add --weights FOLDER")
    check_packed(folder)
    return folder


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
