"""Beside published outputs: our renderer on the same photo and driving clip, everything scored by the same code.

A pair is a folder with `source.png`, `driving.mp4` and one clip per published method, frame-aligned with the driver.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np

from likeness.errors import InputError
from likeness.evaluation import face_measures
from likeness.evaluation.comparison import (
    POSE_REFERENCES,
    Performance,
    read_performance,
    score_against_driver,
    score_against_real,
    spread,
)
from likeness.evaluation.html_report import Outline
from likeness.evaluation.identity import Embedder, is_available, load_embedder
from likeness.evaluation.keepers import TRUTH, passing
from likeness.evaluation.material import count_frames, read_clip
from likeness.evaluation.moments import Moments, moments_of
from likeness.evaluation.moving import SIDE as MOVING_SIDE
from likeness.evaluation.moving import moving_of, write_moving
from likeness.evaluation.protocols.cross_reenactment import embed_still
from likeness.evaluation.report import BASELINE_SUFFIX, BASELINE_TITLE, Measure, Report, Table, format_number
from likeness.evaluation.results import Item, Row, Watch, numbers, quietly, run_items
from likeness.evaluation.runner import Image, Mode, Setup, open_subject, render_clip
from likeness.files import made_folder
from likeness.media.images import read_image, write_image
from likeness.media.sheet import SheetStyle, contact_sheet

NAME = "peers"
OURS = "likeness"
COPY = BASELINE_TITLE
SHEETS = "peers_pictures"  # folder of the pictures, PAIR_METHOD.jpg, and of ours moving, PAIR.webp
_SHOWN_FPS = 25.0
SHEET_MOMENTS = 6
_SAME_PERSON = re.compile(r".*_1[a-z]$")  # such folders hold a clip of the person in the photo: the driver is the truth

SAME_MEASURES = (
    Measure(key="landmark", title="landmark error, %"),
    Measure(key="face_psnr", title="face PSNR, dB", digits=1),
    Measure(key="face_ssim", title="face SSIM"),
    Measure(key="pose", title="pose, degrees"),
    Measure(key="mouth_error", title="mouth error", digits=4),
    Measure(key="eye_error", title="eye error", digits=4),
    Measure(key="flicker", title="flicker"),
    Measure(key="missed", title="missed", digits=0),
)
CROSS_MEASURES = (
    Measure(key="pose_first", title="relative pose, degrees (since the first frame)", digits=1),
    Measure(key="pose", title=f"the same, since {POSE_REFERENCES} frames", digits=1),
    Measure(key="mouth_correlation", title="mouth correlation"),
    Measure(key="mouth_gain", title="mouth gain"),
    Measure(key="eye_correlation", title="eye correlation"),
    Measure(key="gaze_gain", title="gaze gain"),
    Measure(key="identity_source", title="identity to source"),
    Measure(key="identity_driver", title="identity to driver"),
    Measure(key="missed", title="missed", digits=0),
)


_SHOWN = (  # pairs of one person have some of them, pairs of two the others
    Measure(key="pose", title="head rotation, degrees"),
    *[measure for measure in SAME_MEASURES if measure.key in ("landmark", "face_psnr", "face_ssim", "mouth_error")],
    *[measure for measure in CROSS_MEASURES if measure.key in ("mouth_correlation", "gaze_gain", "identity_source")],
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One photo, one driving clip, and what others made of them."""

    name: str
    source: Path
    driving: Path
    published: tuple[Path, ...]

    @property
    def is_same_person(self) -> bool:
        """Whether the driving clip shows the person of the photo, and so is the truth."""
        return _SAME_PERSON.match(self.name) is not None

    @property
    def mode(self) -> Mode:
        """The motion that the pair asks for."""
        return "absolute" if self.is_same_person else "default"


def find_pairs(folder: Path) -> tuple[Pair, ...]:
    """The pairs in a folder of folders, in order; folders without a photo or a driving clip are passed over.

    Raises:
        InputError: there is none.
    """
    pairs = []
    for place in sorted(folder.glob("*/")):
        source, driving = place / "source.png", place / "driving.mp4"
        if source.is_file() and driving.is_file():
            published = tuple(path for path in sorted(place.glob("*.mp4")) if path != driving)
            pairs.append(Pair(name=place.name, source=source, driving=driving, published=published))
    if not pairs:
        raise InputError(f"{folder} holds no folder with source.png and driving.mp4: check --data")
    return tuple(pairs)


