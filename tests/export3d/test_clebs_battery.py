"""The battery's measures on made numbers whose answers are known."""

import numpy as np
import pytest

from likeness.export3d.clebs_battery import (
    centred_by,
    identity_probe,
    principal_axes,
    retrieval,
    ridge_r2,
    standard_of,
    variance_ratio,
)
from likeness.export3d.tsne import TsneSettings, joint_probabilities, scatter_picture, tsne

PERSONS = np.repeat(np.arange(12), 40)


def made(*, between: float, seed: int = 0) -> np.ndarray:
    """Frames of 12 persons in 6 dimensions; their means have the deviation `between`, frames around them 1."""
    generator = np.random.default_rng(seed)
    return between * generator.standard_normal((12, 6))[PERSONS] + generator.standard_normal((len(PERSONS), 6))


def test_the_probe_names_whom_the_numbers_tell_and_guesses_otherwise():
    known, asked = np.arange(480) % 40 < 24, np.arange(480) % 40 >= 24
    for between, low, high in ((8.0, 0.99, 1.0), (0.0, 0.0, 0.17)):
        features = made(between=between)
        found = identity_probe(features[known], PERSONS[known], features[asked], PERSONS[asked])
        assert low <= found <= high
    still = np.zeros((480, 3))
    assert identity_probe(still[known], PERSONS[known], still[asked], PERSONS[asked]) == pytest.approx(1 / 12)
    with pytest.raises(ValueError, match="two persons"):
        identity_probe(still, np.zeros(480, int), still, np.zeros(480, int))


def test_the_probe_finds_the_optimum():
    """Two classes on a line: a logistic regression separates them at the middle, whatever the scale."""
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]]) * 1000.0
    assert identity_probe(x, np.array([3, 3, 8, 8]), np.array([[-1.0], [1.0]]), np.array([3, 8])) == 1.0


def test_the_variance_ratio_is_that_of_the_means():
    assert variance_ratio(np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([0, 0, 1, 1])) == pytest.approx(25 / 26)
    assert variance_ratio(made(between=2.0), PERSONS) == pytest.approx(0.8, abs=0.1)
    assert variance_ratio(np.ones((4, 2)), np.array([0, 0, 1, 1])) == 0.0


def test_principal_axes_are_where_it_varies():
    generator = np.random.default_rng(0)
    features = generator.standard_normal((400, 3)) * [0.1, 5.0, 1.0]
    np.testing.assert_allclose(np.abs(principal_axes(features, 2).T), [[0, 1, 0], [0, 0, 1]], atol=0.05)


def test_retrieval_counts_ranks_and_ties_as_misses():
    found = retrieval(np.eye(4), np.eye(4))
    assert (found.top1, found.mean_reciprocal_rank, found.chance) == (1.0, 1.0, 0.25)
    turned = retrieval(np.eye(4), np.eye(4)[[1, 0, 2, 3]])
    assert turned.top1 == 0.5 and turned.mean_reciprocal_rank == pytest.approx((1 + 1 + 0.25 + 0.25) / 4)
    assert retrieval(np.ones((5, 3)), np.ones((5, 3))).top1 == 0.0  # all alike: nothing was found
    with pytest.raises(ValueError, match="two frames"):
        retrieval(np.ones((1, 3)), np.ones((1, 3)))


def test_ridge_explains_what_is_linear_alone():
    generator = np.random.default_rng(1)
    features = generator.standard_normal((600, 4))
    linear, noise = features @ [1.0, -2.0, 0.0, 0.5], generator.standard_normal(600)
    values = np.stack([linear, linear + noise * linear.std(), noise], axis=1)
    explained = ridge_r2(features[:400], values[:400], features[400:], values[400:])
    np.testing.assert_allclose(explained, [1.0, 0.5, 0.0], atol=0.12)


def test_centring_takes_each_video_by_itself():
    values = np.array([[1.0], [3.0], [10.0], [20.0]])
    np.testing.assert_allclose(centred_by(values, np.array([0, 0, 7, 7]))[:, 0], [-1, 1, -5, 5])


def test_features_that_stand_still_stay_zero():
    features = np.stack([np.full(5, 3.0), np.arange(5.0)], axis=1)
    standard = standard_of(features)(features)
    assert (standard[:, 0] == 0.0).all() and standard[:, 1].std() == pytest.approx(1.0)


def test_tsne_keeps_far_clusters_apart_and_neighbourhoods_as_wide_as_asked():
    features = made(between=12.0)[PERSONS < 5]
    groups = PERSONS[PERSONS < 5][::4]
    places = tsne(features[::4], TsneSettings(perplexity=5.0, steps=400))
    gaps = np.linalg.norm(places[:, None] - places, axis=-1) + 1e9 * np.eye(len(places))
    assert (groups[gaps.argmin(axis=1)] == groups).mean() > 0.95
    probabilities = joint_probabilities(features, 10.0)
    assert probabilities.sum() == pytest.approx(1.0) and np.array_equal(probabilities, probabilities.T)
    picture = scatter_picture(places, groups, size=64)
    assert picture.shape == (64, 64, 3) and len(np.unique(picture.reshape(-1, 3), axis=0)) > 5
    with pytest.raises(ValueError, match="neighbours"):
        tsne(features[:5])
