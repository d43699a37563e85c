"""Edits: asked head rotations are measured again on the picture, and every named control must move what it names."""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from likeness.evaluation import face_measures
from likeness.evaluation.control_measures import OUT, QUANTITIES, leak, naming_of, quantities_of
from likeness.evaluation.html_report import Outline
from likeness.evaluation.image_motion import optical_displacement
from likeness.evaluation.landmark_reader import LandmarkReader
from likeness.evaluation.material import PORTRAITS, portrait_paths, read_photo
from likeness.evaluation.moments import small
from likeness.evaluation.report import Measure, Report, Table, item_table, summary_table
from likeness.evaluation.results import Item, Row, Watch, numbers, quietly, run_items
from likeness.evaluation.runner import Setup, Subject, open_subject, render_edits, render_rest
from likeness.files import made_folder
from likeness.geometry.rotation import geodesic_angle, matrix_from_yaw_pitch_roll, yaw_pitch_roll_from_matrix
from likeness.heads.builtin import builtin_head
from likeness.media.images import write_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.edit import HeadEdit

NAME = "edits"
SHEETS = "edits_sheets"  # folder of the pictures, PHOTO.jpg
POSE_ITEM = "pose"
TURNS = {"yaw": (15.0, -15.0), "pitch": (10.0, -10.0), "roll": (10.0, -10.0)}  # degrees
GAZES = {"gaze_yaw": (15.0, -15.0), "gaze_pitch": (10.0, -10.0)}
UNIT_EDITS = {
    "yaw": HeadEdit(yaw=1.0),
    "pitch": HeadEdit(pitch=1.0),
    "roll": HeadEdit(roll=1.0),
    "gaze_yaw": HeadEdit(gaze_yaw=1.0),
    "gaze_pitch": HeadEdit(gaze_pitch=1.0),
}
YAW_TOLERANCE = 2.5  # degrees
CONTROL_PART = 0.8  # of a control's whole range is asked
LEAST_MOVEMENT = 0.5  # percent of the outer-eye distance; less is within the landmarks' noise
DEPTH_YAW = 20.0  # degrees: what moves along the view is measured on a turned head, against the turned head at rest
FLOW = "flow:"  # begins the names of quantities measured by optical flow
WANTED_LEAK = 0.10  # of the named movement


class EditScorer:
    """Keeps the photo at hand, its picture at rest and that picture's landmarks; open with `with`."""

    def __init__(self, setup: Setup):
        self.setup = setup
        self.reader = LandmarkReader()
        self.subject = lru_cache(maxsize=1)(self._open_subject)

    def __enter__(self) -> "EditScorer":
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.__exit__()

    def measure_pose(self, photo: Path, sheets: Path | None = None) -> Row:
        """Head rotations and gazes: what was asked against what is seen; their pictures are kept in `sheets`."""
        subject, rest_picture, rest = self.subject(photo)
        pictures = [small(rest_picture)]
        names = [(kind, angle) for kind, angles in (TURNS | GAZES).items() for angle in angles]
        edits = [UNIT_EDITS[kind].scaled(angle) for kind, angle in names]
        row: Row = {}
        for (kind, angle), picture in zip(names, render_edits(self.setup.pieces, subject, edits), strict=True):
            seen = self.reader.read_still(picture)
            pictures.append(small(picture))
            name = f"{kind}{angle:+.0f}"
            if kind in TURNS:
                row |= _turn_measures(subject, rest, seen, kind, angle, name)
            else:
                axis = 0 if kind == "gaze_yaw" else 1
                shift = face_measures.gaze(seen)[axis] - face_measures.gaze(rest)[axis]
                row |= {f"{name} shift": float(shift * np.sign(angle)), f"{name} shift_copy": 0.0}
        if sheets is not None:
            captions = ["at rest", *[f"{kind.replace('_', ' ')} {angle:+.0f}" for kind, angle in names]]
            height, width = pictures[0].shape[:2]
            style = SheetStyle(cell_width=width, cell_height=height)
            sheet = contact_sheet([pictures], column_captions=captions, style=style)
            write_image(sheets / f"{photo.stem}.jpg", sheet, overwrite=True)
        return row

    def measure_control(self, photo: Path, control: str, value: float) -> Row:
        """All quantities under one control, by landmarks seen again and by the flow of the picture."""
        subject, rest_picture, rest = self.subject(photo)
        naming = naming_of(control)
        yaw = DEPTH_YAW if naming is not None and naming.quantity.axis == OUT else 0.0
        edits = [HeadEdit(yaw=yaw, controls={control: value}), *([HeadEdit(yaw=yaw)] if yaw else [])]
        picture, *turned = render_edits(self.setup.pieces, subject, edits)
        if turned:
            rest_picture, rest = turned[0], self.reader.read_still(turned[0])
        seen = quantities_of(face_measures.displacement(rest, self.reader.read_still(picture)))
        flow = quantities_of(optical_displacement(rest_picture, picture, rest))
        row: Row = {f"{FLOW} {name}": value for name, value in flow.items()}
        return row | seen

    def _open_subject(self, photo: Path) -> tuple[Subject, np.ndarray, np.ndarray]:
        """The photo made ready, its picture at rest, and that picture's landmarks."""
        subject = open_subject(self.setup.pieces, read_photo(photo))
        picture = render_rest(self.setup.pieces, subject)
        return subject, picture, self.reader.read_still(picture)


