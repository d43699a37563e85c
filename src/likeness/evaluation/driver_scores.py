"""Scores of a clip with another person's motion beyond `comparison.py`: the fitted head, and leaks of the driver."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from likeness.errors import NoFaceError
from likeness.evaluation.comparison import Performance, score_against_driver, spread
from likeness.evaluation.leakage import leak
from likeness.evaluation.metrics import median
from likeness.evaluation.motion_measures import (
    average_expression_distance,
    average_pose_distance,
    gaze_error,
    relative_rotation,
)
from likeness.evaluation.noise_floor import MOVEMENT_ERRORS, NOISE
from likeness.evaluation.refit import person_of_landmarks, refit_motion
from likeness.evaluation.report import Measure
from likeness.evaluation.results import Row
from likeness.geometry.rotation import geodesic_angle
from likeness.heads.builtin import builtin_head
from likeness.motion.record import Motion

FITTED_FRAMES = 12  # of a clip
FIT = (  # the floors are those of one identity: two people's fits differ by more
    Measure(key="fit_rotation", title="rotation since the reference, degrees", floor=NOISE["rotation"]),
    Measure(key="fit_apd", title="APD, radians x 100 (as it stands, not since a reference)", floor=NOISE["apd"]),
    Measure(key="fit_aed", title="AED, deviations", digits=3, floor=NOISE["aed"]),
    Measure(
        key="fit_movement", title="AED without the constant difference", digits=3, floor=MOVEMENT_ERRORS["expression"]
    ),
    Measure(key="fit_gaze", title="gaze, degrees", floor=NOISE["gaze"]),
)
LEAKS = (
    Measure(key="leak_identity", title="identity: 0 source, 1 driver", digits=3),
    Measure(key="leak_appearance", title="appearance: 0 source, 1 driver", digits=3),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The person of the photo, and how results are compared."""

    embedding: Float[np.ndarray, "128"] | None
    colours: Float[np.ndarray, " D"]  # as from `leakage.appearance`
    references: tuple[int, ...]  # frames since which rotations are told


def score_pair(made: Performance, driver: Performance, source: Source) -> Row:
    """All measures of one result against the driver's performance, frame by frame."""
    row = score_against_driver(made, driver, source.embedding, references=source.references)
    if source.embedding is not None:
        toward = np.nanmean(driver.embeddings, axis=0)
        row["leak_identity"] = median([leak(found, source.embedding, toward) for found in made.embeddings])
    if len(made.colours) and len(driver.colours):
        toward = np.nanmean(driver.colours, axis=0)
        row["leak_appearance"] = median([leak(found, source.colours, toward) for found in made.colours])
    return row | _fitted(made, driver)


def _fitted(made: Performance, driver: Performance) -> Row:
    """What the fit says at some frames; each head has the identity that its own frames show."""
    ours, theirs = _refit(made), _refit(driver)
    if ours is None or theirs is None:
        return {measure.key: None for measure in FIT}
    both = np.flatnonzero(ours.valid & theirs.valid)
    if not len(both):
        return {measure.key: None for measure in FIT}
    turned = geodesic_angle(*(relative_rotation(motion.rotation, int(both[0]))[both] for motion in (ours, theirs)))
    deviations = builtin_head().expression_deviations
    first, second = (motion.expression[both] for motion in (ours, theirs))
    moved = first - first.mean(axis=0), second - second.mean(axis=0)
    return {
        "fit_rotation": median(np.degrees(turned)[1:]),
        "fit_apd": median(average_pose_distance(ours.rotation[both], theirs.rotation[both])),
        "fit_aed": median(average_expression_distance(first, second, deviations)),
        "fit_movement": median(average_expression_distance(moved[0], moved[1], deviations)),
        "fit_gaze": median(gaze_error(ours, theirs)),
    }


@lru_cache(maxsize=64)  # drivers and copies are compared many times
def _refit(one: Performance) -> Motion | None:
    """The head at evenly spaced frames; None where nobody is seen in them."""
    width, height = one.size
    landmarks = one.landmarks[list(spread(len(one.landmarks), FITTED_FRAMES))]
    try:
        person = person_of_landmarks(landmarks, builtin_head(), width=width, height=height)
        return refit_motion(landmarks, person, np.arange(len(landmarks), dtype=np.float64))
    except NoFaceError:
        return None
