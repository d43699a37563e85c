"""Contact sheets for looking at: twenty varied portraits under eight motions and edits."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from likeness.evaluation import face_measures
from likeness.evaluation.comparison import read_performance
from likeness.evaluation.material import PORTRAITS, clip_paths, portrait_paths, read_clip, read_photo, sample_indices
from likeness.evaluation.results import Item, Watch, quietly
from likeness.evaluation.runner import Image, Setup, open_subject, render_clip, render_edits
from likeness.media.crop import clip_window, extract, square_window
from likeness.media.images import write_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.edit import HeadEdit
from likeness.motion.record import Motion

NAME = "sheets"
PORTRAITS_PER_SHEET = 5
CELL = 256  # pixels
HEAD_MARGIN = 0.45  # of the face box, shown on each side
EDITS = {
    "yaw +20": HeadEdit(yaw=20.0),
    "yaw -20": HeadEdit(yaw=-20.0),
    "pitch +12, roll +8": HeadEdit(pitch=12.0, roll=8.0),
    "pitch -12, gaze yaw -20": HeadEdit(pitch=-12.0, gaze_yaw=-20.0),
    "jawOpen 0.7": HeadEdit(controls={"jawOpen": 0.7}),
    "mouthSmile 0.8, eyeBlink 1": HeadEdit(controls={"mouthSmile": 0.8, "eyeBlink": 1.0}),
}
DRIVERS = ("v016", "v065")  # each at the moment of its widest mouth


def run(setup: Setup, folder: Path, watch: Watch = quietly) -> tuple[Path, ...]:
    """Writes sheet1.png, sheet2.png, ... into `folder`, for the first `limit` portraits."""
    photos = portrait_paths(setup.data, PORTRAITS)[: setup.limit]
    moments = [widest_mouth(setup, clip) for clip in clip_paths(setup.data, DRIVERS)]
    captions = ["photo", *EDITS, *[f"{name}, widest mouth" for name in DRIVERS]]
    written: list[Path] = []
    rows: list[list[Image]] = []
    names: list[str] = []
    items = [Item(name=photo.stem, measure=dict) for photo in photos]
    for item, photo in zip(watch(items, NAME, len(items)), photos, strict=True):
        rows.append(list(_cells(setup, photo, moments)))
        names.append(item.name)
        if len(rows) == PORTRAITS_PER_SHEET or photo == photos[-1]:
            style = SheetStyle(cell_width=CELL, cell_height=CELL)
            sheet = contact_sheet(rows, row_captions=names, column_captions=captions, style=style)
            path = folder / f"sheet{len(written) + 1}.png"
            write_image(path, sheet, overwrite=True)
            written.append(path)
            rows, names = [], []
    return tuple(written)


def widest_mouth(setup: Setup, clip: Path) -> tuple[Motion, int]:
    """A tracked clip and the frame in which its mouth is widest open."""
    motion = setup.pieces.track_video(clip, 0)
    indices = sample_indices(len(motion), setup.frames)
    driver = read_performance(read_clip(clip, indices), len(indices), None)
    opening = np.asarray(face_measures.mouth_opening(driver.landmarks))
    return motion, indices[int(np.nanargmax(opening))]


def _cells(setup: Setup, photo: Path, moments: list[tuple[Motion, int]]) -> Iterator[Image]:
    """The photo and its eight results, cropped to the head."""
    subject = open_subject(setup.pieces, read_photo(photo))
    points = subject.portrait.landmarks[:468, :2]
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    height, width = subject.image.shape[:2]
    window = clip_window(square_window(box, HEAD_MARGIN), width, height)
    yield extract(subject.image, window, CELL)
    for picture in render_edits(setup.pieces, subject, EDITS.values()):
        yield extract(picture, window, CELL)
    for motion, moment in moments:
        picture = next(iter(render_clip(setup.pieces, subject, motion, mode="default", indices=[moment])))
        yield extract(picture, window, CELL)