def _turn_measures(subject: Subject, rest: np.ndarray, seen: np.ndarray, kind: str, angle: float, name: str) -> Row:
    """The rotation since rest in the head's own axes: its asked component, and how far the whole of it is off."""
    rotation_cam_head = subject.portrait.rest.T_cam_head.rotation
    turned = rotation_cam_head.T @ face_measures.head_rotation(rest, seen) @ rotation_cam_head
    part = list(TURNS).index(kind)
    angles = [angle if other == kind else 0.0 for other in TURNS]
    asked = matrix_from_yaw_pitch_roll(*np.radians(angles).tolist())
    component = float(np.degrees(yaw_pitch_roll_from_matrix(turned)[part]))
    return {
        f"{name} seen": component,
        f"{name} error": abs(component - angle),
        f"{name} error_copy": abs(angle),
        f"{name} off": float(np.degrees(geodesic_angle(turned[None], asked[None]))[0]),
        f"{name} off_copy": abs(angle),
    }


def run(setup: Setup, folder: Path, watch: Watch = quietly) -> Report:
    """Measures the portraits (the first `limit` of them) under all edits, keeping the rows in `folder`."""
    with EditScorer(setup) as scorer:
        settings = {"part": CONTROL_PART, **setup.renderer}
        rows = run_items(items(scorer, folder), folder / f"{NAME}.jsonl", settings, watch, setup.measure_items)
    return report(rows, [name for name, _ in asked_controls()])


def items(scorer: EditScorer, folder: Path) -> list[Item]:
    """What `run` measures, one portrait after the other: its turns and gazes, then each control."""
    found, sheets = [], made_folder(folder / SHEETS)
    for photo in portrait_paths(scorer.setup.data, PORTRAITS)[: scorer.setup.limit]:
        found.append(Item(name=f"{photo.stem}/{POSE_ITEM}", measure=partial(scorer.measure_pose, photo, sheets)))
        found += [
            Item(name=f"{photo.stem}/{name}", measure=partial(scorer.measure_control, photo, name, value))
            for name, value in asked_controls()
        ]
    return found


def asked_controls() -> list[tuple[str, float]]:
    """Every named control, and what is asked of it."""
    return [(control.name, CONTROL_PART * control.maximum) for control in builtin_head().controls]


