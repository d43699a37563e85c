import numpy as np
import pytest

from likeness.errors import InputError
from likeness.evaluation.frechet import Features, frechet_distance, read_features


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
    with pytest.raises(ValueError, match="two pictures"):
        frechet_distance(first[:1], first)


def test_features_are_kept_by_clip(tmp_path):
    features = Features(network=lambda picture: picture.mean(axis=(0, 1)))
    features.look(np.full((4, 4, 3), 9, np.uint8), {"": np.zeros((4, 4, 3), np.uint8)})
    features.write(tmp_path / "a.npz")
    features.write(tmp_path / "b.npz")
    found = read_features([tmp_path / "a.npz", tmp_path / "b.npz", tmp_path / "missing.npz"])
    assert found["clip"].tolist() == [[9.0] * 3] * 2 and found[""].tolist() == [[0.0] * 3] * 2
    features.look(None, {"@x": np.ones((4, 4, 3), np.uint8)})
    features.write(tmp_path / "c.npz")
    found = read_features([tmp_path / f"{name}.npz" for name in "abc"])
    assert set(found) == {"clip", "", "@x"} and len(found["clip"]) == 1  # every method on the same clips
    (tmp_path / "d.npz").write_bytes(b"nothing")
    with pytest.raises(InputError):
        read_features([tmp_path / "d.npz"])
