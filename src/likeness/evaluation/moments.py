"""Pictures of a few moments of a clip, kept small, for the sheets of a report: the truth and every method beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from likeness.evaluation.report import BASELINE_SUFFIX, BASELINE_TITLE
from likeness.media.crop import resize
from likeness.media.images import write_image
from likeness.media.sheet import SheetStyle, contact_sheet

MOMENTS = 5  # of a clip
SIDE = 176  # pixels of the longer side
TRUTH = "clip"

Image = UInt8[np.ndarray, "_ _ 3"]


def moments_of(indices: Sequence[int], count: int = MOMENTS) -> tuple[int, ...]:
    """Evenly spaced ones of a clip's frames, without the first, which is the photo."""
    later = list(indices[1:]) or list(indices)
    places = np.linspace(0, len(later) - 1, min(count, len(later))).round().astype(int)
    return tuple(later[place] for place in dict.fromkeys(places.tolist()))


@dataclass(slots=True)
class Moments:
    """Small pictures by frame and by what they show."""

    indices: tuple[int, ...]
    pictures: dict[int, dict[str, Image]] = field(default_factory=dict)

    def keep(self, index: int, truth: Image | None, frames: Mapping[str, Image]) -> None:
        """Takes in one moment, if it is wanted."""
        if index not in self.indices:
            return
        kept = self.pictures.setdefault(index, {})
        for name, frame in (({} if truth is None else {TRUTH: truth}) | dict(frames)).items():
            kept.setdefault(name, small(frame))

    def write(self, path: Path, titles: Mapping[str, str]) -> None:
        """A sheet with a row per moment, and a column for what has a title; what is missing stays blank.

        Raises:
            OutputError: it cannot be written.
        """
        titles = {TRUTH: TRUTH, **titles, BASELINE_SUFFIX: BASELINE_TITLE}
        shown = [name for name in titles if any(name in kept for kept in self.pictures.values())]
        if not shown:
            return
        rows = [[self.pictures[index].get(name) for name in shown] for index in sorted(self.pictures)]
        height, width = next(picture for row in rows for picture in row if picture is not None).shape[:2]
        sheet = contact_sheet(
            rows,
            row_captions=[str(index) for index in sorted(self.pictures)],
            column_captions=[titles[name] for name in shown],
            style=SheetStyle(cell_width=width, cell_height=height),
        )
        write_image(path, sheet, overwrite=True)


def kept(frames: Iterator[Image], indices: Sequence[int], moments: Moments, name: str) -> Iterator[Image]:
    """The frames, at these indices of the clip, as they pass by; the wanted ones are kept under that name."""
    for index, frame in zip(indices, frames, strict=True):
        moments.keep(index, None, {name: frame})
        yield frame


def small(picture: Image) -> Image:
    """The picture for a cell of a sheet."""
    scale = SIDE / max(picture.shape[:2])
    if scale >= 1.0:
        return picture
    return resize(picture, max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
