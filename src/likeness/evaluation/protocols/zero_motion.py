"""Zero motion: the photo's own pose and expression must give the photo back."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from likeness.evaluation.material import missing_items, portrait_paths, read_photo
from likeness.evaluation.metrics import mean_difference
from likeness.evaluation.report import Measure, Report, item_table, summary_table
from likeness.evaluation.results import Item, Row, Watch, quietly, run_items
from likeness.evaluation.runner import Setup, open_subject, render_rest

NAME = "zero"
MEASURES = (Measure(key="difference", title="mean absolute difference, of 255", digits=4, most=0.1),)


def run(setup: Setup, folder: Path, watch: Watch = quietly) -> Report:
    """Measures every portrait (the first `limit` of them), keeping its rows in `folder`."""
    rows = run_items(items(setup), folder / f"{NAME}.jsonl", dict(setup.renderer), watch, setup.measure_items)
    return report(rows)


def items(setup: Setup) -> list[Item]:
    """What `run` measures: the portraits, and a failure for each that the manifest names and is not there."""
    photos = portrait_paths(setup.data)[: setup.limit]
    found = [Item(name=photo.stem, measure=partial(measure_photo, setup, photo)) for photo in photos]
    return found + missing_items(setup.data, "portraits", photos, is_cut=setup.limit is not None)


def measure_photo(setup: Setup, photo: Path) -> Row:
    """The row of one portrait."""
    subject = open_subject(setup.pieces, read_photo(photo))
    rendered = render_rest(setup.pieces, subject)
    return {"difference": mean_difference(rendered, subject.image), "difference_copy": 0.0}


def report(rows: Sequence[Row]) -> Report:
    """Tables of the rows."""
    failed = sum("error" in row for row in rows)
    notes = (f"{len(rows)} portraits, of which {failed} could not be prepared (see their rows); whole pictures.",)
    return Report(
        title="Zero motion",
        notes=notes,
        tables=(summary_table(rows, MEASURES), item_table(rows, MEASURES, title="Portraits")),
        rows=tuple(rows),
    )
