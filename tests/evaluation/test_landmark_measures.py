import numpy as np
import pytest

from likeness.evaluation.landmark_measures import REGIONS, keypoint_distance, region_errors
from likeness.heads.landmark_sets import OUTER_EYE_CORNERS


def face() -> np.ndarray:
    points = np.random.default_rng(0).uniform(100.0, 400.0, (3, 478, 3))
    right, left = OUTER_EYE_CORNERS
    points[:, right], points[:, left] = (200.0, 200.0, 0.0), (300.0, 200.0, 0.0)
    return points


def test_akd_of_a_shift_counts_coordinates_at_256():
    real = face()
    made = real + np.array([3.0, -1.0, 9.0])  # depth does not count
    np.testing.assert_allclose(keypoint_distance(made, real, width=512, height=384), (3.0 + 1.0) / 2 / 2)


def test_a_region_has_its_own_error():
    real = face()
    made = real.copy()
    made[:, list(REGIONS["mouth"]), 0] += 3.0
    made[:, list(REGIONS["mouth"]), 1] += 4.0
    errors = region_errors(made, real)
    np.testing.assert_allclose(errors["mouth"], 5.0)  # percent of 100 pixels
    assert all((errors[name] == 0.0).all() for name in ("outline", "brows", "eyes", "irises", "nose"))


def test_missing_faces_are_no_number():
    real, made = face(), face()
    made[1] = np.nan
    assert np.isnan(keypoint_distance(made, real, width=10, height=10)).tolist() == [False, True, False]
    assert np.isnan(region_errors(made, real)["eyes"]).tolist() == [False, True, False]


def test_regions_hold_the_landmarks_of_their_names():
    assert {13, 14, 61, 291} <= set(REGIONS["mouth"]) and {33, 263} <= set(REGIONS["eyes"])
    assert len(REGIONS["brows"]) == 10 and len(REGIONS["nose"]) == 9
    for name, chosen in REGIONS.items():
        assert len(set(chosen)) == len(chosen), name
    assert 1 not in REGIONS["mouth"] and pytest.approx(10) == len(REGIONS["irises"])
