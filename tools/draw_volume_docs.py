"""Draws views of the two public-domain photos by Export3D: `python tools/draw_volume_docs.py [WEIGHTS]` from a checkout
with the `eval` extra installed; without WEIGHTS by those that ship.
"""

import sys
from pathlib import Path

from draw_docs import hopper, portrait_of, write

from likeness.app.demo import PHOTO
from likeness.app.export3d import open_model
from likeness.app.view_export3d import shown_depth
from likeness.export3d.renderer import View, camera_in_square, draw, prepare
from likeness.heads.builtin import builtin_head
from likeness.media.crop import resize
from likeness.media.images import read_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.nn.shipped import shipped_weights

CELL = 150  # pixels
EDITS = {
    "own view": HeadEdit(),
    "-35 deg": HeadEdit(yaw=-35.0),
    "-18 deg": HeadEdit(yaw=-18.0),
    "+18 deg": HeadEdit(yaw=18.0),
    "+35 deg": HeadEdit(yaw=35.0),
    "up": HeadEdit(pitch=15.0),
    "open": HeadEdit(controls={"jawOpen": 0.7}),
}


def main(weights: Path) -> None:
    """Write the figure."""
    head = builtin_head()
    model = open_model(weights, head)
    rows = []
    for photo in (read_image(PHOTO), hopper()):
        portrait = portrait_of(photo, head)
        prepared = prepare(portrait, model=model)
        frames = [apply_edit(portrait.rest, edit, head) for edit in EDITS.values()]
        drawn = list(draw(prepared, [View(frame=each, camera=camera_in_square(prepared, each)) for each in frames]))
        depth = shown_depth(drawn[3], side=CELL, box=model.config.volume.box)
        rows.append([prepared.square.image, *(each.image for each in drawn), depth])
    cells = [[resize(picture, CELL, CELL) for picture in row] for row in rows]
    captions = ["photo", *EDITS, "depth, +18"]
    write(
        "free-view", contact_sheet(cells, column_captions=captions, style=SheetStyle(cell_width=CELL, cell_height=CELL))
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped_weights("export3d"))
