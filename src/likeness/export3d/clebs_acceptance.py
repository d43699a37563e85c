"""The acceptance table of a trained expression encoder, on people whom it has not seen (Export3D, section 2.4).

Beside the raw numbers stand as many principal components as the basis has directions (fewer dimensions alone tell
persons apart less), the same encoder before its training, and what the measured openings of mouth and eyes alone tell:
people differ in what they do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from likeness.evaluation.report import Report, Table, format_number
from likeness.evaluation.results import Row
from likeness.export3d.clebs import ExpressionEncoder
from likeness.export3d.clebs_battery import (
    centred_by,
    identity_probe,
    principal_axes,
    ridge_r2,
    standard_of,
    unit_length,
    variance_ratio,
)
from likeness.export3d.clebs_people import LEAST_PEOPLE, SeenClip, spread
from likeness.export3d.clebs_weights import Clebs
from likeness.export3d.tsne import scatter_picture, tsne
from likeness.media.sheet import SheetStyle, contact_sheet

NAME = "clebs"
WANTED_PEOPLE = 50
LEAST_MEASURED = 20  # frames with a face to the landmark network, for a regression
KNOWN_SHARE = 0.6  # of each video's time: what probes learn from
SHOWN_PEOPLE, SHOWN_FRAMES = 10, 10  # of the t-SNE picture
MOST_PROBE, MOST_PROBE_OF_COMPONENTS = 0.5, 0.6  # of the probe on raw numbers, and on principal components
MOST_VARIANCE, LEAST_RETRIEVAL, LEAST_KEPT = 0.4, 8.0, 0.6  # of the raw numbers', of chance, of the raw numbers'
UNTRAINED_SEED = 20_260_500

Features = Float[np.ndarray, "N D"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """All frames of all clips, and the roles that they play."""

    persons: Int[np.ndarray, " N"]
    videos: Int[np.ndarray, " N"]
    is_known: np.ndarray  # [N], in the first part of its video
    inputs: Float[np.ndarray, "N inputs"]
    openings: Float[np.ndarray, "N 2"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One representation's numbers."""

    probe: float
    variance: float
    kept: Float[np.ndarray, "2"]  # R squared of mouth and eyes; NaN where too few frames showed them


def clebs_report(clebs: Clebs, clips: Sequence[SeenClip]) -> tuple[Report, UInt8[np.ndarray, "H W 3"]]:
    """The tables, and the t-SNE picture."""
    frames = all_frames(clips)
    spaces = representations(clebs, frames.inputs)
    scores = {name: score(features, frames) for name, features in spaces.items()}
    people = len(set(frames.persons.tolist()))
    notes = [
        f"{clebs.trained}; tested on {len(clips)} clips of {people} other people, {len(frames.persons)} frames",
        f"the probe learns from the first {KNOWN_SHARE:.0%} of each clip; chance is {1.0 / people:.3f}",
        "mouth and eyes are measured on the pictures by MediaPipe's landmarks, which the tracker reads as well",
    ]
    if people < WANTED_PEOPLE:
        notes.append(f"fewer than the {WANTED_PEOPLE} people that the test asks for")
    shown = scores | {SEEN: openings_score(frames)}
    tables = (acceptance_table(scores, clips), scores_table(shown), _clip_table(clips))
    rows = tuple(_row(clip) for clip in clips)
    return Report(title="CLeBS: is the person gone?", notes=tuple(notes), tables=tables, rows=rows), _tsne(
        spaces, frames
    )


def all_frames(clips: Sequence[SeenClip]) -> Frames:
    """The frames of clips in one record."""
    people = {person: number for number, person in enumerate(dict.fromkeys(clip.person for clip in clips))}
    lengths = [len(clip.times) for clip in clips]
    known = [clip.times <= clip.times[0] + KNOWN_SHARE * (clip.times[-1] - clip.times[0]) for clip in clips]
    return Frames(
        persons=np.repeat([people[clip.person] for clip in clips], lengths),
        videos=np.repeat(np.arange(len(clips)), lengths),
        is_known=np.concatenate(known),
        inputs=np.concatenate([clip.inputs for clip in clips]),
        openings=np.concatenate([clip.openings for clip in clips]),
    )


RAW, COMPONENTS, UNTRAINED, LEARNED, DIRECTION, SEEN = (
    "raw numbers", "principal components", "before training", "CLeBS", "CLeBS, direction alone", "openings as seen",
)  # fmt: skip


def representations(clebs: Clebs, inputs: Float[np.ndarray, "N inputs"]) -> dict[str, Features]:
    """Frames as raw (standardised) numbers, as their principal components, and as expression vectors."""
    encoder, settings = clebs.expression, clebs.recipe.expression
    raw = (inputs - encoder.mean.double().numpy()) / encoder.deviation.double().numpy()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        untrained = ExpressionEncoder(settings)
    untrained.set_statistics(encoder.mean, encoder.deviation)
    learned = _encoded(encoder, inputs)
    return {
        RAW: raw,
        COMPONENTS: (raw - raw.mean(axis=0)) @ principal_axes(raw, settings.directions),
        UNTRAINED: _encoded(untrained, inputs),
        LEARNED: learned,
        DIRECTION: unit_length(learned),
    }


