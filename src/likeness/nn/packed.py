"""Weights folders as they are handed on: half precision, and a checksum for every file."""

import json
from pathlib import Path

import torch

from likeness.errors import InputError, OutputError
from likeness.nn.checkpoint import HEADER, read_header, read_part, save_weights
from likeness.nn.shipped import CHECKSUMS, checksum
from likeness.nn.tensor_files import read_json


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
    sums = {path.name: checksum(path) for path in sorted(out.iterdir()) if path.name != CHECKSUMS}
    try:
        (out / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {out / CHECKSUMS}: {error.strerror or error}") from error
    return sum(path.stat().st_size for path in out.iterdir())
