"""Short moving pictures of a clip for a report: the truth and every method side by side, as animated WebP."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from likeness.evaluation.moments import Moments, columns_of, thinned
from likeness.files import atomic_output
from likeness.media.sheet import SheetStyle, contact_sheet

MOST_FRAMES = 36
SIDE = 144  # pixels of the longer side of each picture
MAX_BYTES = 500_000  # of one file; what is larger shows fewer frames
_LEAST_FRAMES = 4
_QUALITY = 50
_LEAST_MILLISECONDS, _MOST_MILLISECONDS = 20, 2000  # between two frames


def moving_of(indices: Sequence[int]) -> tuple[int, ...]:
    """Evenly spaced ones of a clip's frames; of neighbouring pairs only the first ones, if there are no others."""
    lone = [index for place, index in enumerate(indices) if place == 0 or indices[place - 1] != index - 1]
    return thinned(lone if len(lone) >= len(indices) // 2 else list(indices), MOST_FRAMES)


def write_moving(moments: Moments, path: Path, titles: Mapping[str, str], *, fps: float) -> None:
    """A column for what has a title, in the clip's own time; nothing where fewer than four moments are kept.

    Raises:
        OutputError: it cannot be written.
    """
    path.unlink(missing_ok=True)
    columns, indices = columns_of(moments, titles), sorted(moments.pictures)
    while len(indices) >= _LEAST_FRAMES and columns:
        content = _animated([_frame(moments.pictures[index], columns) for index in indices], _times(indices, fps))
        if len(content) <= MAX_BYTES:
            with atomic_output(path, overwrite=True) as partial:
                partial.write_bytes(content)
            return
        indices = indices[::2]


def _frame(pictures: Mapping[str, np.ndarray], columns: Mapping[str, str]) -> UInt8[np.ndarray, "H W 3"]:
    shown = [pictures.get(name) for name in columns]
    height, width = next(picture for picture in shown if picture is not None).shape[:2]
    style = SheetStyle(cell_width=width, cell_height=height, gap=4, font_size=12)
    return contact_sheet([shown], column_captions=list(columns.values()), style=style)


def _times(indices: Sequence[int], fps: float) -> list[int]:
    """How long each frame is shown, milliseconds; the last one as long as the one before."""
    gaps = [1000.0 * gap / max(fps, 1e-3) for gap in np.diff(indices).tolist()]
    rounded = [int(np.clip(round(gap), _LEAST_MILLISECONDS, _MOST_MILLISECONDS)) for gap in gaps]
    return [*rounded, rounded[-1]]


def _animated(frames: Sequence[UInt8[np.ndarray, "H W 3"]], times: Sequence[int]) -> bytes:
    pictures = [Image.fromarray(frame) for frame in frames]
    content = io.BytesIO()
    pictures[0].save(
        content, format="WEBP", save_all=True, append_images=pictures[1:], duration=list(times), loop=0,
        quality=_QUALITY, method=3,
    )  # fmt: skip
    return content.getvalue()
