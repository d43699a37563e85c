"""The page of `likeness report`: verdict, table, curves of asked and achieved, worst frames; and the frames' table."""

import csv
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from likeness.evaluation.agreement import Agreement
from likeness.evaluation.html_page import Section, embedded, notes, page, table
from likeness.evaluation.material import read_clip
from likeness.evaluation.report import format_number
from likeness.evaluation.svg_plots import line_plot
from likeness.media.sheet import SheetStyle, contact_sheet

CELL = 224  # pixels
_UNITS = {"lids": "lid gap / eye width"}  # of curves; all others are degrees


def page_of(video: Path, found: Agreement, worst: Sequence[int]) -> str:
    """The HTML of a comparison; `worst` are frames of the video that are shown."""
    seen = int(found.seen.sum())
    lines = [
        f"{video.name}: {len(found.times)} frames, a face is found in {seen}.",
        "Error: median over the frames, as it stands. Movement missed: error without the constant difference, as a"
        " share of that of a result that stands still (a dash: too little was asked to tell). Gain: slope of achieved"
        " on asked. Floor: what the tracker is off by on heads that were drawn with known parameters.",
        "Curves: thin bars mark frames without a face.",
    ]
    sections = [
        Section(title="", body=f'<p class="verdict">{escape(found.verdict)}</p>{notes(lines)}'),
        Section(title="Asked and achieved", body=_quantities(found)),
        Section(title="Asked beyond what pictures bear", body=notes(found.warnings) if found.warnings else ""),
        Section(title="Curves", body=_curves(found)),
        Section(title="Worst rotation in each part of the clip", body=_sheet(video, found, worst)),
    ]
    return page(f"Asked versus achieved: {video.name}", [entry for entry in sections if entry.body])


def frames_table(found: Agreement) -> str:
    """One line per frame as CSV: time, whether a face is seen, errors, asked and achieved curves."""
    columns = ["frame", "seconds", "seen", *[f"{entry.name} error" for entry in found.quantities]]
    columns += [f"{name} {side}" for name in found.curves for side in ("asked", "achieved")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for index, time in enumerate(found.times):
        numbers = [entry.error[index] for entry in found.quantities]
        numbers += [curve[index] for pair in found.curves.values() for curve in pair]
        cells = ["" if np.isnan(value) else f"{value:.5g}" for value in numbers]
        writer.writerow([index, f"{time:.4f}", int(found.seen[index]), *cells])
    return text.getvalue()


def _quantities(found: Agreement) -> str:
    rows = []
    for entry in found.quantities:
        errors = entry.error[np.isfinite(entry.error)]
        high = float(np.quantile(errors, 0.9)) if len(errors) else None
        share = "-" if np.isnan(entry.share) else f"{100 * entry.share:.0f} %"
        rows.append(
            (
                f"{entry.name}, {entry.unit}",
                format_number(entry.median, entry.digits),
                format_number(high, entry.digits),
                share,
                format_number(entry.gain, 2),
                format_number(entry.floor, entry.digits),
                "yes" if entry.is_good else "no",
            )
        )
    asked, achieved = found.jitter
    jitter = ("jitter above 6 Hz, degrees", format_number(achieved, 3), "", "", "", f"asked {asked:.3f}", "")
    header = ("quantity", "error", "90 %", "movement missed", "gain", "floor", "follows")
    return table(header, [*rows, jitter])


def _curves(found: Agreement) -> str:
    missing = found.times[~found.seen].tolist()
    plots = [
        line_plot(
            f"{name}, {_UNITS.get(name, 'degrees')}", found.times, {"asked": asked, "achieved": achieved},
            x_title="seconds", marks=missing,
        )
        for name, (asked, achieved) in found.curves.items()
    ]  # fmt: skip
    errors = {f"{entry.name}, {entry.unit}": entry for entry in found.quantities[:2]}
    plots += [
        line_plot(f"error: {name}", found.times, {"achieved": entry.error, "standing still": entry.still},
                  x_title="seconds", marks=missing)
        for name, entry in errors.items()
    ]  # fmt: skip
    return "".join(plots) if found.curves else ""


def _sheet(video: Path, found: Agreement, worst: Sequence[int]) -> str:
    pictures = list(read_clip(video, worst))
    error = found.quantities[0].error
    captions = [f"{found.times[index]:.2f} s, off by {format_number(float(error[index]), 1)}" for index in worst]
    sheet = contact_sheet(
        [pictures], column_captions=captions, style=SheetStyle(cell_width=CELL, cell_height=CELL, font_size=13)
    )
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, format="JPEG", quality=88)
    return embedded(content.getvalue(), "image/jpeg", "frames of the result, and their rotation error in degrees")
