"""The motion file: a zip of plain arrays (readable as npz) and one JSON header, versioned, read with pickling off.

Rotations, translations, coefficients and apertures are stored as float32 (2e-7 rad, 6e-8 m at a metre); times, shape
and intrinsics as float64; `valid` as bool. Reading gives float64. Every entry is checked before it is decompressed.
"""

import io
import json
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from likeness.errors import MotionFileError, OutputError
from likeness.files import atomic_output
from likeness.heads.builtin import NAME as BUILTIN
from likeness.heads.model import HeadModel
from likeness.motion.record import Motion

FORMAT_NAME = "likeness-motion"
FORMAT_VERSION = 1
SUFFIX = ".motion.npz"
UNITS = {"rotation": "radians, axis-angle, head to camera", "length": "metres", "time": "seconds"}

MAX_FILE_BYTES = 2 << 30  # of all entries together, decompressed
MAX_HEADER_BYTES = 1 << 20
MAX_RATIO = 1100  # deflate cannot pass 1032:1, so more is a lie in the directory of the zip
MAX_FRAMES = 2_000_000
MAX_COEFFICIENTS = 4096

_HEADER_ENTRY = "header.json"
_HEADER_TYPES: dict[str, type | tuple[type, ...]] = {
    "format": str,
    "format_version": int,
    "head_name": str,
    "head_version": str,
    "expression_names": list,
    "source": str,
    "tracker": str,
    "fps": (int, float),
    "image_size": list,
    "reference": int,
    "units": dict,
}
# Array name -> (stored type, shape; letters: T frames, E expression and S shape coefficients).
_ARRAYS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "times": ("<f8", ("T",)),
    "rotation": ("<f4", ("T", 3)),
    "translation": ("<f4", ("T", 3)),
    "neck": ("<f4", ("T", 3)),
    "jaw": ("<f4", ("T", 3)),
    "eye_left": ("<f4", ("T", 3)),
    "eye_right": ("<f4", ("T", 3)),
    "expression": ("<f4", ("T", "E")),
    "lids": ("<f4", ("T", 2)),
    "confidence": ("<f4", ("T",)),
    "valid": ("|b1", ("T",)),
    "shape": ("<f8", ("S",)),
    "intrinsics": ("<f8", (3, 3)),
}
# What zipfile, zlib, json and numpy raise on damaged content (RuntimeError: encrypted, or JSON nested too deep).
_READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RuntimeError,
)
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # fixed, so that equal motions give equal files


