"""Shards: plain tar files of clips, read by position and never unpacked.

Each clip is `NAME/clip.json`, `NAME/motion.npz` (a motion file), `NAME/00000.jpg`, ...; frames with a mask, a draft or
a matte have `NAME/00000.mask.png`, `NAME/00000.draft.jpg`, `NAME/00000.matte.png` too. Equal clips give equal files.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path

from likeness.data.clip import KINDS, Clip, ClipHeader, Extent, NewClip, header_problem
from likeness.data.tar_index import tar_entries
from likeness.errors import InputError, LikenessError, OutputError
from likeness.files import atomic_output
from likeness.heads.model import HeadModel
from likeness.media.crop import CropWindow
from likeness.motion.file import motion_from_bytes, motion_to_bytes

SUFFIX = ".clips.tar"
FORMAT_NAME = "likeness-clip"
FORMAT_VERSION = 2
_LATER_FIELDS: dict[int, set[str]] = {1: {"matted"}, 2: set()}  # what the headers of each version lack
MAX_HEADER_BYTES = 1 << 20
MAX_MOTION_BYTES = 1 << 29
MAX_PICTURE_BYTES = 1 << 25

_HEADER, _MOTION = "clip.json", "motion.npz"
_FIELDS = tuple(entry.name for entry in fields(ClipHeader))


def write_shard(path: Path, clips: Iterable[NewClip], *, overwrite: bool = False) -> int:
    """Write clips into one file, which appears complete or not at all; returns their number.

    Raises:
        OutputError: the name does not end in .clips.tar, is taken, or cannot be written; two clips share a name.
        ValueError: a clip is not consistent.
    """
    if not path.name.endswith(SUFFIX):
        raise OutputError(f"a file of clips is called NAME{SUFFIX}, not {path.name}: change the name")
    names: set[str] = set()
    with (
        atomic_output(path, overwrite=overwrite) as partial,
        tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for clip in clips:
            if clip.header.name in names:
                raise OutputError(f"two clips are called {clip.header.name}: rename one of their files")
            names.add(clip.header.name)
            for name, content in _members(clip):
                info = tarfile.TarInfo(f"{clip.header.name}/{name}")  # no time, no owner
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return len(names)


def read_shard(path: Path, head: HeadModel | None = None) -> tuple[Clip, ...]:
    """The clips of a shard in their order; pictures stay on the disk. With `head`, they must belong to that model.

    Raises:
        InputError: the file is missing, damaged or holds something else.
        MotionFileError: a motion is damaged or belongs to another head model.
    """
    members: dict[str, dict[str, Extent]] = {}
    try:
        for entry, offset, size in tar_entries(path):
            clip, separator, name = entry.partition("/")
            if not separator:
                raise _damaged(path, f"the entry {entry[:80]!r}")
            if name in members.setdefault(clip, {}):
                raise _damaged(path, f"{entry[:80]!r} twice")
            members[clip][name] = Extent(path=path, offset=offset, size=size)
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not members:
        raise _damaged(path, "no clip in it")
    return tuple(_clip(path, name, entries, head) for name, entries in members.items())


def check_size(path: Path, size: int) -> None:
    """The clips of a shard have the size that is asked for.

    Args:
        size: pixels, side of the stored squares.

    Raises:
        InputError: they have not, or the shard is damaged.
    """
    for clip in read_shard(path):
        if clip.header.size != size:
            raise InputError(
                f"{path.parent} holds clips of {clip.header.size} pixels, and {size} are asked for: use another folder"
            )


def _members(clip: NewClip) -> Iterator[tuple[str, bytes]]:
    header = clip.header
    problem = header_problem(header)
    if problem:
        raise ValueError(f"not a valid clip: {problem}")
    if not len(clip.motion) == len(clip.pictures) == header.num_frames or set(clip.masks) != set(header.masked):
        raise ValueError(f"a clip needs one picture per frame, got {len(clip.pictures)} for {len(clip.motion)} frames")
    if set(clip.drafts) != set(header.drafts):
        raise ValueError(f"the header names {len(header.drafts)} drafts, the clip holds {len(clip.drafts)}")
    if set(clip.mattes) != set(header.matted):
        raise ValueError(f"the header names {len(header.matted)} mattes, the clip holds {len(clip.mattes)}")
    yield _HEADER, json.dumps(_stored(header), indent=1).encode()
    yield _MOTION, motion_to_bytes(clip.motion)
    for index, content in enumerate(clip.pictures):
        yield _picture_name(index), content
        if index in clip.masks:
            yield _mask_name(index), clip.masks[index]
        if index in clip.drafts:
            yield _draft_name(index), clip.drafts[index]
        if index in clip.mattes:
            yield _matte_name(index), clip.mattes[index]


def _picture_name(index: int) -> str:
    return f"{index:05d}.jpg"


def _mask_name(index: int) -> str:
    return f"{index:05d}.mask.png"


def _draft_name(index: int) -> str:
    return f"{index:05d}.draft.jpg"


def _matte_name(index: int) -> str:
    return f"{index:05d}.matte.png"


def _stored(header: ClipHeader) -> dict:
    return {"format": FORMAT_NAME, "format_version": FORMAT_VERSION, **asdict(header)}


def _clip(path: Path, name: str, entries: dict[str, Extent], head: HeadModel | None) -> Clip:
    header = _header(path, name, entries)
    expected = {_HEADER, _MOTION, *map(_picture_name, range(header.num_frames))}
    expected |= {*map(_mask_name, header.masked), *map(_draft_name, header.drafts), *map(_matte_name, header.matted)}
    if set(entries) != expected:
        raise _damaged(path, f"{name} has unexpected or missing entries: {sorted(set(entries) ^ expected)[:5]}")
    motion_entry = entries[_MOTION]
    if motion_entry.size > MAX_MOTION_BYTES:
        raise _damaged(path, f"the motion of {name} is too large")
    motion = motion_from_bytes(motion_entry.read(), path, head)
    if len(motion) != header.num_frames or motion.image_size != (header.size, header.size):
        raise _damaged(path, f"the motion of {name} does not fit its pictures")
    if max(entry.size for key, entry in entries.items() if key != _MOTION) > MAX_PICTURE_BYTES:
        raise _damaged(path, f"a picture of {name} is too large")
    return Clip(
        header=header,
        motion=motion,
        pictures=tuple(entries[_picture_name(index)] for index in range(header.num_frames)),
        masks={index: entries[_mask_name(index)] for index in header.masked},
        drafts={index: entries[_draft_name(index)] for index in header.drafts},
        mattes={index: entries[_matte_name(index)] for index in header.matted},
    )


def _header(path: Path, name: str, entries: dict[str, Extent]) -> ClipHeader:
    if _HEADER not in entries or _MOTION not in entries or entries[_HEADER].size > MAX_HEADER_BYTES:
        raise _damaged(path, f"{name[:80]!r} is no clip")
    try:
        stored = json.loads(entries[_HEADER].read())
        version = stored["format_version"]
        if stored["format"] == FORMAT_NAME and version not in _LATER_FIELDS:
            raise InputError(f"{path} has format {version}, this program reads up to {FORMAT_VERSION}: update likeness")
        fields_of_version = set(_FIELDS) - _LATER_FIELDS.get(version, set())
        if stored["format"] != FORMAT_NAME or set(stored) != {"format", "format_version", *fields_of_version}:
            raise _damaged(path, f"the header of {name} is of another kind")
        if stored["kind"] not in KINDS:
            raise _damaged(path, f"the kind {str(stored['kind'])[:40]!r}")
        width, height = (int(side) for side in stored["original_size"])
        window = {key: int(value) for key, value in stored["window"].items()}
        header = ClipHeader(
            name=str(stored["name"]),
            kind=stored["kind"],
            num_frames=int(stored["num_frames"]),
            size=int(stored["size"]),
            window=CropWindow(**window),
            original_size=(width, height),
            sources=_indices(stored["sources"]),
            targets=_indices(stored["targets"]),
            masked=_indices(stored["masked"]),
            drafts=_indices(stored["drafts"]),
            matted=_indices(stored.get("matted", [])),
        )
        problem = header_problem(header)
    except LikenessError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise _damaged(path, f"the header of {name} cannot be read") from error
    if problem or header.name != name:
        raise _damaged(path, problem or f"{name} calls itself {header.name}")
    return header


def _indices(stored: list) -> tuple[int, ...]:
    return tuple(int(index) for index in stored)


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path} is damaged or no file of clips ({' '.join(reason.split())[:200]}): make it again")
