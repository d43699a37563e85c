"""Self-reenactment: a clip's first frame is the photo, the clip drives it with absolute motion and is the truth."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from likeness.evaluation.comparison import score_against_real, sized_like
from likeness.evaluation.controls import BLUR_SUFFIX, TITLES, WARP_SUFFIX, with_blurred
from likeness.evaluation.material import clip_paths, read_clip, sample_pairs
from likeness.evaluation.report import Measure, Report, Table, item_table, summary_table
from likeness.evaluation.results import Item, Row, Watch, numbers, quietly, run_items
from likeness.evaluation.runner import Image, Setup, open_subject, render_clip

NAME = "self"
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
    """Measures every clip (the first `limit` of them), keeping its rows in `folder`."""
    clips = clip_paths(setup.data)[: setup.limit]
    items = [Item(name=clip.stem, measure=partial(measure_clip, setup, clip)) for clip in clips]
    return report(run_items(items, folder / f"{NAME}.jsonl", setup.settings, watch), setup)


def measure_clip(setup: Setup, clip: Path) -> Row:
    """The row of one clip: at most `frames` frames in neighbouring pairs, spread over it."""
    photo = next(read_clip(clip))
    subject = open_subject(setup.pieces, photo)
    motion = setup.pieces.track_video(clip, 0)
    indices = sample_pairs(len(motion), setup.frames)
    generated = render_clip(setup.pieces, subject, motion, mode="absolute", indices=indices)
    controls: dict[str, Iterator[Image]] = {}
    if setup.controls is setup.pieces:
        generated, controls[BLUR_SUFFIX] = with_blurred(generated)
    elif setup.controls is not None:
        other = open_subject(setup.controls, photo)
        warped = render_clip(setup.controls, other, motion, mode="absolute", indices=indices)
        controls[WARP_SUFFIX], controls[BLUR_SUFFIX] = with_blurred(warped)
    truth = (sized_like(frame, subject.image) for frame in read_clip(clip, indices))
    row = score_against_real(generated, truth, indices, controls=controls)
    copied = row["face_psnr_copy"]
    for suffix in ("", *controls, "_copy"):
        psnr = row[f"face_psnr{suffix}"]
        if isinstance(psnr, float) and isinstance(copied, float):
            row[f"psnr_gain{suffix}"] = psnr - copied
    return row


def report(rows: Sequence[Row], setup: Setup) -> Report:
    """Tables of the rows."""
    notes = (
        f"{len(rows)} clips; each first frame is the photo, its clip drives it with absolute motion and is the truth.",
        f"About {setup.frames} frames per clip, in neighbouring pairs; medians over frames, then over clips.",
        "Landmarks by MediaPipe, independent of the fit; pixel measures in the real face's box with 10 % margin.",
        "In brackets: copying the first frame.",
    )
    return Report(
        title="Self-reenactment",
        notes=notes,
        tables=(
            summary_table(rows, MEASURES, controls=TITLES),
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