def save_motion(path: Path, motion: Motion, *, overwrite: bool = False) -> None:
    """Write a motion file; it appears complete or not at all.

    Raises:
        OutputError: the name does not end in .npz, is taken, or cannot be written.
        ValueError: the motion itself is not consistent (shapes, finite numbers, increasing times).
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise OutputError(f"a motion file is called NAME{SUFFIX}, not {path.name}: change the name")
    content = motion_to_bytes(motion)
    with atomic_output(path, overwrite=overwrite) as partial:
        partial.write_bytes(content)


def motion_to_bytes(motion: Motion) -> bytes:
    """A motion file's content, for motions kept inside other files.

    Raises:
        ValueError: the motion itself is not consistent (shapes, finite numbers, increasing times).
    """
    problem = motion_problem(motion)
    if problem:
        raise ValueError(f"not a valid motion: {problem}")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        header = json.dumps(_header_of(motion), indent=1, ensure_ascii=False).encode()
        _write_entry(archive, _HEADER_ENTRY, header)
        for name, (dtype, _) in _ARRAYS.items():
            buffer = io.BytesIO()
            array = np.ascontiguousarray(getattr(motion, name)).astype(dtype)
            np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
            _write_entry(archive, f"{name}.npy", buffer.getvalue())
    return content.getvalue()


def load_motion(path: Path, head: HeadModel | None = None) -> Motion:
    """Read and check a motion file; with `head`, it must belong to that head model.

    Raises:
        MotionFileError: the file is missing, damaged, too new, inconsistent, or made with another head model.
    """
    path = Path(path)
    if not path.exists():
        raise MotionFileError(f"there is no file {path}: check the name")
    if path.is_dir():
        raise MotionFileError(f"{path} is a folder: give a motion file (NAME{SUFFIX})")
    try:
        return _checked_motion(path, path, head)
    except PermissionError as error:
        raise MotionFileError(f"{path} cannot be read: {error.strerror}") from error


def motion_from_bytes(content: bytes, path: Path, head: HeadModel | None = None) -> Motion:
    """The motion of a motion file's content; `path` says in messages where it stood.

    Raises:
        MotionFileError: as in `load_motion`.
    """
    return _checked_motion(io.BytesIO(content), path, head)


def _checked_motion(stored: Path | io.BytesIO, path: Path, head: HeadModel | None) -> Motion:
    try:
        with zipfile.ZipFile(stored) as archive:
            motion = _read_archive(path, archive)
    except PermissionError:
        raise
    except _READ_ERRORS as error:
        raise _damaged(path, str(error) or type(error).__name__) from error
    if head is not None:
        _require_head(path, motion, head)
    return motion


def motion_problem(motion: Motion) -> str | None:
    """What is wrong with a motion, in a few words, or None."""
    return _problem({name: np.asarray(getattr(motion, name)) for name in _ARRAYS}, _header_of(motion))


def _problem(arrays: dict[str, np.ndarray], header: dict) -> str | None:
    sizes = {
        "T": len(arrays["times"]),
        "E": len(header["expression_names"]),
        "S": len(arrays["shape"]),
    }
    if not 1 <= sizes["T"] <= MAX_FRAMES:
        return f"{sizes['T']} frames"
    for name, (dtype, pattern) in _ARRAYS.items():
        expected = tuple(sizes[entry] if isinstance(entry, str) else entry for entry in pattern)
        if arrays[name].shape != expected:
            return f"{name} has the shape {arrays[name].shape}, expected {expected}"
        if dtype != "|b1" and not np.isfinite(arrays[name]).all():
            return f"{name} holds numbers that are not finite"
    if not (np.diff(arrays["times"]) > 0).all():
        return "times do not increase"
    if not (math.isfinite(header["fps"]) and 0 < header["fps"] <= 10_000):
        return f"fps is {header['fps']}"
    if not 0 <= header["reference"] < sizes["T"]:
        return f"reference frame {header['reference']} of {sizes['T']} frames"
    if ((arrays["confidence"] < 0) | (arrays["confidence"] > 1)).any():
        return "confidence leaves 0 to 1"
    if min(header["image_size"]) < 1:
        return f"image size {header['image_size']}"
    if arrays["intrinsics"][0, 0] <= 0 or arrays["intrinsics"][1, 1] <= 0:
        return "the focal length is not positive"
    return None


def _header_of(motion: Motion) -> dict:
    return {
        "format": FORMAT_NAME,
        "format_version": FORMAT_VERSION,
        "head_name": motion.head_name,
        "head_version": motion.head_version,
        "expression_names": list(motion.expression_names),
        "source": Path(motion.source).name,
        "tracker": motion.tracker,
        "fps": float(motion.fps),
        "image_size": [int(side) for side in motion.image_size],
        "reference": int(motion.reference),
        "units": UNITS,
    }


def _write_entry(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, content)


def _read_archive(path: Path, archive: zipfile.ZipFile) -> Motion:
    header = _read_header(path, archive)
    _check_entries(path, archive)
    arrays = {name: _read_array(path, archive, name) for name in _ARRAYS}
    problem = _problem(arrays, header)
    if problem:
        raise _damaged(path, problem)
    return Motion(
        head_name=header["head_name"],
        head_version=header["head_version"],
        expression_names=tuple(header["expression_names"]),
        source=header["source"],
        tracker=header["tracker"],
        fps=float(header["fps"]),
        image_size=(header["image_size"][0], header["image_size"][1]),
        reference=header["reference"],
        **arrays,
    )


def _read_header(path: Path, archive: zipfile.ZipFile) -> dict:
    """The header, after its version: a newer file may hold other keys and entries."""
    if _HEADER_ENTRY not in archive.namelist():
        raise MotionFileError(f"{path} is not a motion file: it has no {_HEADER_ENTRY}")
    if archive.getinfo(_HEADER_ENTRY).file_size > MAX_HEADER_BYTES:
        raise _damaged(path, "its header is too large")
    header = json.loads(archive.read(_HEADER_ENTRY).decode("utf-8"))
    if not isinstance(header, dict) or header.get("format") != FORMAT_NAME:
        raise MotionFileError(f"{path} is not a motion file: its header does not say {FORMAT_NAME}")
    version = header.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        raise MotionFileError(
            f"{path} has format version {version}, this program reads up to {FORMAT_VERSION}: update likeness"
        )
    unknown, missing = set(header) - set(_HEADER_TYPES), set(_HEADER_TYPES) - set(header)
    if unknown or missing:
        raise _damaged(path, f"header with unknown {sorted(unknown)} and missing {sorted(missing)} names")
    for key, kind in _HEADER_TYPES.items():
        if not isinstance(header[key], kind) or isinstance(header[key], bool):
            raise _damaged(path, f"the header's {key} has the wrong type")
    names, size = header["expression_names"], header["image_size"]
    if version != FORMAT_VERSION:
        raise _damaged(path, f"format version {version}")
    if len(names) > MAX_COEFFICIENTS or not all(isinstance(n, str) for n in names) or len(set(names)) != len(names):
        raise _damaged(path, "its expression names are not distinct words")
    if len(size) != 2 or not all(type(side) is int for side in size):
        raise _damaged(path, "image_size is not width and height")
    if header["units"] != UNITS:
        raise _damaged(path, "it does not use metres, radians and seconds")
    return header


def _check_entries(path: Path, archive: zipfile.ZipFile) -> None:
    """Names, sizes, compression and encryption of all entries, before any array is decompressed."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    expected = {_HEADER_ENTRY, *(f"{name}.npy" for name in _ARRAYS)}
    if len(names) != len(set(names)) or set(names) != expected:
        wrong = sorted(set(names) ^ expected) or "doubled names"
        raise _damaged(path, f"unexpected or missing entries: {wrong}")
    if sum(entry.file_size for entry in entries) > MAX_FILE_BYTES:
        raise _damaged(path, f"it would unpack to more than {MAX_FILE_BYTES >> 30} GiB")
    for entry in entries:
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _damaged(path, f"{entry.filename} is encrypted or packed in an unknown way")
        if entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise _damaged(path, f"{entry.filename} claims an impossible compression")


