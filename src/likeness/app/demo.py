"""The demonstration: a shipped public-domain photo greets, by an authored timeline; a video and a contact sheet."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from likeness.app.pipeline import edit
from likeness.app.results import Watch
from likeness.errors import OutputError
from likeness.media.crop import CropWindow, extract
from likeness.media.images import read_image, write_image
from likeness.media.output import check_output
from likeness.media.sheet import contact_sheet
from likeness.media.video import read_frames

ASSETS = Path(__file__).parents[1] / "assets"
PHOTO = ASSETS / "astronaut.jpg"
TIMELINE = ASSETS / "greeting.json"
SHEET_TIMES = (
    1.4,
    1.75,
    2.3,
    2.9,
    3.7,
    3.95,
    4.25,
    5.7,
)  # seconds: turned, blinking, turning back, talking, nodding, smiling
SHEET_WINDOW = CropWindow(left=118, top=2, size=212)  # the head, in pixels of the photo
CELL = 256  # pixels
COLUMNS = 3


def write_demo(folder: Path, *, overwrite: bool, watch: Watch) -> Iterator[str]:
    """Write `astronaut.mp4` and `astronaut.png` into the folder, which is made if missing; yields a line for each.

    Raises:
        OutputError: the folder cannot be made, or holds these files already.
    """
    video, sheet = folder / "astronaut.mp4", folder / "astronaut.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be made ({error.strerror}): choose another one") from error
    check_output(sheet, suffixes=(".png",), overwrite=overwrite)
    yield edit(PHOTO, out=video, timeline=TIMELINE, overwrite=overwrite, watch=watch).line
    frames = {}
    for frame in read_frames(video):
        for time in SHEET_TIMES:
            if time not in frames and frame.time_seconds >= time - 1e-3:
                frames[time] = frame.image
    photos = [read_image(PHOTO), *(frames[time] for time in SHEET_TIMES)]
    pictures = [extract(photo, SHEET_WINDOW, CELL) for photo in photos]
    captions = ["the photo", *(f"{time:.2f} s" for time in SHEET_TIMES)]
    strips = [
        contact_sheet([pictures[start : start + COLUMNS]], column_captions=captions[start : start + COLUMNS])
        for start in range(0, len(pictures), COLUMNS)
    ]
    write_image(sheet, np.concatenate(strips), overwrite=overwrite)
    yield f"{sheet}: its frames"