def score(features: Features, frames: Frames) -> Score:
    """How much of the person, and of the expression, a representation tells."""
    known, asked = frames.is_known, ~frames.is_known
    measured = np.isfinite(frames.openings).all(axis=1)
    centred = centred_by(features[measured], frames.videos[measured])
    openings = centred_by(frames.openings[measured], frames.videos[measured])
    learns = known[measured]
    kept = np.full(2, np.nan)
    if min(learns.sum(), (~learns).sum()) >= LEAST_MEASURED:
        kept = ridge_r2(centred[learns], openings[learns], centred[~learns], openings[~learns])
    return Score(
        probe=identity_probe(features[known], frames.persons[known], features[asked], frames.persons[asked]),
        variance=variance_ratio(features, frames.persons),
        kept=kept,
    )


def openings_score(frames: Frames) -> Score:
    """What the two openings themselves tell of the person: people differ in what they do, and in their eyes."""
    measured = np.isfinite(frames.openings).all(axis=1)
    values, persons, known = frames.openings[measured], frames.persons[measured], frames.is_known[measured]
    kept = np.full(2, np.nan)
    if len(set(persons[known].tolist())) < LEAST_PEOPLE or known.all():
        return Score(probe=float("nan"), variance=float("nan"), kept=kept)
    return Score(
        probe=identity_probe(values[known], persons[known], values[~known], persons[~known]),
        variance=variance_ratio(standard_of(values)(values), persons),
        kept=kept,
    )


def acceptance_table(scores: dict[str, Score], clips: Sequence[SeenClip]) -> Table:
    """What is wanted, what came out, and whether that is enough."""
    raw, components, learned = scores[RAW], scores[COMPONENTS], scores[LEARNED]
    top1 = float(np.mean([clip.found.top1 for clip in clips]))
    chance = float(np.mean([clip.found.chance for clip in clips]))
    rows = [
        _at_most("identity probe, of the raw numbers'", learned.probe / raw.probe, MOST_PROBE),
        _at_most("identity probe, of the components'", learned.probe / components.probe, MOST_PROBE_OF_COMPONENTS),
        _at_most("variance between people, of the raw numbers'", learned.variance / raw.variance, MOST_VARIANCE),
        _at_least("retrieval within the clip, top 1 over chance", top1 / chance, LEAST_RETRIEVAL),
        _at_least("mouth opening kept, of the raw numbers' R2", _share(learned.kept[0], raw.kept[0]), LEAST_KEPT),
        _at_least("eye opening kept, of the raw numbers' R2", _share(learned.kept[1], raw.kept[1]), LEAST_KEPT),
    ]
    ranks = [clip.found.mean_reciprocal_rank for clip in clips]
    rows.append(("retrieval, top 1", format_number(top1, 3), "", ""))
    rows.append(("retrieval, mean reciprocal rank", format_number(float(np.mean(ranks)), 3), "", ""))
    gazes = [clip.gazes_found for clip in clips if clip.gazes_found is not None]
    if gazes:
        over = float(np.mean([entry.top1 / entry.chance for entry in gazes]))
        rows.append(("retrieval by gaze, top 1 over chance", format_number(over, 2), "", ""))
    return Table(title="Acceptance", header=("test", "measured", "wanted", "reached"), rows=tuple(rows))


def scores_table(scores: dict[str, Score]) -> Table:
    """All numbers of all representations."""
    rows = tuple(
        (
            name,
            *[format_number(float(value), 3) for value in (entry.probe, entry.variance, entry.kept[0], entry.kept[1])],
        )
        for name, entry in scores.items()
    )
    header = ("representation", "identity probe", "variance between people", "R2 mouth", "R2 eyes")
    return Table(title="Representations", header=header, rows=rows)


@torch.no_grad()
def _encoded(encoder: ExpressionEncoder, inputs: Float[np.ndarray, "N inputs"]) -> Features:
    return encoder(torch.from_numpy(inputs.astype(np.float32))).double().numpy()


def _tsne(spaces: dict[str, Features], frames: Frames) -> UInt8[np.ndarray, "H W 3"]:
    """Ten frames of each of ten people, in each representation."""
    people = np.unique(frames.persons)
    shown = people[spread(len(people), SHOWN_PEOPLE)]
    chosen = np.concatenate(
        [own[spread(len(own), SHOWN_FRAMES)] for own in (np.flatnonzero(frames.persons == one) for one in shown)]
    )
    groups = np.searchsorted(shown, frames.persons[chosen])
    names = (RAW, COMPONENTS, UNTRAINED, LEARNED)
    panels = [scatter_picture(tsne(spaces[name][chosen]), groups) for name in names]
    style = SheetStyle(cell_width=panels[0].shape[1], cell_height=panels[0].shape[0])
    return contact_sheet([panels], column_captions=names, style=style)


def _clip_table(clips: Sequence[SeenClip]) -> Table:
    rows = tuple(
        (
            clip.name,
            str(len(clip.times)),
            format_number(clip.found.top1, 3),
            format_number(clip.found.mean_reciprocal_rank, 3),
        )
        for clip in clips
    )
    return Table(title="Clips", header=("clip", "frames", "top 1", "reciprocal rank"), rows=rows, is_by_item=True)


def _row(clip: SeenClip) -> Row:
    return {
        "item": clip.name,
        "person": clip.person,
        "frames": len(clip.times),
        "top1": clip.found.top1,
        "mean_reciprocal_rank": clip.found.mean_reciprocal_rank,
    }


def _share(value: float, whole: float) -> float:
    """Of what the raw numbers explain; nothing where they explain nothing."""
    return float(value / whole) if whole > 0.0 else float("nan")


def _at_most(name: str, value: float, most: float) -> tuple[str, str, str, str]:
    return name, format_number(value, 2), f"<= {most:g}", "yes" if value <= most else "no"


def _at_least(name: str, value: float, least: float) -> tuple[str, str, str, str]:
    return name, format_number(value, 2), f">= {least:g}", "yes" if value >= least else "no"
