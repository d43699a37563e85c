import cv2
import numpy as np

from likeness.data.align import align, sample_at


def texture(seed: int, size: int = 128) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((size, size, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def moved(image: np.ndarray, right: float, down: float) -> np.ndarray:
    height, width = image.shape[:2]
    matrix = np.array([[1.0, 0.0, right], [0.0, 1.0, down]])
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def test_a_small_shift_is_found_and_undone():
    picture = texture(0)
    rendered = moved(picture, 1.5, -1.0)
    aligned = align(picture, rendered)
    inner = (slice(12, -12), slice(12, -12))
    np.testing.assert_allclose(np.median(aligned.flow[inner], axis=(0, 1)), [-1.5, 1.0], atol=0.1)
    before = np.abs(picture[inner].astype(float) - rendered[inner]).mean()
    after = np.abs(aligned.image[inner].astype(float) - rendered[inner]).mean()
    assert after < 0.12 * before and aligned.mask[inner].mean() > 0.99


def test_equal_pictures_stay_as_they_are():
    picture = texture(1)
    aligned = align(picture, picture)
    assert np.abs(aligned.flow).max() < 0.05 and aligned.mask.mean() > 0.97
    assert np.abs(aligned.image.astype(int) - picture)[4:-4, 4:-4].max() <= 3


def test_what_was_matched_too_far_away_is_masked():
    picture = texture(2)
    rendered = picture.copy()
    rendered[:, 64:] = moved(picture, 6.0, 0.0)[:, 64:]  # 6 of 128 pixels: 12 of 256
    aligned = align(picture, rendered)
    assert aligned.mask[16:-16, 12:48].mean() > 0.95
    assert aligned.mask[16:-16, 84:112].mean() < 0.1


def test_what_has_no_match_stays_to_be_learned_and_moves_with_its_surroundings():
    """Teeth that the renderer painted black: the target keeps them, at the place where the mouth is rendered."""
    picture = texture(3)
    rendered = moved(picture, 2.0, 0.0)
    cv2.circle(rendered, (64, 64), 9, (12, 8, 8), -1)
    aligned = align(picture, rendered)
    hole = np.hypot(*(np.indices((128, 128)) - 64)) < 8
    assert aligned.mask[hole].all()
    wanted = moved(picture, 2.0, 0.0)
    assert np.abs(aligned.image[hole].astype(float) - wanted[hole]).mean() < 12.0
    assert np.abs(aligned.image[hole].astype(float) - rendered[hole]).mean() > 60.0


def test_sampling_at_a_flow_reads_beside():
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[3, 5] = 200
    flow = np.zeros((8, 8, 2), np.float32)
    flow[..., 0], flow[..., 1] = 2.0, -1.0  # each place shows what lies two columns to the right, one row up
    shown, inside = sample_at(picture, flow)
    assert shown[4, 3, 0] == 200 and shown.sum() == 600
    assert not inside[:, 6:].any() and not inside[0].any() and inside[1:, :6].all()
