"""Weights folders: one safetensors file per part and one JSON file that says what they belong to.

A folder appears complete or not at all, and is read without executing anything in it.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from likeness.errors import InputError, OutputError
from likeness.heads.model import HeadModel
from likeness.nn.json_record import record_from_json, record_to_json
from likeness.nn.tensor_files import read_json, read_tensors, write_tensors

FORMAT_NAME = "likeness-weights"
FORMAT_VERSION = 1
HEADER = "weights.json"


@dataclass(frozen=True, kw_only=True)
class WeightsHeader:
    """What a weights folder says about itself."""

    format: str = FORMAT_NAME
    format_version: int = FORMAT_VERSION
    method: str  # e.g. fg-portrait
    head_name: str  # head model whose geometry the weights were trained on
    head_version: str
    parts: tuple[str, ...]  # NAME.safetensors each
    trained: str  # one line: on what, for how long
    people: tuple[str, ...] = ()  # who was trained on, see `data.held_out.person_code`; empty: it is not known


def save_weights(
    folder: Path,
    parts: Mapping[str, Mapping[str, Tensor]],
    *,
    header: WeightsHeader,
    config: Any,
    overwrite: bool = False,
) -> None:
    """Write a weights folder.

    Args:
        config: a record of JSON-able fields, rebuilt by `read_config`.

    Raises:
        OutputError: the folder exists already, or cannot be written.
        ValueError: header and parts do not agree.
    """
    if set(header.parts) != set(parts):
        raise ValueError(f"the header names the parts {header.parts}, but {tuple(parts)} were given")
    with _new_folder(Path(folder), overwrite=overwrite) as partial:
        for name, tensors in parts.items():
            write_tensors(partial / f"{name}.safetensors", tensors)
        content = {**record_to_json(header), "config": record_to_json(config)}
        (partial / HEADER).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_header(folder: Path) -> WeightsHeader:
    """What the folder holds; every part's file is there.

    Raises:
        InputError: no weights folder, a newer format, or a part is missing.
    """
    content = _content(folder)
    content.pop("config", None)
    version = content.get("format_version")
    if content.get("format") != FORMAT_NAME or not isinstance(version, int):
        raise InputError(f"{folder / HEADER} belongs to another program: give a weights folder of likeness")
    if version > FORMAT_VERSION:
        raise InputError(f"{folder} has format version {version}: update likeness, which reads {FORMAT_VERSION}")
    try:
        header = record_from_json(WeightsHeader, content, where=HEADER)
    except ValueError as error:
        raise InputError(f"{folder / HEADER} is damaged: {error}") from error
    for name in header.parts:
        if Path(name).name != name or not (folder / f"{name}.safetensors").is_file():
            raise InputError(f"{folder / name}.safetensors is missing: the weights folder is not complete")
    return header


def check_head(header: WeightsHeader, head: HeadModel, folder: Path) -> None:
    """The weights know this head.

    Raises:
        InputError: they were trained on another.
    """
    if (header.head_name, header.head_version) != (head.name, head.version):
        raise InputError(
            f"{folder} was trained on the head {header.head_name} {header.head_version}, but {head.name} "
            f"{head.version} is in use: track with that head or give other weights"
        )


def read_config(folder: Path, kind: type[Any]) -> Any:
    """The configuration record in the folder.

    Raises:
        InputError: it is missing, has unknown or missing names, or values that do not go together.
    """
    content = _content(folder)
    try:
        return record_from_json(kind, content.get("config"), where="config")
    except (ValueError, ArithmeticError, InputError) as error:
        raise InputError(f"{Path(folder) / HEADER} cannot be used: {error}") from error


def read_part(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of one part.

    Raises:
        InputError: the file is missing or damaged.
    """
    return read_tensors(Path(folder) / f"{name}.safetensors")


def _content(folder: Path) -> dict[str, Any]:
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give a weights folder, which holds {HEADER}")
    if not (folder / HEADER).is_file():
        raise InputError(f"{folder} holds no {HEADER}: give a weights folder of likeness")
    return read_json(folder / HEADER)


@contextmanager
def _new_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary sibling that takes the folder's name when the block ends well; an old folder's other files stay."""
    if not folder.parent.is_dir():
        raise OutputError(f"the folder {folder.parent} does not exist: create it first")
    if folder.exists() and not overwrite:
        raise OutputError(f"{folder} exists already: choose another name or allow overwriting")
    if folder.exists() and not (folder / HEADER).is_file():
        raise OutputError(f"{folder} is no weights folder and is not replaced: choose another name")
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    retired = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    try:
        partial.mkdir()
        yield partial
        if folder.exists():
            os.replace(folder, retired)
        os.replace(partial, folder)
        if retired.exists():
            _keep_others(retired, folder)
    except OSError as error:
        if retired.exists() and not folder.exists():
            os.replace(retired, folder)
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        for leftover in (partial, retired):
            shutil.rmtree(leftover, ignore_errors=True)


def _keep_others(retired: Path, folder: Path) -> None:
    """Move what is no part of the old weights into the new folder: linked or copied base models, notes."""
    for entry in retired.iterdir():
        if entry.name != HEADER and entry.suffix != ".safetensors" and not (folder / entry.name).exists():
            os.replace(entry, folder / entry.name)
