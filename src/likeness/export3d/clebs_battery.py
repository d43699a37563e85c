"""Measures of how much of a person an expression vector still tells, and how much of the expression.

An identity probe, the variance between persons, retrieval of frames, and a ridge regression to what the mouth and the
eyes do (Export3D specification, section 2.4). Plain functions of arrays: any other representation can be measured too.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize

PENALTY = 1.0  # of the probe: half the squared weights over this, beside the summed cross entropy
MOST_STEPS = 300  # of the probe's solver
RIDGE = 1.0  # squared weights beside the summed squared errors of standardised numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class Standard:
    """Centre and size of each feature."""

    mean: Float[np.ndarray, " D"]
    deviation: Float[np.ndarray, " D"]

    def __call__(self, features: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
        """The features with mean 0 and deviation 1."""
        return (features - self.mean) / self.deviation


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieval:
    """How well pictures are found by expressions."""

    top1: float  # share of expressions whose own picture is the nearest
    mean_reciprocal_rank: float
    chance: float  # of `top1`


def standard_of(features: Float[np.ndarray, "N D"]) -> Standard:
    """Of training features; those that do not vary stay at 0."""
    deviation = features.std(axis=0)
    floor = 1e-6 * max(float(deviation.max(initial=0.0)), 1e-12)
    return Standard(mean=features.mean(axis=0), deviation=np.where(deviation > floor, deviation, np.inf))


def unit_length(features: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
    """The directions alone."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def identity_probe(
    known: Float[np.ndarray, "N D"],
    known_persons: Int[np.ndarray, " N"],
    asked: Float[np.ndarray, "M D"],
    asked_persons: Int[np.ndarray, " M"],
) -> float:
    """Share of the asked frames whose person a multinomial logistic regression on standardised features names.

    Raises:
        ValueError: fewer than two persons are known.
    """
    persons, labels = np.unique(known_persons, return_inverse=True)
    if len(persons) < 2:
        raise ValueError(f"a probe needs two persons at least, got {len(persons)}")
    standard = standard_of(known)
    weights = logistic_regression(_with_one(standard(known)), labels, len(persons))
    named = persons[np.argmax(_with_one(standard(asked)) @ weights, axis=1)]
    return float((named == asked_persons).mean())


def logistic_regression(
    features: Float[np.ndarray, "N D"], labels: Int[np.ndarray, " N"], num_classes: int, *, penalty: float = PENALTY
) -> Float[np.ndarray, "D classes"]:
    """Weights of the least cross entropy (summed) with half their squared size; the last feature is not held small."""
    shape = (features.shape[1], num_classes)
    wanted = np.eye(num_classes)[labels]
    strength = np.full((shape[0], 1), 1.0 / penalty)
    strength[-1] = 0.0

    def loss(flat: Float[np.ndarray, " n"]) -> tuple[float, Float[np.ndarray, " n"]]:
        weights = flat.reshape(shape)
        scores = features @ weights
        scores -= scores.max(axis=1, keepdims=True)
        logs = np.log(np.exp(scores).sum(axis=1))
        value = float((logs - (scores * wanted).sum(axis=1)).sum() + 0.5 * (strength * weights**2).sum())
        gradient = features.T @ (np.exp(scores - logs[:, None]) - wanted) + strength * weights
        return value, gradient.ravel()

    found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    return found.x.reshape(shape)


def variance_ratio(features: Float[np.ndarray, "N D"], persons: Int[np.ndarray, " N"]) -> float:
    """Variance of the persons' means over the variance of all frames, both summed over the features."""
    centre = features.mean(axis=0)
    total = float(np.square(features - centre).sum())
    between = 0.0
    for person in np.unique(persons):
        own = features[persons == person]
        between += len(own) * float(np.square(own.mean(axis=0) - centre).sum())
    return between / max(total, 1e-12)


def principal_axes(features: Float[np.ndarray, "N D"], count: int) -> Float[np.ndarray, "D count"]:
    """The directions in which features (standardised before) vary most."""
    _, _, axes = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
    return axes[:count].T


def retrieval(pictures: Float[np.ndarray, "K D"], codes: Float[np.ndarray, "K D"]) -> Retrieval:
    """Each expression looks for its own frame among all K by the cosine; what is equally near counts as nearer.

    Raises:
        ValueError: there are fewer than two frames.
    """
    count = len(pictures)
    if count < 2:
        raise ValueError(f"retrieval needs two frames at least, got {count}")
    likeness = unit_length(codes) @ unit_length(pictures).T
    own = np.diagonal(likeness)[:, None]
    others = (likeness >= own) & ~np.eye(count, dtype=bool)
    ranks = 1 + others.sum(axis=1)
    return Retrieval(
        top1=float((ranks == 1).mean()), mean_reciprocal_rank=float((1.0 / ranks).mean()), chance=1.0 / count
    )


def centred_by(values: Float[np.ndarray, "N D"], videos: Int[np.ndarray, " N"]) -> Float[np.ndarray, "N D"]:
    """Values above the mean of their own video."""
    centred = np.array(values, dtype=np.float64)
    for video in np.unique(videos):
        centred[videos == video] -= centred[videos == video].mean(axis=0)
    return centred


def ridge_r2(
    known: Float[np.ndarray, "N D"],
    known_values: Float[np.ndarray, "N Q"],
    asked: Float[np.ndarray, "M D"],
    asked_values: Float[np.ndarray, "M Q"],
    *,
    ridge: float = RIDGE,
) -> Float[np.ndarray, " Q"]:
    """R squared on the asked frames of a ridge regression from features, standardised on the known ones."""
    standard = standard_of(known)
    features = standard(known)
    centre = known_values.mean(axis=0)
    matrix = features.T @ features + ridge * np.eye(features.shape[1])
    weights = np.linalg.solve(matrix, features.T @ (known_values - centre))
    error = np.square(asked_values - centre - standard(asked) @ weights).sum(axis=0)
    spread = np.square(asked_values - asked_values.mean(axis=0)).sum(axis=0)
    return 1.0 - error / np.maximum(spread, 1e-12)


def _with_one(features: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D_and_1"]:
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)
