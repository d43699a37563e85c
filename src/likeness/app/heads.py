"""`likeness head`: a picture of the built-in head and its named controls, and the list of their names."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from likeness.heads.builtin import builtin_head
from likeness.heads.show import draw_control, draw_head
from likeness.heads.skinning import posed_vertices
from likeness.media.images import IMAGE_SUFFIXES, write_image
from likeness.media.output import check_output
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.edit import control_names

COLUMNS = 8
CELL = 200  # pixels
VIEW_ANGLES = ((0, 0), (25, 0), (50, 0), (90, 0), (180, 0), (-35, 0), (0, 25), (0, -25))  # yaw, pitch in degrees


def write_sheet(out: Path, *, overwrite: bool) -> str:
    """Draw the head from several sides, then every named control at 1; returns a line about it.

    Raises:
        OutputError: `out` cannot be written.
    """
    check_output(out, suffixes=IMAGE_SUFFIXES, overwrite=overwrite)
    head = builtin_head()
    rest = posed_vertices(head, np.zeros(head.num_shape), np.zeros(head.num_expression), np.zeros((5, 3)))
    cells: list[tuple[str, np.ndarray | None]] = [
        (f"yaw {yaw}, pitch {pitch}", draw_head(head, rest, size=CELL, yaw=np.radians(yaw), pitch=np.radians(pitch)))
        for yaw, pitch in VIEW_ANGLES
    ]
    cells += [(control.name, _face_part(draw_control(head, control, size=2 * CELL))) for control in head.controls]
    strips = []
    for start in range(0, len(cells), COLUMNS):
        row = cells[start : start + COLUMNS]
        row += [("", None)] * (COLUMNS - len(row))
        strips.append(
            contact_sheet(
                [[picture for _, picture in row]],
                column_captions=[caption for caption, _ in row],
                style=SheetStyle(cell_width=CELL, cell_height=CELL, font_size=14),
            )
        )
    write_image(out, np.concatenate(strips), overwrite=overwrite)
    return f"{out}: {len(head.controls)} controls of the head {head.name} {head.version}"


def _face_part(picture: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The middle of a picture of a whole head, where its face is."""
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[height // 8 : height * 5 // 8, width // 4 : width * 3 // 4])


def list_controls() -> str:
    """All names that an edit may set, in columns."""
    names = sorted(control_names(builtin_head()), key=str.casefold)
    width = max(map(len, names)) + 2
    rows = [names[start : start + 4] for start in range(0, len(names), 4)]
    return "\n".join("".join(f"{name:{width}s}" for name in row).rstrip() for row in rows)