def run(setup: Setup, folder: Path, watch: Watch = quietly) -> Report:
    """Scores ours, all published outputs and copying on every pair (the first `limit`), all frames; rows in a file."""
    settings = {"identity": str(is_available()), **setup.renderer}
    rows = run_items(items(setup, folder), folder / f"{NAME}.jsonl", settings, watch, setup.measure_items)
    return report(rows, find_pairs(setup.data / "peers")[: setup.limit])


def items(setup: Setup, folder: Path) -> list[Item]:
    """What `run` measures: every method on one pair after the other.

    Raises:
        InputError: there is no pair.
    """
    embed = load_embedder() if is_available() else None
    sheets = made_folder(folder / SHEETS)
    return [
        Item(name=f"{pair.name}/{name}", measure=partial(measure_output, setup, pair, name, embed, sheets))
        for pair in find_pairs(setup.data / "peers")[: setup.limit]
        for name in (*[path.stem for path in pair.published], OURS, COPY)
    ]


def measure_output(setup: Setup, pair: Pair, name: str, embed: Embedder | None, sheets: Path | None = None) -> Row:
    """The row of one method's output: a published clip, ours, or the copied frame; pictures are kept in `sheets`."""
    count = count_frames(pair.driving)
    if name not in (OURS, COPY):
        count = min(count, count_frames(pair.source.parent / f"{name}.mp4"))
    kept = Moments(indices=moments_of(range(count))), Moments(indices=moving_of(range(count)), side=MOVING_SIDE)
    frames = passing(output_frames(setup, pair, name, range(count)), range(count), kept, "")
    row = _measured(pair, frames, count, embed)
    if sheets is not None and name != COPY:
        for index, picture in zip(range(count), read_clip(pair.driving, range(count)), strict=True):
            for keeper in kept:
                keeper.keep(index, picture, {})
        kept[0].write(sheets / f"{pair.name}_{name}.jpg", {TRUTH: "driving", "": name})
        if name == OURS:
            write_moving(kept[1], sheets / f"{pair.name}.webp", {TRUTH: "driving", "": name}, fps=_SHOWN_FPS)
    return row


def _measured(pair: Pair, frames: Iterator[Image], count: int, embed: Embedder | None) -> Row:
    if pair.is_same_person:
        row = score_against_real(frames, read_clip(pair.driving, range(count)), range(count))
        return {key: value for key, value in row.items() if not key.endswith("_copy")}
    driver = read_performance(read_clip(pair.driving, range(count)), count, embed)
    made = read_performance(frames, count, embed)
    source = None if embed is None else embed_still(read_image(pair.source), embed)
    row = score_against_driver(made, driver, source, references=spread(count, POSE_REFERENCES))
    first = _first_seen(made, driver)
    errors = face_measures.relative_pose_errors(made.landmarks, driver.landmarks, (first,))
    return row | {"pose_first": float(np.nanmedian(errors))}


def output_frames(setup: Setup, pair: Pair, name: str, indices: Sequence[int]) -> Iterator[Image]:
    """Frames of one method's output at the driving clip's moments."""
    if name == COPY:
        first = next(read_clip(pair.driving)) if pair.is_same_person else read_image(pair.source)
        return repeat(first, len(indices))
    if name != OURS:
        return read_clip(pair.source.parent / f"{name}.mp4", indices)
    subject = open_subject(setup.pieces, read_image(pair.source))
    motion = setup.pieces.track_video(pair.driving, 0)
    return render_clip(setup.pieces, subject, motion, mode=pair.mode, indices=indices)


