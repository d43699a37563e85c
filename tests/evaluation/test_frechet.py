import numpy as np
import pytest

from likeness.evaluation.frechet import frechet_distance


def samples(seed: int, count: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 6))


def test_the_same_set_has_no_distance_and_a_shift_its_square():
    first = samples(0)
    assert frechet_distance(first, first) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(first, first + np.array([3.0, 4.0, 0, 0, 0, 0])) == pytest.approx(25.0)


def test_a_scaled_set_has_the_distance_of_its_deviations():
    """Of axis-parallel normals: the sum of squared differences of the deviations."""
    first = samples(1)
    covariance = np.cov(first, rowvar=False)
    assert frechet_distance(first, 2.0 * first) == pytest.approx(
        np.trace(covariance) + (first.mean(axis=0) ** 2).sum(), rel=1e-9
    )


def test_normals_of_known_mean_and_covariance():
    """Sets whose mean and covariance are exactly the asked ones: the closed form of 2 x 2."""

    def drawn(seed: int, mean: list[float], covariance: np.ndarray) -> np.ndarray:
        rows = np.random.default_rng(seed).standard_normal((50, 2))
        rows -= rows.mean(axis=0)
        white = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows, rowvar=False)).T)
        return white @ np.linalg.cholesky(covariance).T + mean

    first, second = np.array([[2.0, 0.6], [0.6, 1.0]]), np.array([[1.0, -0.4], [-0.4, 3.0]])
    found = frechet_distance(drawn(0, [1.0, 2.0], first), drawn(1, [4.0, -2.0], second))
    product = first @ second  # of the root of a 2 x 2 matrix: trace^2 = trace of the matrix + 2 root of its determinant
    root_trace = np.sqrt(np.trace(product) + 2.0 * np.sqrt(np.linalg.det(product)))
    assert found == pytest.approx(25.0 + np.trace(first) + np.trace(second) - 2.0 * root_trace, rel=1e-9)


def test_it_agrees_with_a_matrix_root():
    from scipy.linalg import sqrtm

    first, second = samples(2), samples(3, 300) @ np.diag([1.0, 2.0, 0.5, 1.0, 3.0, 1.0]) + 0.3
    covariances = [np.cov(each, rowvar=False) for each in (first, second)]
    shift = first.mean(axis=0) - second.mean(axis=0)
    expected = shift @ shift + np.trace(
        covariances[0] + covariances[1] - 2.0 * sqrtm(covariances[0] @ covariances[1]).real
    )
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)


def test_noise_is_a_ladder_and_fewer_pictures_than_features_do():
    first = samples(4, 40) @ np.random.default_rng(5).standard_normal((6, 100))
    noise = np.random.default_rng(6).standard_normal(first.shape)
    ladder = [frechet_distance(first, first + size * noise) for size in (0.0, 0.1, 0.5, 2.0)]
    assert (np.diff(ladder) > 0).all()
    with pytest.raises(ValueError, match="two samples"):
        frechet_distance(first[:1], first)
