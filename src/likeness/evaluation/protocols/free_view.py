"""Free view: a ring of cameras around the head of a photo. Who is seen, does the head turn, does the face stay?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from likeness.evaluation.drawn_photo import draw_moment
from likeness.evaluation.face_measures import landmark_error
from likeness.evaluation.html_report import Outline
from likeness.evaluation.identity import identity_similarity
from likeness.evaluation.landmark_reader import LandmarkReader
from likeness.evaluation.material import PORTRAITS, portrait_paths, read_photo
from likeness.evaluation.metrics import median, response
from likeness.evaluation.moments import small
from likeness.evaluation.motion_measures import average_expression_distance, rotation_error
from likeness.evaluation.report import Measure, Report, Table, format_number, item_table, summary_table
from likeness.evaluation.results import Item, Row, Watch, numbers, quietly, run_items
from likeness.evaluation.runner import Image, Setup
from likeness.files import made_folder
from likeness.geometry.camera import Camera
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.media.images import write_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.pose import frontal_angles
from likeness.motion.record import MotionFrame
from likeness.tracking.person import fit_frame, person_with_shape, reading
from likeness.tracking.portrait import Portrait

NAME = "views"
SHEETS = "views_sheets"  # folder of the pictures, PHOTO.jpg
RING = (
    (-35.0, 0.0), (-20.0, 0.0), (-10.0, 0.0), (0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (35.0, 0.0), (0.0, -15.0),
    (0.0, 15.0),
)  # fmt: skip  # yaw and pitch from the photo's own view, degrees: to the subject's left, up
FLOORS = ("rotation", "yaw_gain", "aed")  # what the photo's own mesh, drawn from each side, is read as
OPPOSITE = ((-20.0, 0.0), (20.0, 0.0))  # views that are compared with each other
MEASURES = (
    Measure(key="csim", title="CSIM to the photo", digits=3),
    Measure(key="csim_opposite", title="CSIM between yaw -20 and 20", digits=3),
    Measure(key="rotation", title="rotation off, degrees"),
    Measure(key="rotation_read", title="rotation off a head drawn as asked, degrees"),
    Measure(key="yaw_gain", title="yaw seen over asked"),
    Measure(key="landmark", title="landmarks off the turned head, %"),
    Measure(key="aed", title="expression against the photo's, deviations", digits=3),
    Measure(key="missed", title="views without a detected face", digits=0),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """What a renderer shows from some sides."""

    pictures: Iterator[Image]
    frames: tuple[MotionFrame, ...]  # the head as each picture's camera should see it
    camera: Camera


Turn = Callable[[Portrait, Sequence[tuple[float, float]]], Views]  # yaw and pitch from the photo's view, degrees


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What is found in one view; None where no face is."""

    frame: MotionFrame | None
    landmark: float  # percent
    embedding: Float[np.ndarray, "128"] | None


def run(setup: Setup, turn: Turn, folder: Path, watch: Watch = quietly) -> Report:
    """Measures the chosen portraits (the first `limit`), keeping their rows and sheets in `folder`."""
    rows = run_items(items(setup, turn, folder), folder / f"{NAME}.jsonl", setup.settings, watch, setup.measure_items)
    return report(rows, setup)


def items(setup: Setup, turn: Turn, folder: Path) -> list[Item]:
    """What `run` measures: the portraits."""
    sheets = made_folder(folder / SHEETS)
    return [
        Item(name=photo.stem, measure=partial(measure_photo, setup, turn, photo, sheets))
        for photo in portrait_paths(setup.data, PORTRAITS)[: setup.limit]
    ]


