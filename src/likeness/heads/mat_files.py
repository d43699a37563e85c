"""MATLAB files from outside (`.mat` of version 5 to 7): plain arrays of numbers, by name, within limits.

A reader of its own: scipy's follows what a damaged file says into memory that is not there.
Source: MAT-File Format, MathWorks: level 5.
"""

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likeness.errors import InputError
from likeness.heads.archives import damaged, unreadable

HEADER_BYTES = 128
START_BYTES = 4096  # of a packed variable: enough for its class, shape and name
MAX_VARIABLES = 10_000
_MATRIX, _PACKED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMBER_CLASSES = range(6, 16)  # double, single, integers
_COMPLEX = 0x800


@dataclass(frozen=True, kw_only=True, slots=True)
class _Variable:
    name: str
    shape: tuple[int, ...]
    is_plain: bool  # real numbers
    body: bytes  # from its class on
    values_at: int


def read_mat(
    path: Path, *, what: str, keys: Collection[str], max_bytes: int, max_numbers: int
) -> dict[str, np.ndarray]:
    """The arrays of those names, float64, all finite and none empty.

    Raises:
        InputError: the file is missing, damaged or larger than `max_bytes`, one of the arrays is missing, holds no
            numbers or more than `max_numbers` of them; `what` says what was expected.
    """
    path = Path(path)
    try:
        if path.stat().st_size > max_bytes:
            raise InputError(f"{path} is larger than any {what}: wrong file")
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if content.startswith(b"MATLAB 7.3"):
        raise InputError(f"{path} is a MATLAB 7.3 file: save it again as version 7")
    arrays = {}
    try:
        order = {b"IM": "<", b"MI": ">"}.get(content[HEADER_BYTES - 2 : HEADER_BYTES])
        if order is None:
            raise ValueError("no header of version 5 to 7")
        for variable in _variables(content, order, max_bytes=8 * max_numbers + START_BYTES, keys=keys):
            if math.prod(variable.shape) > max_numbers:
                raise InputError(f"{path} is no {what}: it promises more numbers than any has")
            array = _values(variable, order) if variable.is_plain else np.zeros(0)
            if array.size == 0 or not np.isfinite(array).all():
                raise InputError(f"{path} is damaged: {variable.name} holds no numbers")
            arrays[variable.name] = array
    except (ValueError, IndexError, struct.error, zlib.error, OverflowError) as error:
        raise damaged(path, what, error) from error
    for key in keys:
        if key not in arrays:
            raise InputError(f"{path} is no {what}: it has no {key}")
    return arrays


def _variables(content: bytes, order: str, *, max_bytes: int, keys: Collection[str]) -> Iterator[_Variable]:
    """The variables of those names; others are passed over."""
    place = HEADER_BYTES
    for _ in range(MAX_VARIABLES):
        if place >= len(content):
            return
        kind, size = struct.unpack_from(order + "II", content, place)
        place += 8
        if place + size > len(content):
            raise ValueError("it is cut off")
        body = content[place : place + size]
        if kind == _PACKED:
            kind, _ = struct.unpack(order + "II", _unpacked(body, 8)[:8])
            variable = _begun(_unpacked(body, START_BYTES)[8:], order) if kind == _MATRIX else None
            if variable is not None and variable.name in keys:
                yield _begun(_unpacked(body, max_bytes)[8:], order)
        elif kind == _MATRIX:
            variable = _begun(body, order)
            if variable.name in keys:
                yield variable
        place += size if content[place - 8 : place - 4] == struct.pack(order + "I", _PACKED) else -(-size // 8) * 8


def _unpacked(body: bytes, most: int) -> bytes:
    return zlib.decompressobj().decompress(body, most)


def _begun(body: bytes, order: str) -> _Variable:
    """Class, shape and name of a variable, which come before its values."""
    flags, place = _element(body, 0, order)
    sides, place = _element(body, place, order)
    letters, place = _element(body, place, order)
    flag = int(flags[0])
    shape = tuple(int(side) for side in sides)
    if not 2 <= len(shape) <= 8 or min(shape) < 0:
        raise ValueError(f"a variable of the shape {shape}")
    return _Variable(
        name=letters.astype(np.uint8).tobytes().decode("latin-1"), shape=shape, body=body, values_at=place,
        is_plain=flag & 0xFF in _NUMBER_CLASSES and not flag & _COMPLEX,
    )  # fmt: skip


def _values(variable: _Variable, order: str) -> np.ndarray:
    values, _ = _element(variable.body, variable.values_at, order)
    if values.size != math.prod(variable.shape):
        raise ValueError(f"{variable.name} has {values.size} numbers for the shape {variable.shape}")
    return np.ascontiguousarray(values.astype(np.float64).reshape(variable.shape, order="F"))


def _element(body: bytes, place: int, order: str) -> tuple[np.ndarray, int]:
    """The numbers of an element, and where the next begins; up to four bytes stand inside its tag."""
    kind, size = struct.unpack_from(order + "II", body, place)
    start, after = place + 8, place + 8 + -(-size // 8) * 8
    if kind >> 16:
        kind, size, start, after = kind & 0xFFFF, kind >> 16, place + 4, place + 8
    if kind not in _TYPES or start + size > len(body) or (after == place + 8 and start == place + 4 and size > 4):
        raise ValueError("an element of an unknown type, or cut off")
    dtype = np.dtype(order + _TYPES[kind])
    return np.frombuffer(body[start : start + size], dtype), after