def _read_array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array; type, number of axes and size are checked against the entry before its data is read."""
    stored, pattern = _ARRAYS[name]
    with archive.open(f"{name}.npy") as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise _damaged(path, f"{name} is not a version 1 npy array")
        header = np.lib.format.read_array_header_1_0(stream, max_header_size=4096)  # type: ignore[call-arg]
        shape, fortran_order, dtype = header
        if dtype != np.dtype(stored) or fortran_order or len(shape) != len(pattern):
            raise _damaged(path, f"{name} is {dtype} {shape}, expected {np.dtype(stored)} with {len(pattern)} axes")
        num_bytes = math.prod(shape) * dtype.itemsize
        if not 0 <= num_bytes <= archive.getinfo(f"{name}.npy").file_size:
            raise _damaged(path, f"{name} promises more than the file holds")
        content = stream.read(num_bytes + 1)
    if len(content) != num_bytes:
        raise _damaged(path, f"{name} holds {len(content)} bytes, expected {num_bytes}")
    if stored == "|b1":
        return np.frombuffer(content, dtype=np.uint8).reshape(shape) != 0
    return np.frombuffer(content, dtype=dtype).reshape(shape).astype(np.float64)


def _require_head(path: Path, motion: Motion, head: HeadModel) -> None:
    if (motion.head_name, motion.head_version) != (head.name, head.version):
        raise MotionFileError(
            f"{path} was made with the head model {motion.head_name} {motion.head_version}, not {head.name} "
            f"{head.version}: track the video again, or carry it over with `likeness motion convert {path} --head "
            f"{_head_argument(motion.head_name)} --onto {_head_argument(head.name)} --out OUT{SUFFIX}`"
        )
    if motion.expression_names != tuple(head.expression_names) or len(motion.shape) != head.num_shape:
        raise MotionFileError(f"{path} does not fit the head model {head.name} {head.version}: track the video again")


def _head_argument(name: str) -> str:
    """How a head model is named at the command line: the built-in one by its name, others by a file."""
    return name if name == BUILTIN else f"{name}.npz"


def _damaged(path: Path, reason: str) -> MotionFileError:
    one_line = " ".join(reason.split())[:200]
    return MotionFileError(f"{path} is damaged or not a motion file ({one_line}): make it again")
