import numpy as np
import pytest

from likeness.evaluation.leakage import APPEARANCE_NUMBERS, appearance, leak


def test_the_way_from_source_to_driver():
    source, driver = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    assert leak(source, source, driver) == 0.0
    assert leak(driver, source, driver) == 1.0
    assert leak((source + driver) / 2 + np.array([0.0, 0.0, 7.0]), source, driver) == pytest.approx(0.5)
    assert np.isnan(leak(source, source, source))
    assert np.isnan(leak(np.full(3, np.nan), source, driver))


def landmarks() -> np.ndarray:
    points = np.random.default_rng(0).uniform(20.0, 80.0, (478, 3))
    points[33, :2], points[263, :2] = (30.0, 40.0), (70.0, 40.0)
    return points


def test_appearance_knows_hue_and_not_light():
    warm, cool = np.full((100, 100, 3), (180, 120, 100), np.uint8), np.full((100, 100, 3), (100, 120, 180), np.uint8)
    points = landmarks()
    seen = appearance(warm, points)
    assert seen.shape == (APPEARANCE_NUMBERS,)
    np.testing.assert_allclose(seen.reshape(-1, 3)[:, 0], 0.0, atol=1e-4)  # evenly lit
    half = (0.5 * warm + 0.5 * cool).astype(np.uint8)
    assert leak(appearance(half, points), seen, appearance(cool, points)) == pytest.approx(0.5, abs=0.15)
    assert np.isnan(appearance(warm, np.full((478, 3), np.nan))).all()
