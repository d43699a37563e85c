"""Draws edits of the two public-domain photos by the default renderer and by a trained FG-Portrait model, side by side:
run `python tools/draw_model_docs.py WEIGHTS` from a checkout with the `eval` extra installed.
"""

import sys
from pathlib import Path

from draw_docs import CELL, around_head, hopper, portrait_of, write

from likeness.app.demo import PHOTO
from likeness.app.fg_portrait import open_fg_portrait
from likeness.app.options import Rendering
from likeness.app.results import unwatched
from likeness.flow_warp import prepare, render_frame
from likeness.heads.builtin import builtin_head
from likeness.media.images import read_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.edit import HeadEdit, apply_edit

MARGIN = 0.3  # around the landmarks: faces, not heads
EDITS = {
    "teeth": HeadEdit(controls={"jawOpen": 0.25, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.7}),
    "O": HeadEdit(controls={"jawOpen": 0.45, "mouthFunnel": 0.7}),
    "turned": HeadEdit(yaw=22.0),
}


def main(weights: Path) -> None:
    """Write the figure."""
    head = builtin_head()
    drawing = open_fg_portrait(Rendering(method="fg-portrait", weights=weights), watch=unwatched, count=len(EDITS))
    rows = []
    for photo in (read_image(PHOTO), hopper()):
        portrait = portrait_of(photo, head)
        frames = [apply_edit(portrait.rest, edit, head) for edit in EDITS.values()]
        prepared = prepare(portrait)
        plain = [render_frame(prepared, frame) for frame in frames]
        learned = list(drawing.render(drawing.prepare(portrait), frames))
        pairs = [picture for pair in zip(plain, learned, strict=True) for picture in pair]
        rows.append([around_head(portrait, picture, margin=MARGIN) for picture in (portrait.image, *pairs)])
    captions = ["photo", *(f"{name}, {kind}" for name in EDITS for kind in ("flow-warp", "model"))]
    write(
        "laptop-model",
        contact_sheet(rows, column_captions=captions, style=SheetStyle(cell_width=CELL, cell_height=CELL)),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
