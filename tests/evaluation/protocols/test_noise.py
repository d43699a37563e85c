"""The noise protocol: a drawn head shows what it was drawn with, and known errors are told as such."""

import numpy as np
import pytest

from likeness.evaluation.drawn_photo import draw_moment
from likeness.evaluation.protocols import noise
from likeness.heads.builtin import builtin_head
from likeness.tracking.photo import portrait_from_image
from tests.evaluation.copying import shipped_face


@pytest.fixture(scope="module")
def portrait():
    return portrait_from_image(shipped_face(), builtin_head())


@pytest.fixture(scope="module")
def truth(portrait):
    return noise.performance(portrait, np.random.default_rng(0))


def test_the_photos_own_moment_gives_the_photo_back(portrait):
    drawn = draw_moment(portrait, portrait.rest).astype(int)
    low, high = (
        portrait.landmarks[:468, :2].min(axis=0).astype(int),
        portrait.landmarks[:468, :2].max(axis=0).astype(int),
    )
    middle = (slice(low[1] + 20, high[1] - 20), slice(low[0] + 20, high[0] - 20))
    assert np.abs(drawn - portrait.image)[middle].mean() < 4.0  # resampled twice
    assert np.abs(drawn - portrait.image)[:20].mean() > 4.0  # outside the head the photo is blurred


def test_the_truth_has_no_error(truth):
    row = noise.errors_of(truth, truth)
    assert row["missed"] == 0.0
    for name in ("rotation", "expression", "gaze", "lids", "jaw"):
        assert row[name] == pytest.approx(0.0, abs=1e-5), name
    for axis in noise.AXES:
        assert row[f"gain_{axis}"] == pytest.approx(1.0) and row[f"noise_{axis}"] == pytest.approx(0.0, abs=1e-6)


def test_offset_gain_and_noise_are_told_apart(truth):
    from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_yaw_pitch_roll
    from likeness.motion.pose import FRONTAL, frontal_angles

    angles = frontal_angles(truth.rotation)
    spoilt = angles * np.array([1.0, 0.8, 1.0]) + np.radians([2.0, 0.0, 0.0])
    spoilt[:, 2] += np.radians(0.5) * np.random.default_rng(0).standard_normal(len(truth))
    rotation = np.stack([axis_angle_from_matrix(FRONTAL @ matrix_from_yaw_pitch_roll(*row.tolist())) for row in spoilt])
    row = noise.errors_of(truth.with_frames(rotation=rotation), truth)
    assert row["gain_pitch"] == pytest.approx(0.8) and row["gain_yaw"] == pytest.approx(1.0)
    assert row["noise_yaw"] == pytest.approx(0.0, abs=1e-6) and row["noise_pitch"] == pytest.approx(0.0, abs=1e-6)
    assert row["noise_roll"] == pytest.approx(0.5, rel=0.4)
    assert row["rotation"] > 2.0


def test_lost_frames_do_not_tilt_the_line():
    true = np.linspace(-10.0, 10.0, 41)
    seen = 0.8 * true + 3.0
    seen[[4, 30]] = (40.0, -60.0)
    slope, left = noise.robust_line(true, seen)
    assert slope == pytest.approx(0.8) and noise.deviation(left) == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(noise.robust_line(np.ones(5), np.arange(5.0))[0])
    values = np.random.default_rng(0).normal(0.0, 2.0, 5000)
    assert noise.deviation(values) == pytest.approx(2.0, rel=0.05)


def test_a_report_states_the_floor(truth):
    row = {"item": "p", **noise.errors_of(truth, truth)}
    report = noise.report([row])
    floor = report.tables[0]
    assert floor.rows[0][:2] == ("noise of yaw, degrees", "0.00") and floor.rows[0][5] == "yes"
