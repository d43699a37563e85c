import numpy as np
import pytest

from likeness.evaluation.metrics import PSNR_CAP, face_box, flicker_ratio, mean_difference, psnr, response, ssim


def noise(seed: int, shape=(40, 60, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, shape).astype(np.uint8)


def test_psnr_of_a_known_difference():
    image = noise(0)
    assert psnr(image, image + np.uint8(5)) == pytest.approx(20 * np.log10(255 / 5))
    assert psnr(image, image) == PSNR_CAP


def test_mean_difference_does_not_wrap():
    black, white = np.zeros((2, 3, 3), np.uint8), np.full((2, 3, 3), 255, np.uint8)
    assert mean_difference(black, white) == 255.0


def test_ssim_of_identical_images_is_one_and_falls_with_noise():
    image = noise(1)
    other = np.clip(image.astype(int) + np.random.default_rng(2).normal(0, 40, image.shape), 0, 255).astype(np.uint8)
    assert ssim(image, image) == pytest.approx(1.0)
    assert ssim(image, other) < 0.95


def test_ssim_of_constants_is_the_luminance_term():
    first, second = np.full((20, 20, 3), 100, np.uint8), np.full((20, 20, 3), 120, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim(first, second) == pytest.approx((2 * 100 * 120 + c1) / (100**2 + 120**2 + c1), abs=1e-6)


def test_ssim_agrees_with_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    first, second = noise(3), noise(4)
    luma = [image @ np.array([0.299, 0.587, 0.114]) for image in (first, second)]
    expected = metrics.structural_similarity(
        *luma, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255.0
    )
    assert ssim(first, second) == pytest.approx(expected, abs=1e-6)


def test_shapes_must_agree():
    with pytest.raises((ValueError, TypeError)):  # TypeError where shapes are checked at run time
        psnr(noise(0), noise(0, (40, 61, 3)))


def test_face_box_is_the_extent_and_a_tenth():
    landmarks = np.zeros((478, 3))
    landmarks[:, :2] = (50.0, 60.0)
    landmarks[0, :2], landmarks[1, :2] = (40.0, 50.0), (60.0, 90.0)
    assert face_box(landmarks, 200, 200) == (slice(46, 94), slice(38, 62))


def test_face_box_stays_inside():
    landmarks = np.zeros((478, 3))
    landmarks[0, :2] = (500.0, 500.0)
    rows, columns = face_box(landmarks, 100, 120)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (0, 100, 0, 120)


def test_gain_and_correlation_of_a_scaled_signal():
    cause = np.sin(np.linspace(0, 9, 50))
    measured = response(cause, 0.7 * cause + 3.0)
    assert measured.gain == pytest.approx(0.7)
    assert measured.correlation == pytest.approx(1.0)
    assert response(cause, -cause).correlation == pytest.approx(-1.0)


def test_gain_ignores_missing_entries():
    cause = np.linspace(0.0, 1.0, 20)
    effect = 2.0 * cause
    effect[3], cause[7] = np.nan, np.nan
    assert response(cause, effect).gain == pytest.approx(2.0)


def test_no_gain_where_the_cause_stands_still():
    cause = 1e-3 * np.sin(np.arange(20.0))
    assert np.isnan(response(cause, cause, least_deviation=0.01).gain)


def test_an_effect_that_stands_still_has_no_gain():
    measured = response(np.arange(10.0), np.ones(10))
    assert (measured.gain, measured.correlation) == (0.0, 0.0)


def test_flicker_ratio():
    assert flicker_ratio(np.array([1.95, 3.95]), np.array([0.95, 1.95])) == pytest.approx(2.0)
    assert np.isnan(flicker_ratio(np.array([]), np.array([])))
