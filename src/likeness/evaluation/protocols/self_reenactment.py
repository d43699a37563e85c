"""Self-reenactment: a clip's first frame is the photo, the clip drives it with absolute motion and is the truth."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from likeness.errors import InputError
from likeness.evaluation.comparison import score_against_real, sized_like
from likeness.evaluation.controls import BLUR_SUFFIX, TITLES, WARP_SUFFIX, with_blurred
from likeness.evaluation.detail_tables import detail_tables, fid_table
from likeness.evaluation.details import DETAIL_FRAMES
from likeness.evaluation.frechet import Features, read_features
from likeness.evaluation.html_report import Outline
from likeness.evaluation.material import clip_paths, missing_items, read_clip, sample_pairs
from likeness.evaluation.moments import Moments, moments_of
from likeness.evaluation.outside import ERROR, Outside, as_outside, find_clip
from likeness.evaluation.report import (
    BASELINE_SUFFIX,
    BASELINE_TITLE,
    Measure,
    Report,
    Table,
    item_table,
    summary_table,
)
from likeness.evaluation.results import Item, Row, Watch, numbers, quietly, run_items
from likeness.evaluation.runner import Image, Setup, open_subject, render_clip
from likeness.files import made_folder

NAME = "self"
SHEETS = "self_sheets"  # folder of the pictures, CLIP.jpg
TOLERATED_LOSS = 0.2  # dB below copying that still counts as equal

MEASURES = (
    Measure(key="landmark", title="landmark error, % of outer-eye distance", most=1.4),
    Measure(key="face_psnr", title="face PSNR, dB"),
    Measure(key="psnr_gain", title="face PSNR above copying, dB", least=3.8),
    Measure(key="face_ssim", title="face SSIM", digits=3),
    Measure(key="pose", title="head rotation error, degrees"),
    Measure(key="mouth_error", title="mouth opening error, of face height", digits=4),
    Measure(key="eye_error", title="lid aperture error, of eye width", digits=4),
    Measure(key="flicker", title="inter-frame change / the real clip's", least=0.6, most=1.3),
    Measure(key="missed", title="frames without a detected face", digits=0, most=0.0),
)


def run(setup: Setup, folder: Path, watch: Watch = quietly) -> Report:
    """Measures every clip (the first `limit` of them), keeping its rows and a sheet of its frames in `folder`.

    Raises:
        OutputError: the folder cannot be written to.
    """
    rows = run_items(items(setup, folder), folder / f"{NAME}.jsonl", setup.settings, watch, setup.measure_items)
    kept = [folder / SHEETS / f"{row['item']}.npz" for row in rows if "error" not in row]
    return report(rows, setup, read_features(kept) if setup.networks.inception is not None else {})


def items(setup: Setup, folder: Path) -> list[Item]:
    """What `run` measures: the clips, and a failure for each that the manifest names and is not there."""
    clips = clip_paths(setup.data)[: setup.limit]
    sheets = made_folder(folder / SHEETS)
    found = [Item(name=clip.stem, measure=partial(measure_clip, setup, clip, sheets)) for clip in clips]
    return found + missing_items(setup.data, "videos", clips, is_cut=setup.limit is not None)


def measure_clip(setup: Setup, clip: Path, sheets: Path | None = None) -> Row:
    """The row of one clip: at most `frames` frames in neighbouring pairs, spread over it.

    Pictures, and features where there is a network for them, are kept in the folder `sheets`.
    """
    photo = next(read_clip(clip))
    subject = open_subject(setup.pieces, photo)
    motion = setup.pieces.track_video(clip, 0)
    if len(motion) < 2:
        raise InputError(f"{clip} has a single frame: nothing moves in it")
    indices = sample_pairs(len(motion), setup.frames)
    moments = Moments(indices=moments_of(indices))
    features = None if setup.networks.inception is None else Features(network=setup.networks.inception)
    generated = render_clip(setup.pieces, subject, motion, mode="absolute", indices=indices)
    controls: dict[str, Iterator[Image]] = {}
    if setup.controls is setup.pieces:
        generated, controls[BLUR_SUFFIX] = with_blurred(generated)
    elif setup.controls is not None:
        other = open_subject(setup.controls, photo)
        warped = render_clip(setup.controls, other, motion, mode="absolute", indices=indices)
        controls[WARP_SUFFIX], controls[BLUR_SUFFIX] = with_blurred(warped)
    truth = (sized_like(frame, subject.image) for frame in read_clip(clip, indices))
    row = score_against_real(
        generated, truth, indices, controls=controls, networks=setup.networks, moments=moments, features=features
    )
    for method in setup.outside:
        row |= _outside_row(setup, method, clip, indices, subject.image, moments, features)
    copied = row["face_psnr_copy"]
    for suffix in ("", *controls, *[method.suffix for method in setup.outside], "_copy"):
        psnr = row.get(f"face_psnr{suffix}")
        if isinstance(psnr, float) and isinstance(copied, float):
            row[f"psnr_gain{suffix}"] = psnr - copied
    if sheets is not None:
        moments.write(sheets / f"{clip.stem}.jpg", titles(setup))
        if features is not None:
            features.write(sheets / f"{clip.stem}.npz")
    return row


def outline(report: Report, setup: Setup, folder: Path) -> Outline:
    """What of the report is plotted and shown."""
    shown = ("landmark", "face_psnr", "face_ssim", "pose", "mouth_error", "eye_error", "flicker")
    return Outline(
        measures=tuple(measure for measure in MEASURES if measure.key in shown),
        methods=titles(setup),
        sheets={str(row["item"]): folder / SHEETS / f"{row['item']}.jpg" for row in report.rows},
    )


def titles(setup: Setup) -> dict[str, str]:
    """What the suffixes of measures stand for, the renderer's own first."""
    outside = {method.suffix: method.name for method in setup.outside}
    return {"": setup.name, **outside, **TITLES}


