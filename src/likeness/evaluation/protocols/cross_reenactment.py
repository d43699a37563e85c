"""Cross-reenactment: twenty portraits driven by five clips of other people, with the default motion."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.evaluation.comparison import (
    POSE_REFERENCES,
    Performance,
    as_baseline,
    read_performance,
    spread,
    still_performance,
)
from likeness.evaluation.driver_scores import FIT, LEAKS, Source, score_pair
from likeness.evaluation.html_report import Outline
from likeness.evaluation.identity import Embedder, load_embedder
from likeness.evaluation.keepers import Keeper, passing
from likeness.evaluation.landmark_reader import LandmarkReader
from likeness.evaluation.leakage import appearance
from likeness.evaluation.material import (
    CROSS_CLIPS,
    PORTRAITS,
    clip_paths,
    portrait_paths,
    read_clip,
    read_photo,
    sample_indices,
)
from likeness.evaluation.moments import Moments, moments_of
from likeness.evaluation.moving import SIDE as MOVING_SIDE
from likeness.evaluation.moving import moving_of, write_moving
from likeness.evaluation.outside import ERROR, Outside, as_outside, find_clip
from likeness.evaluation.report import BASELINE_SUFFIX, Measure, Report, Table, item_table, summary_table
from likeness.evaluation.results import Item, Row, Watch, numbers, quietly, run_items
from likeness.evaluation.runner import Image, Mode, Setup, Subject, open_subject, render_clip
from likeness.files import made_folder
from likeness.motion.record import Motion

NAME = "cross"
SHEETS = "cross_sheets"  # folder of the pictures, PHOTO_CLIP.jpg and .webp
MEASURES = (
    Measure(key="pose", title="relative head rotation error, degrees", most=2.0),
    Measure(key="mouth_gain", title="mouth-opening gain", least=0.9, most=1.1),
    Measure(key="mouth_correlation", title="mouth-opening correlation", digits=3, least=0.93),
    Measure(key="eye_gain", title="lid gain"),
    Measure(key="eye_correlation", title="lid correlation", digits=3),
    Measure(key="gaze_gain", title="gaze gain", least=0.8, most=1.2),
    Measure(key="gaze_correlation", title="gaze correlation", digits=3),
    Measure(key="identity_source", title="identity distance to the source", digits=3, most=0.40),
    Measure(key="identity_driver", title="identity distance to the driver", digits=3),
    Measure(key="missed", title="frames without a detected face", digits=0, most=0.0),
)


class CrossScorer:
    """Keeps what the pairs share: the tracked clips, the drivers' performances, and the photo at hand."""

    def __init__(self, setup: Setup, embed: Embedder | None):
        self.setup = setup
        self.embed = embed
        self.subject = lru_cache(maxsize=1)(self._open_subject)
        self.motion = lru_cache(maxsize=len(CROSS_CLIPS))(self._track)
        self.driver = lru_cache(maxsize=len(CROSS_CLIPS))(self._read_driver)
        self.copied = lru_cache(maxsize=len(CROSS_CLIPS))(self._copy)
        self.colours = lru_cache(maxsize=1)(self._read_colours)

    def measure(self, photo: Path, clip: Path, sheets: Path | None = None) -> Row:
        """The row of one portrait driven by one clip."""
        subject, motion, driver = self.subject(photo), self.motion(clip), self.driver(clip)
        indices = self._indices(clip)
        moments = Moments(indices=moments_of(indices))
        moving = Moments(indices=moving_of(indices), side=MOVING_SIDE)
        mode: Mode = "absolute" if self.setup.absolute else "default"
        frames = render_clip(self.setup.pieces, subject, motion, mode=mode, indices=indices)
        made = self._read(passing(frames, indices, (moments, moving), ""), len(indices))
        copied = self.copied(photo, len(indices))
        source = None if self.embed is None else embed_still(subject.image, self.embed)
        person = Source(embedding=source, references=spread(len(indices), POSE_REFERENCES), colours=self.colours(photo))
        row = score_pair(made, driver, person)
        row |= as_baseline(score_pair(copied, driver, person))
        for method in self.setup.outside:
            row |= self._outside_row(method, photo, clip, person, (moments, moving))
        if sheets is not None:
            for index, frame in zip(indices, read_clip(clip, indices), strict=True):
                for keeper in (moments, moving):
                    keeper.keep(index, frame, {BASELINE_SUFFIX: subject.image})
            moments.write(sheets / f"{photo.stem}_{clip.stem}.jpg", titles(self.setup))
            write_moving(moving, sheets / f"{photo.stem}_{clip.stem}.webp", titles(self.setup), fps=motion.fps)
        return row

    def _outside_row(self, method: Outside, photo: Path, clip: Path, person: Source, keepers: Sequence[Keeper]) -> Row:
        """The measures of another program's frames of this pair, those that are there."""
        indices = self._indices(clip)
        try:
            found = find_clip(method, f"{photo.stem}/{clip.stem}")
            places = [place for place, index in enumerate(indices) if found.has(index)]
            have = [indices[place] for place in places]
            if len(have) < POSE_REFERENCES:
                raise InputError(f"{method.name} has {len(have)} of the {len(indices)} frames that count")
            made = self._read(passing(found.read(have), have, keepers, method.suffix), len(have))
        except InputError as error:
            for keeper in keepers:
                keeper.forget(method.suffix)
            return {f"{ERROR}{method.suffix}": str(error)}
        driver = self.driver(clip).at(places)
        row = score_pair(made, driver, replace(person, references=spread(len(have), POSE_REFERENCES)))
        return as_outside(row, method, [index for index in indices if not found.has(index)])

    def _read(self, frames: Iterator[Image], count: int) -> Performance:
        return read_performance(frames, count, self.embed)

    def _read_colours(self, photo: Path) -> np.ndarray:
        """How the source's face is coloured."""
        image = self.subject(photo).image
        with LandmarkReader() as reader:
            return appearance(image, reader.read_still(image))

    def _open_subject(self, photo: Path) -> Subject:
        return open_subject(self.setup.pieces, read_photo(photo))

    def _copy(self, photo: Path, count: int) -> Performance:
        return still_performance(self.subject(photo).image, count, self.embed)

    def _track(self, clip: Path) -> Motion:
        return self.setup.pieces.track_video(clip, 0)

    def _indices(self, clip: Path) -> tuple[int, ...]:
        return sample_indices(len(self.motion(clip)), self.setup.frames)

    def _read_driver(self, clip: Path) -> Performance:
        indices = self._indices(clip)
        return read_performance(read_clip(clip, indices), len(indices), self.embed)