def measure_photo(setup: Setup, turn: Turn, photo: Path, sheets: Path | None = None) -> Row:
    """The row of one portrait: medians over the ring, and each view's numbers.

    Raises:
        InputError: the photo cannot be read, or shows no face.
    """
    portrait = setup.pieces.portrait_from_image(read_photo(photo))
    views = turn(portrait, RING)
    embed = setup.networks.embedders.get("dlib")
    pictures: list[Image] = []
    with LandmarkReader() as reader:

        def see(picture: Image, frame: MotionFrame, camera: Camera) -> _Seen:
            points = reader.read_still(picture)
            if np.isnan(points[0, 0]):
                return _Seen(frame=None, landmark=float("nan"), embedding=None)
            person = person_with_shape(portrait.head, camera, portrait.shape)
            found = reading(person, points, fit_frame(person, points, None)).frame
            wanted = projected(portrait, frame, camera)
            embedding = None if embed is None else embed(picture, points)
            return _Seen(frame=found, landmark=landmark_error(points, wanted), embedding=embedding)

        own = see(portrait.image, portrait.rest, portrait.camera)
        copied = [see_as(own, portrait, frame, views.camera) for frame in views.frames]
        seen = []
        for picture, frame in zip(views.pictures, views.frames, strict=True):
            seen.append(see(picture, frame, views.camera))
            pictures.append(small(picture))
        meshes = [_in_photo(portrait, frame) for frame in views.frames]
        drawn = [see(draw_moment(portrait, frame), frame, portrait.camera) for frame in meshes]
    if sheets is not None:
        captions = [f"{yaw:+g}, {pitch:+g}" for yaw, pitch in RING]
        height, width = pictures[0].shape[:2]
        style = SheetStyle(cell_width=width, cell_height=height)
        write_image(
            sheets / f"{photo.stem}.jpg", contact_sheet([pictures], column_captions=captions, style=style),
            overwrite=True,
        )  # fmt: skip
    row = _measures(portrait, own, views.frames, seen, each_view=True)
    baseline = _measures(portrait, own, views.frames, copied, each_view=False)
    row |= {f"{key}_copy": value for key, value in baseline.items()}
    row |= _beside_drawn(seen, drawn)
    floor = _measures(portrait, own, meshes, drawn, each_view=True)
    return row | {f"{key}_floor": value for key, value in floor.items() if key.startswith(FLOORS)}


def _beside_drawn(seen: Sequence[_Seen], drawn: Sequence[_Seen]) -> Row:
    """How far the fit reads each view from the head that was drawn turned as asked: what it reads of both too little,
    or too much, cancels.
    """
    off = [
        float("nan")
        if one.frame is None or other.frame is None
        else float(rotation_error(one.frame.rotation[None], other.frame.rotation[None])[0])
        for one, other in zip(seen, drawn, strict=True)
    ]
    row: Row = {f"rotation_read {yaw:+g} {pitch:+g}": value for (yaw, pitch), value in zip(RING, off, strict=True)}
    return row | {"rotation_read": median(off)}


def _in_photo(portrait: Portrait, frame: MotionFrame) -> MotionFrame:
    """The head turned as in a view, where the photo has it."""
    return replace(portrait.rest, rotation=frame.rotation)


def see_as(own: _Seen, portrait: Portrait, frame: MotionFrame, camera: Camera) -> _Seen:
    """The photo's own face in place of a view: what copying the photo is off by."""
    points = projected(portrait, portrait.rest, portrait.camera)
    scale = np.array([camera.width / portrait.camera.width, camera.height / portrait.camera.height, 1.0])
    off = landmark_error(points * scale, projected(portrait, frame, camera))
    return _Seen(frame=own.frame, landmark=off, embedding=own.embedding)


def projected(portrait: Portrait, frame: MotionFrame, camera: Camera) -> Float[np.ndarray, "478 3"]:
    """Where the landmarks of the fitted head are in a picture of that camera, pixels; the irises are not told."""
    vertices = posed_vertices(portrait.head, portrait.shape, frame.expression, frame.joints)
    points = frame.T_cam_head.apply(landmark_points(portrait.head, vertices))
    result = np.zeros((478, 3))
    result[: len(points), :2] = camera.project(points)
    return result


