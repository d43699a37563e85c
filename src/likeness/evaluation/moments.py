"""Pictures of a few moments of a clip, kept small, for the sheets of a report: the truth and every method beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from likeness.evaluation.keepers import TRUTH, Image
from likeness.evaluation.report import BASELINE_SUFFIX, BASELINE_TITLE
from likeness.media.crop import resize
from likeness.media.images import write_image
from likeness.media.sheet import SheetStyle, contact_sheet

MOMENTS = 5  # of a clip
SIDE = 176  # pixels of the longer side


def moments_of(indices: Sequence[int], count: int = MOMENTS) -> tuple[int, ...]:
    """Evenly spaced ones of a clip's frames, without the first, which is the photo."""
    return thinned(list(indices[1:]) or list(indices), count)


def thinned(indices: Sequence[int], most: int) -> tuple[int, ...]:
    """At most so many of them, evenly spaced, with the first and the last."""
    places = np.linspace(0, len(indices) - 1, min(most, len(indices))).round().astype(int)
    return tuple(indices[place] for place in dict.fromkeys(places.tolist()))


@dataclass(slots=True)
class Moments:
    """Small pictures by frame and by what they show."""

    indices: tuple[int, ...]
    side: int = SIDE
    pictures: dict[int, dict[str, Image]] = field(default_factory=dict)

    def keep(self, index: int, truth: Image | None, frames: Mapping[str, Image], *, is_close: bool = False) -> None:
        """Takes in one moment, if it is wanted."""
        if index not in self.indices:
            return
        kept = self.pictures.setdefault(index, {})
        for name, frame in (({} if truth is None else {TRUTH: truth}) | dict(frames)).items():
            kept.setdefault(name, small(frame, self.side))

    def forget(self, name: str) -> None:
        """Drops a method."""
        for kept in self.pictures.values():
            kept.pop(name, None)

    def write(self, path: Path, titles: Mapping[str, str]) -> None:
        """A sheet with a row per moment, and a column for what has a title; what is missing stays blank.

        Raises:
            OutputError: it cannot be written.
        """
        shown = columns_of(self, titles)
        if not shown:
            return
        rows = [[self.pictures[index].get(name) for name in shown] for index in sorted(self.pictures)]
        height, width = next(picture for row in rows for picture in row if picture is not None).shape[:2]
        sheet = contact_sheet(
            rows,
            row_captions=[str(index) for index in sorted(self.pictures)],
            column_captions=list(shown.values()),
            style=SheetStyle(cell_width=width, cell_height=height),
        )
        write_image(path, sheet, overwrite=True)


def columns_of(moments: Moments, titles: Mapping[str, str]) -> dict[str, str]:
    """The titles of what was kept, in order: the truth, the methods, the baseline."""
    known = {TRUTH: TRUTH, **titles, BASELINE_SUFFIX: BASELINE_TITLE}
    return {name: title for name, title in known.items() if any(name in kept for kept in moments.pictures.values())}


def small(picture: Image, side: int = SIDE) -> Image:
    """The picture with a longer side of at most so many pixels, for a cell of a sheet."""
    scale = side / max(picture.shape[:2])
    if scale >= 1.0:
        return picture
    return resize(picture, max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
