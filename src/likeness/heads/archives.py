"""Array files from outside (`.npz`, `.npy`) read with pickling off: names, types and sizes are checked before any data
is unpacked.
"""

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from likeness.errors import InputError
from likeness.files import atomic_output

MAX_ARCHIVE_BYTES = 4 << 30  # of all wanted entries together, unpacked
MAX_ENTRIES = 100_000
MAX_RATIO = 1100  # deflate cannot pass 1032:1, so more is a lie in the directory of the zip
KINDS = "biufU"  # numbers, truth values and text
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # fixed, so that equal arrays give equal files
_READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OverflowError, RuntimeError)


def read_arrays(
    path: Path, *, what: str, wanted: Collection[str] | None = None, max_bytes: int = MAX_ARCHIVE_BYTES
) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name; with `wanted`, only those of them that are there.

    Raises:
        InputError: the file is missing, damaged, too large or no npz; `what` says what was expected.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(archive.infolist()) > MAX_ENTRIES:
                raise ValueError(f"{len(archive.infolist())} entries")
            chosen = {name: info for name, info in entries.items() if wanted is None or name in wanted}
            if sum(info.file_size for info in chosen.values()) > max_bytes:
                raise ValueError(f"it would unpack to more than {max_bytes >> 20} MB")
            return {name: _read_entry(archive, info) for name, info in chosen.items()}
    except OSError as error:
        raise unreadable(path, error) from error
    except _READ_ERRORS as error:
        raise damaged(path, what, error) from error


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, overwrite: bool) -> None:
    """Write an npz file; it appears complete or not at all, and equal arrays give equal files.

    Raises:
        OutputError: the name is taken or cannot be written.
    """
    with atomic_output(Path(path), overwrite=overwrite) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=_ZIP_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, buffer.getvalue(), compresslevel=3)


def read_array_file(path: Path, *, what: str, max_bytes: int = 1 << 28) -> np.ndarray:
    """The array of an npy file.

    Raises:
        InputError: the file is missing, damaged, too large or no npy.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path} has {size >> 20} MB, more than any {what}: wrong file")
        with path.open("rb") as stream:
            return read_array(stream, size)
    except OSError as error:
        raise unreadable(path, error) from error
    except _READ_ERRORS as error:
        raise damaged(path, what, error) from error


def read_array(stream: io.BufferedIOBase, size: int) -> np.ndarray:
    """An npy array of at most `size` bytes from a stream.

    Raises:
        ValueError: it is none, holds Python objects, or promises more than there is.
    """
    shape, is_fortran, dtype = array_header(stream)
    if dtype.kind not in KINDS:
        raise ValueError(f"an array of the type {dtype}")
    num_bytes = math.prod(shape) * dtype.itemsize
    if not 0 <= num_bytes <= size:
        raise ValueError("an array that promises more than the file holds")
    content = stream.read(num_bytes)
    if len(content) != num_bytes:
        raise ValueError(f"an array of {len(content)} bytes where {num_bytes} are promised")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C").copy()


def array_header(stream: io.BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns come first, and type of the npy array at the start of a stream.

    Raises:
        ValueError: it is none.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"npy version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, is_fortran, dtype = read(stream, max_header_size=4096)  # type: ignore[call-arg]
    except tokenize.TokenError as error:
        raise ValueError("an npy header that cannot be read") from error
    return shape, is_fortran, dtype


def damaged(path: Path, what: str, error: Exception) -> InputError:
    """The one line about a file that does not hold what it should."""
    reason = " ".join(str(error).split())[:150] or type(error).__name__
    return InputError(f"{path} is damaged or no {what} ({reason}): get the file again")


def unreadable(path: Path, error: OSError) -> InputError:
    """The one line about a file that the system does not open."""
    return InputError(f"cannot read {path}: {error.strerror or error}")


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename[:60]} is encrypted or packed in an unknown way")
    if info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise ValueError(f"{info.filename[:60]} claims an impossible compression")
    with archive.open(info) as stream:
        return read_array(stream, info.file_size)  # type: ignore[arg-type]  # a ZipExtFile
