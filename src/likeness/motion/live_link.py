"""Face captures as CSV in the layout of the Live Link Face app: timecode, count, 52 ARKit coefficients, nine angles.

Source of the order and of the signs of the angles: Unreal Engine's AppleARKitFaceSupport; the app documents neither.
"""

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from jaxtyping import Bool, Float

from likeness.errors import InputError
from likeness.files import atomic_output

ARKIT_NAMES = (
    *("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft"),
    *("eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight"),
    *("eyeSquintRight", "eyeWideRight", "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel"),
    *("mouthPucker", "mouthRight", "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft"),
    *("mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight"),
    *("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft"),
    *("browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft"),
    *("cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)
ANGLE_COLUMNS = tuple(part + angle for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll"))
OPTIONAL_COLUMNS = {"tongueout", *(name.lower() for name in ANGLE_COLUMNS)}  # early versions of the app lack them
MAX_BYTES = 512 << 20
MAX_ROWS = 1_000_000
MAX_VALUE = 100.0  # no coefficient and no angle in radians comes near
TIMECODE_RATES = (24, 25, 30, 60)
WRITTEN_RATE = 60  # timecode frames per second in written files
_TIMECODE = re.compile(r"(\d{1,3}):(\d{1,2}):(\d{1,2}):(\d{1,3}(?:\.\d+)?)")
_DAY_SECONDS = 86400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ArkitCapture:
    """T frames of ARKit face numbers. `angles` are yaw, pitch, roll of head, left eye, right eye in radians.

    The angles are right-handed about ARKit's face axes (+x subject's left, +y up, +z out of the face), the rotation
    is yaw x pitch x roll; a positive yaw turns to the subject's left, a positive pitch lowers the chin.
    """

    times: Float[np.ndarray, " T"]  # seconds from the first frame
    coefficients: Float[np.ndarray, "T 52"]  # in the order of ARKIT_NAMES
    angles: Float[np.ndarray, "T 3 3"]
    valid: Bool[np.ndarray, " T"]  # False: the app saw no face; the numbers are held


def read_live_link(path: Path, *, fps: float | None = None) -> ArkitCapture:
    """Read a capture; with `fps` the timecodes are ignored and frames are evenly spaced.

    Raises:
        InputError: the file cannot be read or is no such CSV; the line is named.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES >> 20} MB: split the recording")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _read_rows(path, stream, fps)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not CSV text ({error}): export it again from the app") from error


def write_live_link(path: Path, capture: ArkitCapture, *, overwrite: bool = False) -> None:
    """Write a capture; timecodes start at zero and count 60 frames per second, with fractions.

    Raises:
        OutputError: the name is taken or cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    shape_columns = [name[0].upper() + name[1:] for name in ARKIT_NAMES]
    writer.writerow(["Timecode", "BlendshapeCount", *shape_columns, *ANGLE_COLUMNS])
    count = len(ARKIT_NAMES) + len(ANGLE_COLUMNS)
    for index, time in enumerate(capture.times):
        if not capture.valid[index]:
            writer.writerow([_timecode(float(time)), 0])
            continue
        numbers = np.concatenate([capture.coefficients[index], capture.angles[index].ravel()])
        writer.writerow([_timecode(float(time)), count, *(f"{number:.9f}" for number in numbers)])
    with atomic_output(path, overwrite=overwrite) as partial:
        partial.write_text(text.getvalue(), encoding="utf-8", newline="")


def _read_rows(path: Path, stream: TextIO, fps: float | None) -> ArkitCapture:
    rows = csv.reader(stream)
    columns = _columns(path, next(rows, []))
    names = [name.lower() for name in (*ARKIT_NAMES, *ANGLE_COLUMNS)]
    timecodes: list[str] = []
    numbers: list[np.ndarray] = []
    valid: list[bool] = []
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(timecodes) >= MAX_ROWS:
            raise InputError(f"{path} has more than {MAX_ROWS} frames: split the recording")
        timecodes.append(row[0])
        is_seen = not (len(row) >= 2 and row[1].strip() == "0" and not any(cell.strip() for cell in row[2:]))
        valid.append(is_seen)
        if is_seen:
            numbers.append(_numbers(path, rows.line_num, row, columns, names))
        else:
            numbers.append(numbers[-1] if numbers else np.zeros(len(names)))
    if not any(valid):
        raise InputError(f"{path} holds no frame with a face: record it again")
    table = np.array(numbers)
    return ArkitCapture(
        times=_times(path, timecodes, fps),
        coefficients=table[:, : len(ARKIT_NAMES)],
        angles=table[:, len(ARKIT_NAMES) :].reshape(-1, 3, 3),
        valid=np.array(valid),
    )


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    """Position of each column, by its name in small letters."""
    found = [cell.strip().lower() for cell in header]
    expected = {"timecode", "blendshapecount", *(n.lower() for n in ARKIT_NAMES), *(n.lower() for n in ANGLE_COLUMNS)}
    missing = sorted(expected - OPTIONAL_COLUMNS - set(found))
    unknown = sorted(set(found) - expected)
    if missing or unknown or len(set(found)) != len(found) or found[0] != "timecode":
        parts = [f"{len(missing)} columns are missing ({', '.join(missing[:3])} ...)"] if missing else []
        parts += [f"{len(unknown)} are unknown ({', '.join(unknown[:3])[:60]} ...)"] if unknown else []
        reason = " and ".join(parts) or "columns are doubled or Timecode is not the first"
        raise InputError(f"{path} is not a Live Link Face CSV: {reason}; export it again from the app")
    return {name: position for position, name in enumerate(found)}


def _numbers(path: Path, line: int, row: list[str], columns: dict[str, int], names: list[str]) -> np.ndarray:
    if len(row) != len(columns):
        raise InputError(f"{path}, line {line}: {len(row)} cells instead of {len(columns)}; export it again")
    values = np.zeros(len(names))
    for index, name in enumerate(names):
        if name not in columns:
            continue
        cell = row[columns[name]]
        try:
            values[index] = float(cell)
        except ValueError:
            values[index] = math.nan
        if not abs(values[index]) <= MAX_VALUE:
            raise InputError(f"{path}, line {line}: {name} is {cell[:20]!r}, not a usable number; export it again")
    return values


def _times(path: Path, timecodes: list[str], fps: float | None) -> Float[np.ndarray, " T"]:
    """Seconds from the first frame."""
    if fps is not None:
        if not 1.0 <= fps <= 1000.0:
            raise InputError(f"the frame rate is {fps}: give frames per second from 1 to 1000")
        return np.arange(len(timecodes)) / fps
    matches = [_TIMECODE.fullmatch(code.strip()) for code in timecodes]
    if not all(matches):
        wrong = timecodes[matches.index(None)]
        raise InputError(f"{path}: cannot read the timecode {wrong[:30]!r}; give the recording's frame rate instead")
    parts = np.array([[float(group) for group in match.groups()] for match in matches if match])
    seconds = parts[:, :3] @ [3600.0, 60.0, 1.0]
    wraps = len(np.unique(seconds)) > 1  # then the highest frame number tells the rate; else it is the app's own
    highest = parts[:, 3].max()
    rates = [rate for rate in TIMECODE_RATES if rate > math.floor(highest)] if wraps else [WRITTEN_RATE]
    times = seconds + parts[:, 3] / (rates[0] if rates else highest + 1.0)
    times += _DAY_SECONDS * np.cumsum(np.diff(times, prepend=times[0]) < -_DAY_SECONDS / 2)
    if not (np.diff(times) > 0).all():
        raise InputError(f"{path}: the timecodes do not increase; give the recording's frame rate instead")
    return times - times[0]


def _timecode(time: float) -> str:
    whole = math.floor(time + 1e-9)
    frame = min(max(time - whole, 0.0) * WRITTEN_RATE, WRITTEN_RATE - 5e-6)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frame:09.6f}"
