"""First-frame invariance: a clip that begins some frames later must move the portrait just the same."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from likeness.evaluation.comparison import (
    POSE_REFERENCES,
    read_performance,
    score_against_driver,
    spread,
    still_performance,
)
from likeness.evaluation.material import (
    CROSS_CLIPS,
    FIRST_FRAME_PORTRAITS,
    clip_paths,
    portrait_paths,
    read_clip,
    read_photo,
)
from likeness.evaluation.report import Report, Table, format_number
from likeness.evaluation.results import Item, Row, Watch, numbers, quietly, run_items
from likeness.evaluation.runner import Setup, open_subject, render_clip

NAME = "first_frame"
STARTS = 10  # evenly spaced over the first half of the clip; compared on frames of its second half
FRAMES = 30  # of the second half
WANTED_SPREAD = 0.10  # largest less smallest median over the starts, relative to their median
KEYS = {
    "pose": "relative head rotation error, degrees",
    "mouth_gain": "mouth-opening gain",
    "mouth_correlation": "mouth-opening correlation",
    "eye_gain": "lid gain",
}


def run(setup: Setup, folder: Path, watch: Watch = quietly) -> Report:
    """Measures the pairs of the chosen portraits and clips from every start, keeping their rows in `folder`."""
    count = len(FIRST_FRAME_PORTRAITS[: setup.limit])
    settings = {"portraits": count, **setup.renderer}
    rows = run_items(items(setup), folder / f"{NAME}.jsonl", settings, watch, setup.measure_items)
    return report(rows, count)


def items(setup: Setup) -> list[Item]:
    """What `run` measures: the clips."""
    photos = portrait_paths(setup.data, FIRST_FRAME_PORTRAITS)[: setup.limit]
    return [
        Item(name=clip.stem, measure=partial(measure_clip, setup, photos, clip))
        for clip in clip_paths(setup.data, CROSS_CLIPS)
    ]


def measure_clip(setup: Setup, photos: Sequence[Path], clip: Path) -> Row:
    """The row of one clip: every measure for every portrait and start, and of the copied photo."""
    whole = setup.pieces.track_video(clip, 0)
    half = len(whole) // 2
    chosen = tuple(half + place for place in spread(len(whole) - half, FRAMES))
    driver = read_performance(read_clip(clip, chosen), len(chosen), None)
    subjects = [open_subject(setup.pieces, read_photo(photo)) for photo in photos]
    references = spread(len(chosen), POSE_REFERENCES)
    row: Row = {}
    for number, photo in enumerate(photos):
        copied = score_against_driver(
            still_performance(subjects[number].image, len(chosen), None), driver, None, references=references
        )
        row |= {f"{key}/{photo.stem}/copy": copied[key] for key in KEYS}
    for start_number, start in enumerate(starts(half)):
        motion = whole if start == 0 else setup.pieces.track_video(clip, start)
        for photo, subject in zip(photos, subjects, strict=True):
            indices = [index - start for index in chosen]
            frames = render_clip(setup.pieces, subject, motion, mode="default", indices=indices)
            made = read_performance(frames, len(chosen), None)
            scored = score_against_driver(made, driver, None, references=references)
            row |= {f"{key}/{photo.stem}/{start_number}": scored[key] for key in KEYS}
    return row


def starts(half: int) -> tuple[int, ...]:
    """The frames at which the clip is made to begin."""
    return tuple(round(half * number / STARTS) for number in range(STARTS))


def report(rows: Sequence[Row], num_portraits: int) -> Report:
    """Tables of the rows."""
    header = (
        "measure",
        *[f"start {number}" for number in range(STARTS)],
        "spread",
        "wanted",
        "reached",
        "copying the photo",
    )
    cells = []
    for key, title in KEYS.items():
        medians = [_median(rows, key, str(number)) for number in range(STARTS)]
        width = (max(medians) - min(medians)) / max(abs(float(np.median(medians))), 1e-9)
        values = [format_number(value, 3) for value in medians]
        reached = "yes" if width < WANTED_SPREAD else "no"
        copied = format_number(_median(rows, key, "copy"), 3)
        cells.append((title, *values, f"{100 * width:.1f} %", f"< {100 * WANTED_SPREAD:.0f} %", reached, copied))
    notes = (
        f"{len(rows)} clips begun at {STARTS} frames of their first half, {num_portraits} portraits,"
        f" compared on {FRAMES} frames of the second half.",
        "Medians over clips and portraits for each start; spread: largest less smallest, relative to their median.",
    )
    table = Table(title="Median result by start", header=header, rows=tuple(cells))
    return Report(title="First-frame invariance", notes=notes, tables=(table,), rows=tuple(rows))


def _median(rows: Sequence[Row], key: str, start: str) -> float:
    """Over all clips and portraits, of one measure from one start."""
    values = [
        value
        for row in rows
        for name in row
        if name.startswith(f"{key}/") and name.endswith(f"/{start}")
        for value in numbers([row], name)
    ]
    return float(np.median(values)) if values else float("nan")
