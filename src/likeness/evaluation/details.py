"""What is measured on some frames of a clip, because it is dear: regions, background, the fitted head, networks."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from likeness.errors import NoFaceError
from likeness.evaluation.foreground import MatteReader, background_of
from likeness.evaluation.identity import identity_similarity
from likeness.evaluation.landmark_measures import keypoint_distance, region_errors
from likeness.evaluation.metrics import flicker_ratio, median
from likeness.evaluation.motion_measures import motion_errors
from likeness.evaluation.networks import NO_NETWORKS, Networks
from likeness.evaluation.picture_measures import Region, TruePicture, picture_measures, regions_of, true_picture
from likeness.evaluation.refit import person_of_landmarks, refit_motion
from likeness.evaluation.results import Row
from likeness.evaluation.temporal import background_change
from likeness.heads.model import HeadModel
from likeness.motion.record import Motion
from likeness.tracking.person import Person

DETAIL_FRAMES = 12  # of a clip; neighbours differ little
EMBEDDED = 2  # of those

Image = UInt8[np.ndarray, "_ _ 3"]


def detail_places(indices: Sequence[int]) -> tuple[int, ...]:
    """Which of the frames at these indices of a clip are looked at closely: those that follow their neighbour."""
    after = [place for place in range(1, len(indices)) if indices[place] == indices[place - 1] + 1]
    candidates = after or list(range(1, len(indices)))
    chosen = np.linspace(0, len(candidates) - 1, min(len(candidates), DETAIL_FRAMES)).round().astype(int)
    return tuple(candidates[place] for place in dict.fromkeys(chosen.tolist()))


@dataclass(slots=True)
class Truth:
    """The true frames' part: regions, background, and what networks see, at each close look."""

    matte_reader: MatteReader
    networks: Networks = NO_NETWORKS
    places: list[int] = field(default_factory=list)  # of the frames, within the sequence
    regions: dict[str, Region] = field(default_factory=dict)  # of the latest
    picture: TruePicture | None = None
    background: Region | None = None
    background_changes: list[float] = field(default_factory=list)
    embeddings: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def look(self, place: int, truth: Image, before: Image | None, landmarks: Float[np.ndarray, "L 3"]) -> None:
        """Takes in one true frame, and its neighbour before it where that was seen."""
        matte = self.matte_reader.read(truth)
        self.places.append(place)
        height, width = truth.shape[:2]
        self.regions = regions_of(landmarks, height, width, matte.astype(np.float64))
        self.picture = true_picture(truth, self.regions)
        self.background = background_of(matte)
        self.background_changes.append(
            float("nan") if before is None else background_change(before, truth, self.background)
        )
        if len(self.places) <= EMBEDDED:
            for name, embed in self.networks.embedders.items():
                self.embeddings.setdefault(name, []).append(embed(truth, landmarks))


@dataclass(slots=True)
class Details:
    """One result's part, frame by frame."""

    pictures: dict[str, list[float]] = field(default_factory=dict)
    background_changes: list[float] = field(default_factory=list)
    embeddings: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def look(
        self, truth: Truth, picture: Image, real: Image, before: Image | None, landmarks: Float[np.ndarray, "L 3"]
    ) -> None:
        """Takes in the result at the moment that `truth` has looked at last."""
        assert truth.background is not None and truth.picture is not None
        measured = picture_measures(picture, truth.picture)
        measured |= truth.networks.distances(picture, real, truth.regions)
        for key, value in measured.items():
            self.pictures.setdefault(key, []).append(float("nan") if not isinstance(value, float) else value)
        self.background_changes.append(
            float("nan") if before is None else background_change(before, picture, truth.background)
        )
        if len(truth.places) <= EMBEDDED:
            for name, embed in truth.networks.embedders.items():
                self.embeddings.setdefault(name, []).append(embed(picture, landmarks))

    def summary(self, truth: Truth) -> Row:
        """Medians over the frames; identity similarities are means."""
        row: Row = {key: median(values) for key, values in self.pictures.items()}
        ours, theirs = np.array(self.background_changes), np.array(truth.background_changes)
        known = np.isfinite(ours) & np.isfinite(theirs)
        row["background"] = flicker_ratio(ours[known], theirs[known])
        for name, found in self.embeddings.items():
            pairs = zip(found, truth.embeddings[name], strict=True)
            similar = [float(identity_similarity(one, other)) for one, other in pairs]
            row[f"csim_{name}"] = float(np.nanmean(similar)) if np.isfinite(similar).any() else float("nan")
        return row


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedTruth:
    """The head fitted to true frames."""

    person: Person
    motion: Motion
    places: tuple[int, ...]


def fit_truth(
    landmarks: Float[np.ndarray, "T 478 3"], places: Sequence[int], head: HeadModel, *, width: int, height: int
) -> FittedTruth | None:
    """The head in the true frames at some places of the sequence; None where nobody is seen."""
    try:
        person = person_of_landmarks(landmarks, head, width=width, height=height)
        motion = refit_motion(landmarks[list(places)], person, np.arange(len(places), dtype=np.float64))
    except NoFaceError:
        return None
    return FittedTruth(person=person, motion=motion, places=tuple(places))


def landmark_details(
    made: Float[np.ndarray, "T 478 3"],
    real: Float[np.ndarray, "T 478 3"],
    fitted: FittedTruth | None,
    size: tuple[int, int],
) -> Row:
    """Medians over frames after the first: AKD, error by region, and what the fit says of pose and expression.

    Args:
        size: width and height of the pictures.
    """
    row: Row = {"akd": median(keypoint_distance(made, real, width=size[0], height=size[1])[1:])}
    row |= {f"landmark_{name}": median(errors[1:]) for name, errors in region_errors(made, real).items()}
    keys = ("apd", "rotation", "aed", "jaw", "gaze", "lids")
    errors = dict.fromkeys(keys, np.array([np.nan]))
    if fitted is not None:
        try:
            motion = refit_motion(made[list(fitted.places)], fitted.person, fitted.motion.times)
        except NoFaceError:
            motion = None
        if motion is not None:
            errors = motion_errors(motion, fitted.motion, fitted.person.head.expression_deviations)
    return row | {f"fit_{key}": median(errors[key]) for key in keys}
