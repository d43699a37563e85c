import numpy as np
import pytest

from likeness.evaluation import identity
from likeness.evaluation.comparison import (
    Performance,
    score_against_driver,
    score_against_real,
    spread,
    still_performance,
)
from tests.evaluation.copying import shipped_face, sliding_clip

KEYS = ("landmark", "face_psnr", "face_ssim", "pose", "mouth_error", "eye_error", "flicker", "missed")


def test_copying_scores_exactly_as_the_baseline():
    clip = sliding_clip(shipped_face(), num_frames=6)
    row = score_against_real([clip[0]] * 6, clip, range(6))
    assert row["frames"] == 6
    for key in KEYS:
        assert row[key] == row[f"{key}_copy"], key


def test_the_truth_scores_perfectly_and_copying_by_its_shift():
    clip = sliding_clip(shipped_face(), shift=2, num_frames=6)
    row = score_against_real(clip, clip, range(6))
    assert row["landmark"] == 0.0
    assert row["face_psnr"] == 100.0
    assert row["flicker"] == pytest.approx(1.0)
    assert row["missed"] == 0
    assert 0.0 < row["landmark_copy"] < 60.0
    assert row["flicker_copy"] < 0.1


def test_change_is_taken_between_neighbours_alone():
    face = shipped_face()
    clip = [face, np.roll(face, 1, axis=1), face]
    row = score_against_real(clip, clip, (0, 4, 8))
    assert np.isnan(row["flicker"])


def test_a_picture_without_a_face_is_missed():
    clip = sliding_clip(shipped_face(), num_frames=3)
    row = score_against_real([np.zeros_like(clip[0])] * 3, clip, range(3))
    assert row["missed"] == 3
    assert row["landmark"] == 100.0


def performance(opening: np.ndarray) -> Performance:
    """A face that stands still except for its mouth."""
    landmarks = np.random.default_rng(0).normal(0.0, 50.0, (478, 3))
    landmarks[10], landmarks[152] = (0.0, -100.0, 0.0), (0.0, 100.0, 0.0)
    frames = np.repeat(landmarks[None], len(opening), axis=0)
    frames[:, 13] = 0.0
    frames[:, 14] = np.stack([np.zeros(len(opening)), 200.0 * opening, np.zeros(len(opening))], axis=-1)
    return Performance(landmarks=frames, embeddings=np.ones((2, 128)))


def test_mouth_gain_and_identity_against_a_driver():
    opening = 0.1 + 0.05 * np.sin(np.arange(30.0))
    source = np.zeros(128)
    row = score_against_driver(performance(0.8 * opening), performance(opening), source, references=spread(30, 4))
    assert row["mouth_gain"] == pytest.approx(0.8)
    assert row["mouth_correlation"] == pytest.approx(1.0)
    assert row["pose"] == pytest.approx(0.0, abs=1e-4)
    assert row["identity_source"] == pytest.approx(np.sqrt(128))
    assert row["identity_driver"] == pytest.approx(0.0)
    assert np.isnan(row["gaze_gain"])  # the driver's gaze stands still


def test_a_copied_photo_has_no_gain():
    opening = 0.1 + 0.05 * np.sin(np.arange(30.0))
    still = performance(np.full(30, 0.1))
    row = score_against_driver(still, performance(opening), None, references=(0,))
    assert (row["mouth_gain"], row["mouth_correlation"]) == (pytest.approx(0.0), 0.0)
    assert "identity_source" not in row


@pytest.mark.skipif(not identity.is_available(), reason="needs the extra eval")
def test_identity_of_a_mirrored_face_stays_near():
    face = shipped_face()
    embed = identity.load_embedder()
    own, mirrored = (still_performance(np.ascontiguousarray(image), 1, embed) for image in (face, face[:, ::-1]))
    assert identity.identity_distance(own.embeddings, own.embeddings[0])[0] == 0.0
    assert identity.identity_distance(own.embeddings, mirrored.embeddings[0])[0] < 0.45


def test_spread_reaches_both_ends():
    assert spread(10, 4) == (0, 3, 6, 9)
    assert spread(3, 8) == (0, 1, 2)
