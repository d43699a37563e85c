"""The free views of Export3D: pictures and depth along a path, the mesh, and the sheet of expression directions."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from likeness.app.directions import DirectionShifts
from likeness.app.export3d import asked_shift, open_model, read_export3d
from likeness.app.results import Watch
from likeness.errors import InputError
from likeness.export3d.depth_picture import depth_picture
from likeness.export3d.mesh import LEVEL, extract_mesh, in_metres, write_ply
from likeness.export3d.rays import FAR, NEAR
from likeness.export3d.renderer import (
    Drawn,
    Prepared,
    Shift,
    View,
    camera_in_square,
    content_of,
    draw,
    prepare,
)
from likeness.media.crop import resize
from likeness.media.images import write_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait

RAMP = (-2.0, -1.0, 0.0, 1.0, 2.0)  # deviations along each direction
CELL = 160  # pixels of a sheet's pictures


def open_views(folder: Path, portrait: Portrait, directions: DirectionShifts) -> tuple[Prepared, Shift | None]:
    """The portrait in the model of a weights folder, and the move along directions that is asked for.

    Raises:
        InputError: the folder cannot be used, belongs to another head, or its model lacks a direction.
    """
    shift = asked_shift(read_export3d(folder), directions)
    return prepare(portrait, model=open_model(folder, portrait.head)), shift


def draw_views(
    prepared: Prepared,
    frames: Iterable[MotionFrame],
    cameras: Iterable[Float32[np.ndarray, "25"]],
    shift: Shift | None,
    *,
    side: int,
) -> Iterator[tuple[UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W 3"]]]:
    """Pictures and their depth, `side` x `side` pixels, one after the other."""
    views = (View(frame=frame, camera=camera, shift=shift) for frame, camera in zip(frames, cameras, strict=True))
    for drawn in draw(prepared, views):
        yield (
            resize(drawn.image, side, side),
            shown_depth(drawn, side=side, box=prepared.subject.model.config.volume.box),
        )


def shown_depth(drawn: Drawn, *, side: int, box: float) -> UInt8[np.ndarray, "side side 3"]:
    """Depth as grey levels: the front of the cube that holds the head is white, its back nearly black.

    Args:
        box: side of the cube, world units.
    """
    distance = float(np.linalg.norm(drawn.camera[[3, 7, 11]]))
    limits = distance - NEAR * box, distance + FAR * box
    return depth_picture(drawn.depth, drawn.opacity, side=side, limits=limits)


def write_mesh(
    path: Path, prepared: Prepared, frame: MotionFrame, shift: Shift | None, *, level: float | None, overwrite: bool
) -> None:
    """The surface of one expression as PLY, in metres in the head's frame.

    Raises:
        InputError: the density does not cross that level.
        OutputError: it cannot be written.
    """
    content = content_of(prepared, frame, shift)
    mesh = extract_mesh(prepared.subject.model.volume, content, level=LEVEL if level is None else level)
    write_ply(path, in_metres(mesh), overwrite=overwrite)


def write_directions(path: Path, prepared: Prepared, frame: MotionFrame, *, overwrite: bool, watch: Watch) -> None:
    """A row per direction: the photo's view with moves from -2 to 2 deviations along it.

    Raises:
        InputError: the model has no directions.
        OutputError: it cannot be written.
    """
    rows = direction_rows(prepared, frame, watch=watch)
    sheet = contact_sheet(
        rows,
        row_captions=[f"v{number + 1}" for number in range(len(rows))],
        column_captions=[f"{amount:+g}" if amount else "0" for amount in RAMP],
        style=SheetStyle(cell_width=CELL, cell_height=CELL),
    )
    write_image(path, sheet, overwrite=overwrite)


def direction_rows(
    prepared: Prepared, frame: MotionFrame, *, watch: Watch
) -> Sequence[Sequence[UInt8[np.ndarray, "H W 3"]]]:
    """The pictures of such a sheet.

    Raises:
        InputError: the model has no directions.
    """
    if prepared.deviations is None:
        raise InputError("these weights have no expression directions (encoding direct): leave --directions out")
    count, camera = len(prepared.deviations), camera_in_square(prepared, prepared.portrait.rest)
    moves = [amount * np.eye(count)[number] for number in range(count) for amount in RAMP]
    views = (View(frame=frame, camera=camera, shift=move) for move in watch(moves, "directions", len(moves)))
    pictures = [drawn.image for drawn in draw(prepared, views)]
    return [pictures[begin : begin + len(RAMP)] for begin in range(0, len(pictures), len(RAMP))]
