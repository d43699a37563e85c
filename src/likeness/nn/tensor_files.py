"""Tensors from files that somebody else wrote: safetensors, or torch files read without executing anything in them."""

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from likeness.errors import InputError

MAX_FILE_BYTES = 24 << 30  # X-Portrait's file, the largest that is read, has about 11 GB
MAX_JSON_BYTES = 1 << 20
TORCH_SUFFIXES = (".bin", ".pt", ".pth", ".th", ".ckpt")
_TORCH_ERRORS = (RuntimeError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU; a torch file's `state_dict` entry is opened.

    Raises:
        InputError: the file is missing, damaged, too large, or holds something else than tensors.
    """
    path = Path(path)
    check_file(path, MAX_FILE_BYTES)
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise InputError(f"{path} is no safetensors file or is damaged: copy it again") from error
    if path.suffix not in TORCH_SUFFIXES:
        known = ", ".join((".safetensors", *TORCH_SUFFIXES))
        raise InputError(f"{path} is no weight file that is known here: give one with a suffix of {known}")
    content = _read_torch(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds no table of tensors: give a file of weights")
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise InputError(f"{path} holds no tensors: give a file of weights")
    return {str(name): value.detach() for name, value in tensors.items()}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, with the permissions that every new file gets here.

    Raises:
        OSError: it cannot be written.
    """
    plain = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
    path.touch()
    mode = path.stat().st_mode
    save_file(plain, path, metadata=metadata)
    path.chmod(mode)  # safetensors writes for the owner alone


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} holds more than tensors and is not opened: convert it to safetensors") from error
    except _TORCH_ERRORS as error:
        raise InputError(f"{path} is no torch file or is damaged: copy it again") from error


def read_json(path: Path, *, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InputError: the file is missing, too large, no JSON, or no object.
    """
    path = Path(path)
    check_file(path, limit)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: copy it again") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} must hold one JSON object")
    return value


def check_file(path: Path, limit: int) -> None:
    """The file is there and not larger than it can be.

    Raises:
        InputError: it is not.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: a file was expected there")
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{path} is empty: copy it again")
    if size > limit:
        raise InputError(f"{path} has {size >> 20} MB, more than the {limit >> 20} MB that are read here")
