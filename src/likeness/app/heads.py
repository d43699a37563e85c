"""`likeness head`: convert foreign head models, draw a head and its named controls, list their names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from likeness.heads.builtin import NAME
from likeness.heads.library import convert_head, open_head
from likeness.heads.model import Control, HeadModel
from likeness.heads.show import EYES_VIEW, MOUTH_VIEW, draw_control, draw_head
from likeness.heads.skinning import posed_vertices
from likeness.heads.stored import save_head
from likeness.media.images import IMAGE_SUFFIXES, write_image
from likeness.media.output import check_output
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.edit import control_names
from likeness.motion.strength import expression_region

HEAD_SUFFIX = ".npz"
COLUMNS = 8
CELL = 200  # pixels
FINE = 2 * CELL  # pixels in which a cell is drawn before it is averaged down
VIEW_ANGLES = ((0, 0), (25, 0), (50, 0), (90, 0), (180, 0), (-35, 0), (0, 25), (0, -25))  # yaw, pitch in degrees
DEPTH_YAW = np.radians(35.0)  # from where a control that moves the skin forward can be seen
MEANT_WITH = {"mouthClose": "jawOpen"}  # a control that is of use only together with another one

Cell = tuple[str, UInt8[np.ndarray, "H W 3"]]


def convert(
    source: Path, out: Path, *, landmarks: Path | None = None, name: str | None = None, overwrite: bool = False
) -> str:
    """Write a foreign head model as a head file; returns a line about it.

    Raises:
        InputError: the source cannot be used.
        OutputError: `out` cannot be written.
    """
    check_output(out, suffixes=(HEAD_SUFFIX,), overwrite=overwrite, inputs=[source])
    head = convert_head(source, landmarks=landmarks, name=name)
    save_head(out, head, overwrite=overwrite)
    return (
        f"{out}: head {head.name} {head.version}, {len(head.template)} vertices, {head.num_shape} identity and"
        f" {head.num_expression} expression coefficients, {len(head.controls)} controls"
    )


def write_sheet(out: Path, *, head: str | Path = NAME, overwrite: bool) -> str:
    """Draw the head from several sides, then every named control at 1; returns a line about it.

    Raises:
        InputError: there is no such head.
        OutputError: `out` cannot be written.
    """
    check_output(out, suffixes=IMAGE_SUFFIXES, overwrite=overwrite)
    model = open_head(head)
    write_image(out, np.concatenate(draw_groups(model)), overwrite=overwrite)
    return f"{out}: {len(model.controls)} controls of the head {model.name} {model.version}"


def draw_groups(head: HeadModel) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """Three pictures of equal width: the head from several sides; eyes and brows, and mouth, at rest and with each
    named control at 1.
    """
    rest = posed_vertices(head, np.zeros(head.num_shape), np.zeros(head.num_expression), np.zeros((5, 3)))
    cells = [
        (f"yaw {yaw}, pitch {pitch}", draw_head(head, rest, size=FINE, yaw=np.radians(yaw), pitch=np.radians(pitch)))
        for yaw, pitch in VIEW_ANGLES
    ]
    around_mouth = [expression_region(control.name) == "mouth" for control in head.controls]
    groups = [cells]
    for view, is_mouth in ((EYES_VIEW, False), (MOUTH_VIEW, True)):
        controls = [
            with_companion(head, c) for c, here in zip(head.controls, around_mouth, strict=True) if here == is_mouth
        ]
        yaws = [telling_yaw(head, control) for control in controls]
        cells = [("at rest", draw_head(head, rest, size=FINE, view=view))]
        if any(yaws):
            cells.append(("at rest, turned", draw_head(head, rest, size=FINE, yaw=DEPTH_YAW, view=view)))
        cells += [
            (control.name, draw_control(head, control, size=FINE, yaw=yaw, view=view))
            for control, yaw in zip(controls, yaws, strict=True)
        ]
        groups.append(cells)
    return [
        np.concatenate([_strip(cells[start : start + COLUMNS]) for start in range(0, len(cells), COLUMNS)])
        for cells in groups
    ]


def with_companion(head: HeadModel, control: Control) -> Control:
    """The control, or its sum with the one that it is meant for."""
    other = next((each for each in head.controls if each.name == MEANT_WITH.get(control.name)), None)
    if other is None:
        return control
    return Control(
        name=f"{control.name} + {other.name}",
        expression=control.expression + other.expression,
        joints=control.joints + other.joints,
    )


def telling_yaw(head: HeadModel, control: Control) -> float:
    """The yaw (radians) at which a control shows: from the other side if it mostly moves the skin forward, else 0."""
    skin = np.unique(head.part_faces("skin"))
    shape = np.zeros(head.num_shape)
    rest = posed_vertices(head, shape, np.zeros(head.num_expression), np.zeros((5, 3)))[skin]
    moved = posed_vertices(head, shape, control.expression, control.joints)[skin] - rest
    sideways, upward, forward = np.abs(moved).sum(axis=0)
    if forward <= sideways + upward:
        return 0.0
    return float(np.where((np.abs(moved[:, 2]) * rest[:, 0]).sum() > 0.0, -1.0, 1.0) * DEPTH_YAW)


def _strip(cells: Sequence[Cell]) -> UInt8[np.ndarray, "_ _ 3"]:
    """One row of the sheet, blank where cells are missing."""
    missing = COLUMNS - len(cells)
    return contact_sheet(
        [[*(picture for _, picture in cells), *[None] * missing]],
        column_captions=[*(caption for caption, _ in cells), *[""] * missing],
        style=SheetStyle(cell_width=CELL, cell_height=CELL, font_size=14),
    )


def list_controls(head: str | Path = NAME) -> str:
    """All names that an edit may set, in columns.

    Raises:
        InputError: there is no such head.
    """
    names = sorted(control_names(open_head(head)), key=str.casefold)
    width = max(map(len, names)) + 2
    rows = [names[start : start + 4] for start in range(0, len(names), 4)]
    return "\n".join("".join(f"{name:{width}s}" for name in row).rstrip() for row in rows)