def embed_still(image: Image, embed: Embedder) -> Float[np.ndarray, "128"]:
    """Embedding of a single picture's face."""
    with LandmarkReader() as reader:
        return embed(image, reader.read_still(image))


def run(setup: Setup, folder: Path, watch: Watch = quietly) -> Report:
    """Measures all pairs (of the first `limit` portraits), keeping their rows in `folder`.

    Raises:
        LikenessError: the identity embedding is not installed.
    """
    rows = run_items(items(setup, folder), folder / f"{NAME}.jsonl", setup.settings, watch, setup.measure_items)
    return report(rows, setup)


def items(setup: Setup, folder: Path) -> list[Item]:
    """What `run` measures: the pairs, those of one portrait after the other.

    Raises:
        LikenessError: the identity embedding is not installed, or material is missing.
    """
    scorer = CrossScorer(setup, load_embedder())
    sheets = made_folder(folder / SHEETS)
    return [
        Item(name=f"{photo.stem}/{clip.stem}", measure=partial(scorer.measure, photo, clip, sheets))
        for photo in portrait_paths(setup.data, PORTRAITS)[: setup.limit]
        for clip in clip_paths(setup.data, CROSS_CLIPS)
    ]


def report(rows: Sequence[Row], setup: Setup) -> Report:
    """Tables of the rows."""
    beside = {suffix: title for suffix, title in titles(setup).items() if suffix}
    notes = (
        f"{len(rows)} pairs of a portrait and a clip of another person,"
        f" {'pose and expression of the clip' if setup.absolute else 'default motion'};"
        f" at most {setup.frames} evenly spaced frames per clip.",
        f"Rotation: since each of {POSE_REFERENCES} reference frames, both heads seen by MediaPipe, not by the fit.",
        "Gains are regression slopes on the driver's measure; clips whose driver hardly moves there are left out.",
        "Identity: distance of dlib embeddings; the same person lies below about 0.6.",
        "In brackets: copying the photo.",
    )
    return Report(
        title="Cross-reenactment",
        notes=notes,
        tables=(
            summary_table(rows, MEASURES, controls=beside),
            summary_table(rows, FIT, title="Pose and expression, fitted again", controls=beside),
            summary_table(rows, LEAKS, title="What leaks of the driver", controls=beside),
            _identity_share(rows),
            *_by_part(rows, part=1, title="Medians by clip"),
            *_by_part(rows, part=0, title="Medians by portrait"),
            item_table(rows, MEASURES, title="Pairs"),
        ),
        rows=tuple(rows),
    )


def outline(report: Report, setup: Setup, folder: Path) -> Outline:
    """What of the report is plotted and shown."""
    shown = ("pose", "mouth_gain", "mouth_correlation", "eye_gain", "gaze_gain", "identity_source")
    names = {str(row["item"]): str(row["item"]).replace("/", "_") for row in report.rows}
    return Outline(
        measures=(*[measure for measure in MEASURES if measure.key in shown], *FIT, *LEAKS),
        methods=titles(setup),
        sheets={item: (folder / SHEETS / f"{name}.jpg",) for item, name in names.items()},
        moving={item: folder / SHEETS / f"{name}.webp" for item, name in names.items()},
    )


def titles(setup: Setup) -> dict[str, str]:
    """What the suffixes of measures stand for, the renderer's own first."""
    return {"": setup.name, **{method.suffix: method.name for method in setup.outside}}


def _identity_share(rows: Sequence[Row]) -> Table:
    def nearer(suffix: str) -> list[bool]:
        keys = f"identity_source{suffix}", f"identity_driver{suffix}"
        pairs = [[row.get(key) for key in keys] for row in rows]
        return [a < b for a, b in pairs if isinstance(a, (int, float)) and isinstance(b, (int, float))]

    ours, copied = nearer(""), nearer("_copy")
    share = sum(ours) / max(len(ours), 1)
    cells = (
        "pairs nearer to the source than to the driver",
        f"{100 * share:.0f} %",
        f"{100 * sum(copied) / max(len(copied), 1):.0f} %",
        "100 %",
        "yes" if ours and all(ours) else "no",
    )
    header = ("share", "value", "copying the first frame", "wanted", "reached")
    return Table(title="Identity", header=header, rows=(cells,))


def _by_part(rows: Sequence[Row], *, part: int, title: str) -> tuple[Table, ...]:
    """Medians over the pairs that share a portrait (part 0) or a clip (part 1)."""
    names = sorted({str(row["item"]).split("/")[part] for row in rows})
    keys = [measure.key + suffix for measure in MEASURES for suffix in ("", "_copy")]
    grouped: list[Row] = []
    for name in names:
        members = [row for row in rows if str(row["item"]).split("/")[part] == name]
        medians = {key: float(np.median(values)) for key in keys if (values := numbers(members, key))}
        grouped.append({"item": name, **medians})
    return (item_table(grouped, MEASURES, title=title),)