def outline(report: Report, setup: Setup, folder: Path) -> Outline:
    """What of the report is plotted and shown: a row per pair, with all methods beside ours."""
    pairs = find_pairs(setup.data / "peers")[: setup.limit]
    published = dict.fromkeys(path.stem for pair in pairs for path in pair.published)
    suffixes = {OURS: "", COPY: BASELINE_SUFFIX, **{name: f"@{name}" for name in published}}
    rows: dict[str, Row] = {pair.name: {"item": pair.name} for pair in pairs}
    for row in report.rows:
        pair, _, name = str(row["item"]).partition("/")
        if pair in rows and name in suffixes:
            rows[pair] |= {f"{key}{suffixes[name]}": value for key, value in row.items() if key != "item"}
    sheets = folder / SHEETS
    return Outline(
        measures=_SHOWN,
        methods={"": OURS, **{f"@{name}": name for name in published}},
        sheets={
            pair.name: tuple(
                sheets / f"{pair.name}_{name}.jpg" for name in (OURS, *[each.stem for each in pair.published])
            )
            for pair in pairs
        },
        moving={pair.name: sheets / f"{pair.name}.webp" for pair in pairs},
        rows=tuple(rows.values()),
    )


def write_sheets(setup: Setup, folder: Path) -> tuple[Path, ...]:
    """One picture per pair, PAIR.png: the driving clip, ours and all published outputs side by side at some moments."""
    written = []
    for pair in find_pairs(setup.data / "peers")[: setup.limit]:
        names = [OURS, *[path.stem for path in pair.published]]
        count = min([count_frames(pair.driving), *[count_frames(path) for path in pair.published]])
        indices = tuple(np.linspace(0, count - 1, SHEET_MOMENTS).round().astype(int).tolist())
        columns = [list(read_clip(pair.driving, indices))]
        columns += [list(output_frames(setup, pair, name, indices)) for name in names]
        sheet = contact_sheet(
            list(zip(*columns, strict=True)),
            row_captions=[str(index) for index in indices],
            column_captions=["driving", *names],
            style=SheetStyle(cell_width=200, cell_height=200),
        )
        path = folder / f"{pair.name}.png"
        write_image(path, sheet, overwrite=True)
        written.append(path)
    return tuple(written)


def report(rows: Sequence[Row], pairs: Sequence[Pair]) -> Report:
    """One table of pairs with a truth, one of pairs without: a row per method, pairs side by side in the cells."""
    notes = (
        "The same photo and driving clip for every method; medians over all frames; the same scorer for all.",
        f"Cells: {' / '.join(pair.name for pair in pairs)}, as far as they belong to the table.",
        "StyleHEAT, ROME, HiDe-NeRF and OTAvatar crop the picture anew: pixel and landmark errors are unfair to them.",
    )
    same = [pair for pair in pairs if pair.is_same_person]
    cross = [pair for pair in pairs if not pair.is_same_person]
    tables = [
        _method_table(rows, members, measures, f"{title}: {' / '.join(pair.name for pair in members)}")
        for members, measures, title in (
            (same, SAME_MEASURES, "Same person"),
            (cross, CROSS_MEASURES, "Another person"),
        )
        if members
    ]
    return Report(title="Beside published outputs", notes=notes, tables=tuple(tables), rows=tuple(rows))


def _method_table(rows: Sequence[Row], pairs: Sequence[Pair], measures: Sequence[Measure], title: str) -> Table:
    published = dict.fromkeys(path.stem for pair in pairs for path in pair.published)
    by_item = {str(row["item"]): row for row in rows}
    cells = []
    for name in (OURS, *published, COPY):
        members = [by_item.get(f"{pair.name}/{name}") for pair in pairs]
        texts = [" / ".join(_cell(row, measure) for row in members) for measure in measures]
        cells.append((name, *texts))
    return Table(title=title, header=("method", *[measure.title for measure in measures]), rows=tuple(cells))


def _cell(row: Row | None, measure: Measure) -> str:
    values = numbers([row], measure.key) if row is not None else []
    return format_number(values[0] if values else None, measure.digits)


def _first_seen(made: Performance, driver: Performance) -> int:
    """The first frame in which both faces are found; 0 if there is none."""
    return int(np.argmax(np.isfinite(made.landmarks[:, 0, 0]) & np.isfinite(driver.landmarks[:, 0, 0])))