def report(rows: Sequence[Row], controls: Sequence[str]) -> Report:
    """Tables of the rows."""
    poses, errors = _pose_rows(rows), turn_measures()
    gazes = tuple(
        Measure(key=f"{kind}{angle:+.0f} shift", title=f"{kind}{angle:+.0f}: iris shift, eye widths", digits=3)
        for kind, angles in GAZES.items()
        for angle in angles
    )
    notes = (
        f"{len(poses)} portraits; rotations seen by MediaPipe against the picture at rest, in the head's axes.",
        f"Every control at {CONTROL_PART} of its range; movements are medians over the portraits, in percent of the"
        " outer-eye distance, pose and scale removed. Copying the photo moves nothing.",
        "What a control names is measured by landmarks seen again and by optical flow; the larger median counts,"
        " because landmarks miss cheeks and flow misses what lids and lips uncover.",
        f"What moves forward cannot be seen from the front: such a control is measured on a head turned by"
        f" {DEPTH_YAW:.0f} degrees, against the head turned alike.",
        "Elsewhere: the largest movement of a quantity of another region, by flow (a face's landmarks are coupled).",
    )
    per_portrait = tuple(measure for measure in errors if measure.key.endswith(" error"))
    return Report(
        title="Edits",
        notes=notes,
        tables=(
            summary_table(poses, (*errors, *gazes), title="Asked and seen"),
            control_table(rows, controls),
            item_table(poses, per_portrait, title="Portraits"),
        ),
        rows=tuple(rows),
    )


def turn_measures() -> tuple[Measure, ...]:
    """How far each asked turn is off."""
    return tuple(
        Measure(key=f"{name} {part}", title=f"{name}: {title}", most=YAW_TOLERANCE if name.startswith("yaw") else None)
        for name in [f"{kind}{angle:+.0f}" for kind, angles in TURNS.items() for angle in angles]
        for part, title in (("error", "error, degrees"), ("off", "whole rotation off, degrees"))
    )


def outline(report: Report, setup: Setup, folder: Path) -> Outline:
    """What of the report is plotted and shown: the turns; the table tells of the controls."""
    poses = _pose_rows(report.rows)
    return Outline(
        measures=tuple(measure for measure in turn_measures() if measure.key.endswith(" off")),
        methods={"": setup.name},
        sheets={str(row["item"]): (folder / SHEETS / f"{str(row['item']).split('/')[0]}.jpg",) for row in poses},
        rows=tuple(poses),
    )


def _pose_rows(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if str(row["item"]).endswith(f"/{POSE_ITEM}")]


def control_table(rows: Sequence[Row], controls: Sequence[str]) -> Table:
    """For every control: what it names, how far that moved, and the largest movement elsewhere."""
    header = (
        "control", "names", "by landmarks, %", "by flow, %", "in its direction", "elsewhere, %", "where",
        "elsewhere / moved", "reached", "copying the photo",
    )  # fmt: skip
    cells = []
    for control in controls:
        members = [row for row in rows if str(row["item"]).endswith(f"/{control}")]
        cells.append((control, *(_control_cells(control, members) or ("not measured", *[""] * (len(header) - 2)))))
    return Table(title="Named controls", header=header, rows=tuple(cells))


def _control_cells(control: str, members: Sequence[Row]) -> tuple[str, ...] | None:
    """The cells of one control after its name; None if nothing is known about it."""
    naming = naming_of(control)
    if naming is None or not numbers(members, QUANTITIES[0].name):
        return None
    name, direction = naming.quantity.name, naming.direction
    seen = direction * float(np.median(numbers(members, name)))
    flowed = direction * float(np.median(numbers(members, f"{FLOW} {name}")))
    elsewhere, where = leak(
        naming, {q.name: float(np.median(numbers(members, f"{FLOW} {q.name}"))) for q in QUANTITIES}
    )
    moved = max(seen, flowed)
    followed = [direction * value > 0 for value in numbers(members, name if seen >= flowed else f"{FLOW} {name}")]
    is_measurable = moved >= LEAST_MOVEMENT
    return (
        name,
        f"{seen:.2f}",
        f"{flowed:.2f}",
        f"{sum(followed)} of {len(followed)}",
        f"{elsewhere:.2f}",
        where,
        f"{100 * elsewhere / moved:.0f} %" if is_measurable else "-",
        "yes" if is_measurable and elsewhere <= WANTED_LEAK * moved else "no",
        "0.00",
    )
