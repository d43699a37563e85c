"""What other programs produced for a protocol, as frames by clip: a video or a folder of numbered pictures per item.

    FOLDER/ITEM.mp4            (or .mov, .webm, .mkv, .avi) frame 0 answers frame 0 of the driving clip, and so on
    FOLDER/ITEM/000123.png     (or .jpg, .webp) the number is that of the driving clip's frame, from 0

A slash in an item's name (`p008/v009`) is written as `_` (`p008_v009.mp4`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from likeness.errors import InputError
from likeness.evaluation.material import count_frames, read_clip
from likeness.evaluation.results import Row
from likeness.media.images import IMAGE_SUFFIXES, read_image

VIDEO_SUFFIXES = (".mp4", ".mov", ".webm", ".mkv", ".avi")
MISSING, ERROR = "missing_frames", "error"  # keys of an outside method, before its suffix
_NUMBER = re.compile(r"(\d+)$")
_SHOWN = 6  # ranges of missing frames that are named

Image = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outside:
    """One method's folder."""

    name: str  # in tables: the folder's name
    folder: Path

    @property
    def suffix(self) -> str:
        """Ends the names of its measures."""
        return f"@{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class OutsideClip:
    """What a method has for one item; frames by the number of the driving clip's frame."""

    name: str
    count: int | None  # of a video; None: pictures
    video: Path | None
    pictures: dict[int, Path]

    def has(self, index: int) -> bool:
        """Whether it answers that frame."""
        return index in self.pictures if self.count is None else index < self.count

    def read(self, indices: Sequence[int]) -> Iterator[Image]:
        """Its frames at these increasing indices, all of which it has.

        Raises:
            InputError: one cannot be decoded.
        """
        if self.video is not None:
            return read_clip(self.video, indices)
        return (read_image(self.pictures[index]) for index in indices)


def open_outside(folders: Sequence[Path]) -> tuple[Outside, ...]:
    """The methods of some folders, named by them.

    Raises:
        InputError: one is no folder, or two have one name.
    """
    methods = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: give one with a video or a folder of pictures per item")
        methods.append(Outside(name=folder.resolve().name, folder=folder))
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two outside folders are called {name}: rename one, the name stands in the tables")
    return tuple(methods)


def find_clip(method: Outside, item: str) -> OutsideClip:
    """What a method has for an item.

    Raises:
        InputError: it has nothing, or no frame of it can be read.
    """
    name = item.replace("/", "_")
    for suffix in VIDEO_SUFFIXES:
        path = method.folder / f"{name}{suffix}"
        if path.is_file():
            return OutsideClip(name=item, count=count_frames(path), video=path, pictures={})
    place = method.folder / name
    pictures: dict[int, Path] = {}
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        number = _NUMBER.search(path.stem)
        if path.suffix.lower() in IMAGE_SUFFIXES and number is not None:
            index = int(number[1][-9:])
            if index in pictures:
                raise InputError(f"{path} and {pictures[index].name} both are frame {index}: keep one")
            pictures[index] = path
    if not pictures:
        raise InputError(f"{method.name} has nothing for {item}: expected {name}.mp4 or {name}/000000.png")
    return OutsideClip(name=item, count=None, video=None, pictures=pictures)


def missing_text(missing: Sequence[int]) -> str:
    """Frames in words: `3, 7 to 12`."""
    ranges: list[list[int]] = []
    for index in missing:
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    shown = [f"{low}" if low == high else f"{low} to {high}" for low, high in ranges[:_SHOWN]]
    return ", ".join(shown) + (" and more" if len(ranges) > _SHOWN else "")


def as_outside(row: Row, method: Outside, missing: Sequence[int]) -> Row:
    """A row's measures as those of an outside method; those of the baseline are left out."""
    kept = {key + method.suffix: value for key, value in row.items() if not key.endswith("_copy")}
    if missing:
        kept[MISSING + method.suffix] = missing_text(missing)
    return kept


def problems(rows: Sequence[Row]) -> tuple[str, ...]:
    """One line for every item that failed, and for what outside methods lack."""
    lines = []
    for row in rows:
        for key, value in row.items():
            kind, _, name = key.partition("@")
            if kind == ERROR:
                lines.append(f"{row['item']}{f', {name}' if name else ''}: {value}")
            elif kind == MISSING:
                lines.append(f"{row['item']}, {name}: the frames {value} are missing; the others are scored")
    return tuple(lines)