def _outside_row(
    setup: Setup,
    method: Outside,
    clip: Path,
    indices: Sequence[int],
    photo: Image,
    moments: Moments,
    features: Features | None,
) -> Row:
    """The measures of another program's frames of this clip, those that are there."""
    try:
        found = find_clip(method, clip.stem)
        have = [index for index in indices if found.has(index)]
        if len(have) < 2:
            raise InputError(f"{method.name} has {len(have)} of the {len(indices)} frames of {clip.stem} that count")
        kept = Moments(indices=moments.indices)
        truth = (sized_like(frame, photo) for frame in read_clip(clip, have))
        own = None if features is None else Features(network=features.network)
        row = score_against_real(found.read(have), truth, have, networks=setup.networks, moments=kept, features=own)
    except InputError as error:
        return {f"{ERROR}{method.suffix}": str(error)}
    if features is not None and own is not None:
        features.rows[method.suffix] = own.rows[""]
    for index, pictures in kept.pictures.items():
        moments.keep(index, None, {method.suffix: pictures[""]})
    return as_outside(row, method, [index for index in indices if index not in set(have)])


def report(rows: Sequence[Row], setup: Setup, features: Mapping[str, np.ndarray] = MappingProxyType({})) -> Report:
    """Tables of the rows; `features` as from `frechet.read_features`."""
    beside = {suffix: title for suffix, title in titles(setup).items() if suffix}
    notes = (
        f"{len(rows)} clips; each first frame is the photo, its clip drives it with absolute motion and is the truth.",
        f"About {setup.frames} frames per clip, in neighbouring pairs; medians over frames, then over clips.",
        "Landmarks by MediaPipe, independent of the fit; pixel measures in the real face's box with 10 % margin.",
        f"Regions, background, fit and networks: at most {DETAIL_FRAMES} of these frames, spread over the clip.",
        "In brackets: copying the first frame.",
    )
    return Report(
        title="Self-reenactment",
        notes=notes,
        tables=(
            summary_table(rows, MEASURES, controls=beside),
            *detail_tables(rows, beside, networks=setup.networks),
            fid_table(features, {**titles(setup), BASELINE_SUFFIX: BASELINE_TITLE}),
            _shares(rows),
            item_table(rows, MEASURES, title="Clips"),
        ),
        rows=tuple(rows),
    )


def _shares(rows: Sequence[Row]) -> Table:
    gains = numbers(rows, "psnr_gain")
    share = sum(gain >= -TOLERATED_LOSS for gain in gains) / max(len(rows), 1)
    cells = (
        f"clips at most {TOLERATED_LOSS} dB below copying in face PSNR",
        f"{100 * share:.0f} %",
        "100 %",
        ">= 90 %",
        "yes" if share >= 0.9 else "no",
    )
    header = ("share", "value", "copying the first frame", "wanted", "reached")
    return Table(title="Better than or equal to copying", header=header, rows=(cells,))