def _measures(
    portrait: Portrait, own: _Seen, frames: Sequence[MotionFrame], seen: Sequence[_Seen], *, each_view: bool
) -> Row:
    rotations, yaws, similar, expressions = [], [], [], []
    for frame, one in zip(frames, seen, strict=True):
        asked = frame.rotation[None]
        found = None if one.frame is None else one.frame.rotation[None]
        rotations.append(float("nan") if found is None else float(rotation_error(found, asked)[0]))
        yaws.append(float("nan") if found is None else float(frontal_angles(found)[0, 0]))
        similar.append(_similarity(one, own))
        expressions.append(_expression(portrait, one, own))
    asked_yaws = frontal_angles(np.stack([frame.rotation for frame in frames]))[:, 0]
    pair = [seen[RING.index(place)] for place in OPPOSITE]
    row: Row = {
        "csim": median(similar),
        "csim_opposite": _similarity(*pair),
        "rotation": median(rotations),
        "yaw_gain": response(asked_yaws, np.array(yaws)).gain,
        "landmark": median([one.landmark for one in seen]),
        "aed": median(expressions),
        "missed": float(sum(one.frame is None for one in seen)),
    }
    for place, (yaw, pitch) in enumerate(RING if each_view else ()):
        name = f"{yaw:+g} {pitch:+g}"
        row |= {f"csim {name}": similar[place], f"rotation {name}": rotations[place]}
        row |= {f"landmark {name}": seen[place].landmark, f"aed {name}": expressions[place]}
    return row


def _similarity(one: _Seen, other: _Seen) -> float:
    if one.embedding is None or other.embedding is None:
        return float("nan")
    return float(identity_similarity(one.embedding, other.embedding))


def _expression(portrait: Portrait, one: _Seen, own: _Seen) -> float:
    if one.frame is None or own.frame is None:
        return float("nan")
    pair = (one.frame.expression[None], own.frame.expression[None])
    return float(average_expression_distance(*pair, portrait.head.expression_deviations)[0])


def report(rows: Sequence[Row], setup: Setup) -> Report:
    """Tables of the rows."""
    notes = (
        f"{len(rows)} portraits by {setup.name}, each from {len(RING)} sides: yaw to 35 and pitch to 15 degrees from"
        " the photo's own view, upright, with the photo's expression.",
        "Rotation and expression: the fit, with the photo's identity, against the asked camera and the photo's fit.",
        "Floor: the photo's mesh with the photo's colours, drawn from the same sides: what the fit itself is off by.",
        "Landmarks: seen in the view against those of the turned head; in brackets the photo's own in their place.",
    )
    header = ("yaw, pitch", *[measure.title for measure in MEASURES if measure.key in _BY_VIEW], "rotation, floor")
    cells = []
    for yaw, pitch in RING:
        values = [numbers(rows, f"{key} {yaw:+g} {pitch:+g}") for key in _BY_VIEW]
        digits = [measure.digits for measure in MEASURES if measure.key in _BY_VIEW]
        texts = [
            format_number(float(np.median(each)) if each else None, count)
            for each, count in zip(
                [*values, numbers(rows, f"rotation {yaw:+g} {pitch:+g}_floor")], [*digits, 2], strict=True
            )
        ]
        cells.append((f"{yaw:+g}, {pitch:+g}", *texts))
    return Report(
        title="Free view",
        notes=notes,
        tables=(
            summary_table(rows, [_with_floor(measure, rows) for measure in MEASURES]),
            Table(title="Medians by view", header=header, rows=tuple(cells)),
            item_table(rows, MEASURES, title="Portraits"),
        ),
        rows=tuple(rows),
    )


def _with_floor(measure: Measure, rows: Sequence[Row]) -> Measure:
    found = numbers(rows, f"{measure.key}_floor")
    return replace(measure, floor=float(np.median(found))) if len(found) else measure


_BY_VIEW = ("csim", "rotation", "rotation_read", "landmark", "aed")  # in the order of MEASURES


def outline(report: Report, setup: Setup, folder: Path) -> Outline:
    """What of the report is plotted and shown."""
    return Outline(
        measures=tuple(measure for measure in reversed(MEASURES) if measure.key != "missed"),
        methods={"": setup.name},
        sheets={str(row["item"]): (folder / SHEETS / f"{row['item']}.jpg",) for row in report.rows},
    )
