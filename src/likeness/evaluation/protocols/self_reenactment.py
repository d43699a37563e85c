"""Self-reenactment: a clip's first frame is the photo, the clip drives it with absolute motion and is the truth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from likeness.errors import InputError
from likeness.evaluation.comparison import score_against_real, sized_like
from likeness.evaluation.controls import BLUR_SUFFIX, TITLES, WARP_SUFFIX, with_blurred
from likeness.evaluation.detail_tables import detail_tables, fid_table, fvd_table
from likeness.evaluation.details import DETAIL_FRAMES
from likeness.evaluation.feature_sets import PictureFeatures, VideoFeatures, read_features, write_features
from likeness.evaluation.html_report import Outline
from likeness.evaluation.keepers import Keeper, Renamed
from likeness.evaluation.material import clip_paths, missing_items, read_clip, sample_pairs
from likeness.evaluation.moments import Moments, moments_of
from likeness.evaluation.moving import SIDE as MOVING_SIDE
from likeness.evaluation.moving import moving_of, write_moving
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
SHEETS = "self_sheets"  # folder of the pictures, CLIP.jpg and CLIP.webp, and of features
FID_END, FVD_END = ".npz", ".video.npz"  # end the names of files of features
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
    kept = [folder / SHEETS / str(row["item"]) for row in rows if "error" not in row]
    features = {
        end: read_features([path.with_name(f"{path.name}{end}") for path in kept if network is not None])
        for end, network in ((FID_END, setup.networks.inception), (FVD_END, setup.networks.video))
    }
    return report(rows, setup, pictures=features[FID_END], videos=features[FVD_END])


def items(setup: Setup, folder: Path) -> list[Item]:
    """What `run` measures: the clips, and a failure for each that the manifest names and is not there."""
    clips = clip_paths(setup.data)[: setup.limit]
    sheets = made_folder(folder / SHEETS)
    found = [Item(name=clip.stem, measure=partial(measure_clip, setup, clip, sheets)) for clip in clips]
    return found + missing_items(setup.data, "videos", clips, is_cut=setup.limit is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    """What is kept of a clip beside its numbers."""

    sheet: Moments
    moving: Moments
    pictures: PictureFeatures | None
    videos: VideoFeatures | None

    @property
    def all(self) -> tuple[Keeper, ...]:
        """Those that are there."""
        found: tuple[Keeper | None, ...] = (self.sheet, self.moving, self.pictures, self.videos)
        return tuple(keeper for keeper in found if keeper is not None)

    def write(self, place: Path, titles: Mapping[str, str], *, fps: float) -> None:
        """Files whose names begin with that of `place`.

        Raises:
            OutputError: they cannot be written.
        """
        self.sheet.write(place.with_name(f"{place.name}.jpg"), titles)
        write_moving(self.moving, place.with_name(f"{place.name}.webp"), titles, fps=fps)
        for keeper, end in ((self.pictures, FID_END), (self.videos, FVD_END)):
            target = place.with_name(f"{place.name}{end}")
            target.unlink(missing_ok=True)
            if keeper is not None and keeper.rows:
                write_features(keeper.rows, target)


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
    kept = _Kept(
        sheet=Moments(indices=moments_of(indices)),
        moving=Moments(indices=moving_of(indices), side=MOVING_SIDE),
        pictures=None if setup.networks.inception is None else PictureFeatures(network=setup.networks.inception),
        videos=None if setup.networks.video is None else VideoFeatures(network=setup.networks.video),
    )
    generated = render_clip(setup.pieces, subject, motion, mode="absolute", indices=indices)
    controls: dict[str, Iterator[Image]] = {}
    if setup.controls is setup.pieces:
        generated, controls[BLUR_SUFFIX] = with_blurred(generated)
    elif setup.controls is not None:
        other = open_subject(setup.controls, photo)
        warped = render_clip(setup.controls, other, motion, mode="absolute", indices=indices)
        controls[WARP_SUFFIX], controls[BLUR_SUFFIX] = with_blurred(warped)
    truth = (sized_like(frame, subject.image) for frame in read_clip(clip, indices))
    row = score_against_real(generated, truth, indices, controls=controls, networks=setup.networks, keepers=kept.all)
    for method in setup.outside:
        row |= _outside_row(setup, method, clip, indices, subject.image, kept.all)
    copied = row["face_psnr_copy"]
    for suffix in ("", *controls, *[method.suffix for method in setup.outside], "_copy"):
        psnr = row.get(f"face_psnr{suffix}")
        if isinstance(psnr, float) and isinstance(copied, float):
            row[f"psnr_gain{suffix}"] = psnr - copied
    if sheets is not None:
        kept.write(sheets / clip.stem, titles(setup), fps=motion.fps)
    return row


def outline(report: Report, setup: Setup, folder: Path) -> Outline:
    """What of the report is plotted and shown."""
    shown = ("landmark", "face_psnr", "face_ssim", "pose", "mouth_error", "eye_error", "flicker")
    return Outline(
        measures=tuple(measure for measure in MEASURES if measure.key in shown),
        methods=titles(setup),
        sheets={str(row["item"]): (folder / SHEETS / f"{row['item']}.jpg",) for row in report.rows},
        moving={str(row["item"]): folder / SHEETS / f"{row['item']}.webp" for row in report.rows},
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
    keepers: Sequence[Keeper],
) -> Row:
    """The measures of another program's frames of this clip, those that are there."""
    try:
        found = find_clip(method, clip.stem)
        have = [index for index in indices if found.has(index)]
        if len(have) < 2:
            raise InputError(f"{method.name} has {len(have)} of the {len(indices)} frames of {clip.stem} that count")
        truth = (sized_like(frame, photo) for frame in read_clip(clip, have))
        own = [Renamed(keeper=keeper, name=method.suffix) for keeper in keepers]
        row = score_against_real(found.read(have), truth, have, networks=setup.networks, keepers=own)
    except InputError as error:
        for keeper in keepers:
            keeper.forget(method.suffix)
        return {f"{ERROR}{method.suffix}": str(error)}
    return as_outside(row, method, [index for index in indices if index not in set(have)])


def report(
    rows: Sequence[Row],
    setup: Setup,
    *,
    pictures: Mapping[str, np.ndarray] = MappingProxyType({}),
    videos: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> Report:
    """Tables of the rows; features of pictures and videos as from `feature_sets.read_features`."""
    named = {**titles(setup), BASELINE_SUFFIX: BASELINE_TITLE}
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
            fid_table(pictures, named),
            fvd_table(videos, named, setup.networks.video),
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
