import numpy as np
import pytest

from likeness.evaluation.metrics import PSNR_CAP, psnr, ssim
from likeness.evaluation.picture_measures import (
    FACE,
    FULL,
    OVAL_REGION,
    PERSON,
    SCALE_EXPONENTS,
    face_oval,
    l1,
    ms_ssim,
    picture_measures,
    regions_of,
    true_picture,
)
from likeness.evaluation.structure import luma_of, mean_ssim, windows_of
from likeness.heads.landmark_sets import OVAL

SIDE = 192


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    from pathlib import Path

    import likeness
    from likeness.media.crop import resize
    from likeness.media.images import read_image

    image = read_image(Path(likeness.__file__).parent / "assets" / "astronaut.jpg")
    return resize(image[:400, 60:460], SIDE, SIDE)


def everywhere(image: np.ndarray) -> np.ndarray:
    return np.ones(image.shape[:2], dtype=bool)


def blurred(image: np.ndarray, deviation: float) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(image, (0, 0), deviation)


def noisy(image: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(image.shape) * deviation
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_identical_pictures(face):
    row = picture_measures(face, true_picture(face, {FULL: everywhere(face)}))
    assert row == {"full_psnr": PSNR_CAP, "full_l1": 0.0, "full_ssim": pytest.approx(1.0), "full_ms_ssim": 1.0}


def test_whole_frames_agree_with_the_plain_measures(face):
    other = noisy(face, 12.0)
    row = picture_measures(other, true_picture(face, {FULL: everywhere(face)}))
    assert row["full_psnr"] == pytest.approx(psnr(other, face))
    assert row["full_ssim"] == pytest.approx(ssim(other, face), abs=1e-9)
    assert row["full_l1"] == pytest.approx(l1(other, face)) == pytest.approx(np.abs(other.astype(int) - face).mean())


def test_regions_see_their_own_pixels_alone(face):
    region = np.zeros((SIDE, SIDE), dtype=bool)
    region[:, : SIDE // 2] = True
    other = face.copy()
    other[:, SIDE // 2 :] = 255 - other[:, SIDE // 2 :]
    row = picture_measures(other, true_picture(face, {"left": region, "right": ~region}))
    assert (row["left_psnr"], row["left_l1"]) == (PSNR_CAP, 0.0)
    assert row["right_l1"] > 20.0 and row["right_ssim"] < 0.5 < row["left_ssim"]
    assert l1(other, face, ~region) == row["right_l1"]


def test_an_empty_region_and_a_small_picture_are_no_number(face):
    row = picture_measures(face, true_picture(face, {"none": ~everywhere(face)}))
    assert all(np.isnan(value) for value in row.values())
    small = face[:100, :100]
    row = picture_measures(small, true_picture(small, {FULL: everywhere(small)}))
    assert row["full_ssim"] == pytest.approx(1.0) and np.isnan(row["full_ms_ssim"])


@pytest.mark.parametrize("damage", [blurred, noisy])
def test_ladders_are_monotone(face, damage):
    ladder = [
        picture_measures(damage(face, size), true_picture(face, {FULL: everywhere(face)}))
        for size in (0.8, 2.0, 4.0, 8.0)
    ]
    for key, sign in (("full_psnr", -1), ("full_ssim", -1), ("full_ms_ssim", -1), ("full_l1", 1)):
        steps = np.diff([row[key] for row in ladder])
        assert (sign * steps > 0).all(), key


def test_ms_ssim_agrees_with_a_plain_version(face):
    """Filters of scipy, one scale after the other."""
    from scipy.ndimage import gaussian_filter

    other = noisy(blurred(face, 1.0), 10.0)
    a, b = (image @ np.array([0.299, 0.587, 0.114]) for image in (face, other))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = 1.0
    for number, exponent in enumerate(SCALE_EXPONENTS):
        mu_a, mu_b, aa, bb, ab = (gaussian_filter(x, 1.5, radius=5)[5:-5, 5:-5] for x in (a, b, a * a, b * b, a * b))
        structure = (2 * (ab - mu_a * mu_b) + c2) / (aa - mu_a**2 + bb - mu_b**2 + c2)
        if number == 4:
            structure = structure * (2 * mu_a * mu_b + c1) / (mu_a**2 + mu_b**2 + c1)
        expected *= structure.mean() ** exponent
        a, b = (x.reshape(len(x) // 2, 2, len(x) // 2, 2).mean(axis=(1, 3)) for x in (a, b))
    assert ms_ssim(other, face) == pytest.approx(expected, abs=1e-9)


def scikit_values(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    metrics = pytest.importorskip("skimage.metrics")
    luma = [image @ np.array([0.299, 0.587, 0.114]) for image in (first, second)]
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255.0}
    return (
        metrics.peak_signal_noise_ratio(second, first, data_range=255),
        metrics.structural_similarity(*luma, **options),
    )


def agree(made: np.ndarray, truth: np.ndarray) -> None:
    """On the whole picture and, where SSIM is that of a part's own windows, in a box."""
    box = (slice(20, -30), slice(40, -20))
    row = picture_measures(made, true_picture(truth, {FULL: everywhere(truth)}))
    assert (row["full_psnr"], row["full_ssim"]) == pytest.approx(scikit_values(made, truth), abs=1e-6)
    assert (psnr(made[box], truth[box]), ssim(made[box], truth[box])) == pytest.approx(
        scikit_values(made[box], truth[box]), abs=1e-6
    )


def test_psnr_and_ssim_agree_with_scikit_image_on_a_photo(face):
    agree(noisy(blurred(face, 1.0), 10.0), face)
    agree(np.roll(face, 3, axis=1), face)


def test_psnr_and_ssim_agree_with_scikit_image_on_clips(measuring_data):
    from likeness.evaluation.material import clip_paths, read_clip

    for clip in clip_paths(measuring_data)[:2]:
        first, later = read_clip(clip, (0, 25))
        agree(first, later)


def test_ms_ssim_agrees_with_torchmetrics(face):
    functional = pytest.importorskip("torchmetrics.functional.image")
    import torch

    other = noisy(blurred(face, 1.0), 10.0)
    first, second = (torch.from_numpy(image @ np.array([0.299, 0.587, 0.114]))[None, None] for image in (other, face))
    expected = functional.multiscale_structural_similarity_index_measure(first, second, data_range=255.0)
    assert ms_ssim(other, face) == pytest.approx(float(expected), abs=1e-4)


def test_regions_of_a_round_face():
    landmarks = np.full((478, 3), 96.0)
    angles = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False)
    landmarks[list(OVAL), :2] = 96.0 + 50.0 * np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    oval = face_oval(landmarks, SIDE, SIDE)
    assert oval.sum() == pytest.approx(np.pi * 50.0**2, rel=0.03)
    matte = np.zeros((SIDE, SIDE))
    matte[20:] = 0.9
    regions = regions_of(landmarks, SIDE, SIDE, matte)
    assert set(regions) == {FULL, FACE, OVAL_REGION, PERSON}
    assert not (oval & ~regions[FACE]).any() and regions[PERSON].sum() == (SIDE - 20) * SIDE
    assert set(regions_of(np.full((478, 3), np.nan), SIDE, SIDE, None)) == {FULL}


def test_a_part_of_a_picture_has_the_windows_of_the_whole(face):
    box = (slice(20, 120), slice(7, 90))
    whole, part = windows_of(luma_of(face)).cut(box), windows_of(luma_of(face[box]))
    for name in ("luma", "mean", "square"):
        np.testing.assert_allclose(getattr(whole, name), getattr(part, name), rtol=1e-12)
    other = windows_of(luma_of(blurred(face, 2.0)[box]))
    assert mean_ssim(whole, other) == pytest.approx(ssim(face[box], blurred(face, 2.0)[box]), abs=1e-12)
    with pytest.raises(ValueError, match="one shape"):
        mean_ssim(windows_of(luma_of(face)), other)
    with pytest.raises(ValueError, match="11 x 11"):
        windows_of(luma_of(face[:8]))


def test_sizes_must_agree(face):
    with pytest.raises((ValueError, TypeError)):
        picture_measures(face, true_picture(face[:-1], {FULL: everywhere(face)}))
    with pytest.raises((ValueError, TypeError)):
        picture_measures(face, true_picture(face, {FULL: everywhere(face)[:-1]}))
