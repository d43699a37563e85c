"""Two-sided and causal smoothing on signals whose truth is known."""

import numpy as np
import pytest

from likeness.geometry.rotation import axis_angle_from_matrix, geodesic_angle, matrix_from_axis_angle
from likeness.motion.one_euro import smooth_causal
from likeness.motion.smoothing import noise_deviation, smooth_two_sided
from tests.heads_for_tests import still_motion, tiny_head

FPS = 25.0
FRAMES = 250
TIMES = np.arange(FRAMES) / FPS


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def motion_with(expression, rotation_offset=None, times=TIMES, **arrays):
    """A motion whose every expression channel is `expression` (T,) or (T, E), turned by `rotation_offset` (T, 3)."""
    head = tiny_head()
    motion = still_motion(head, len(times), FPS)
    expression = np.broadcast_to(np.reshape(expression, (len(times), -1)), (len(times), head.num_expression)).copy()
    rotation = motion.rotation
    if rotation_offset is not None:
        rotation = axis_angle_from_matrix(
            matrix_from_axis_angle(motion.rotation) @ matrix_from_axis_angle(rotation_offset)
        )
    return motion.with_frames(expression=expression, rotation=rotation, times=times, **arrays)


def noise(size, seed=0, width=7):
    return size * np.random.default_rng(seed).standard_normal((FRAMES, width))


def test_noise_is_measured_under_motion():
    clean = 0.3 * np.sin(2 * np.pi * 0.8 * TIMES)[:, None]
    measured = noise_deviation(clean + noise(0.01), TIMES, np.ones(FRAMES, bool))
    np.testing.assert_allclose(measured, 0.01, rtol=0.35)
    assert abs(measured.mean() - 0.01) < 0.0015
    assert (noise_deviation(np.zeros((FRAMES, 2)), TIMES, np.ones(FRAMES, bool)) == 0).all()
    assert (noise_deviation(noise(1.0), TIMES, np.zeros(FRAMES, bool)) == 0).all()


@pytest.mark.parametrize(
    ("hertz", "amplitude", "factor"), [(0.0, 0.0, 2.0), (0.3, 0.3, 1.7), (1.5, 0.3, 1.1)], ids=["still", "slow", "fast"]
)
def test_error_falls_by_a_factor(hertz, amplitude, factor):
    clean = amplitude * np.sin(2 * np.pi * hertz * TIMES)[:, None]
    added = noise(0.02)
    error = smooth_two_sided(motion_with(clean + added)).expression - clean
    assert rms(error) < rms(added) / factor
    if hertz == 0:  # what remains must not be seen to move
        assert np.abs(np.diff(error, axis=0)).mean() < 0.25 * np.abs(np.diff(added, axis=0)).mean()


def test_sinusoid_is_not_shrunk():
    clean = 0.3 * np.sin(2 * np.pi * 2.0 * TIMES)[:, None]
    result = smooth_two_sided(motion_with(clean)).expression
    assert rms(result) > 0.97 * rms(clean)


def test_step_and_blink_stay_crisp():
    step = 0.5 * (TIMES >= 5.0)[:, None]
    result = smooth_two_sided(motion_with(step + noise(0.01))).expression
    assert (np.argmax(result > 0.25, axis=0) == 125).all()  # no lag
    assert result.min() > -0.05 and result.max() < 0.55  # no overshoot beyond a tenth
    blink = 0.3 - 0.28 * np.exp(-0.5 * ((TIMES % 2.0 - 1.0) / 0.05) ** 2)[:, None]  # about three frames wide
    lids = smooth_two_sided(motion_with(0.0 * TIMES, lids=blink + noise(0.004, width=2))).lids
    troughs = [lids[start : start + 50].min() for start in range(0, FRAMES, 50)]
    assert max(troughs) < 0.06
    assert rms(np.diff(lids[30:45], axis=0)) < 0.004


@pytest.mark.parametrize("smooth", [smooth_two_sided, smooth_causal])
def test_rotation_near_half_a_turn(smooth):
    """Axis-angle vectors flip sign at half a turn; the smoothed rotation must not notice."""
    jitter = 0.01 * np.random.default_rng(1).standard_normal((FRAMES, 3))
    motion = motion_with(0.0 * TIMES, rotation_offset=jitter)
    assert np.abs(np.diff(motion.rotation[:, 0])).max() > 6.0  # it does flip
    truth = matrix_from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    angles = geodesic_angle(matrix_from_axis_angle(smooth(motion).rotation), np.broadcast_to(truth, (FRAMES, 3, 3)))
    assert rms(angles[25:]) < rms(np.linalg.norm(jitter, axis=1)) / (1.4 if smooth is smooth_two_sided else 1.6)


def test_place_on_screen_and_depth():
    generator = np.random.default_rng(2)
    clean = np.array([0.1, -0.05, 0.6])
    depth_noise = 1 + 0.03 * generator.standard_normal((FRAMES, 1))
    motion = motion_with(0.0 * TIMES, translation=clean * depth_noise)  # the depth errs, the place on screen does not
    result = smooth_two_sided(motion).translation
    np.testing.assert_allclose(result[:, 0] / result[:, 2], clean[0] / clean[2], atol=1e-6)
    assert rms(result[:, 2] / 0.6 - 1) < 0.03 / 3


def test_variable_frame_rate():
    generator = np.random.default_rng(4)
    times = np.cumsum(generator.uniform(0.01, 0.08, FRAMES))
    times -= times[0]
    clean = (0.2 * times - 0.5)[:, None]  # a parabola fit passes straight lines unchanged
    np.testing.assert_allclose(
        smooth_two_sided(motion_with(clean, times=times)).expression, clean + 0 * noise(1), atol=1e-6
    )
    result = smooth_two_sided(motion_with(clean + noise(0.02), times=times)).expression
    assert rms(result - clean) < 0.02 / 1.8


def test_frames_without_a_face_hardly_count():
    values, valid = np.zeros(FRAMES), np.ones(FRAMES, bool)
    values[100:110], valid[100:110] = 1.0, False
    result = smooth_two_sided(motion_with(values, valid=valid)).expression
    assert np.abs(result[[98, 99, 110, 111]]).max() < 0.02


def test_strength_and_short_clips():
    motion = motion_with(noise(0.02))
    assert smooth_two_sided(motion, strength=0.0) is motion
    light, full = (rms(smooth_two_sided(motion, strength=s).expression) for s in (0.3, 1.0))
    assert full < light < rms(motion.expression)
    for count in (1, 2, 4, 5, 6):
        short = still_motion(tiny_head(), count)
        np.testing.assert_allclose(smooth_two_sided(short).expression, 0.0, atol=1e-12)
        np.testing.assert_allclose(smooth_causal(short).translation, short.translation, atol=1e-12)
    with pytest.raises(ValueError, match="strength"):
        smooth_two_sided(motion, strength=-1.0)


def test_causal_filter_looks_back_only_and_follows():
    clean = 0.3 * np.sin(2 * np.pi * 0.3 * TIMES)[:, None]
    motion = motion_with(clean + noise(0.02))
    result = smooth_causal(motion).expression
    changed = motion.expression.copy()
    changed[200:] += 1.0
    np.testing.assert_array_equal(smooth_causal(motion.with_frames(expression=changed)).expression[:200], result[:200])
    assert rms(np.diff(result - clean, axis=0)) < 0.5 * rms(np.diff(noise(0.02), axis=0))
    step = smooth_causal(motion_with(0.5 * (TIMES >= 5.0))).expression[:, 0]
    assert step[125 + 2] > 0.45 and step.max() <= 0.5 + 1e-9


def test_a_long_clip_is_smoothed_in_parts_without_seams(monkeypatch):
    motion = motion_with(noise(0.02), rotation_offset=noise(0.01, seed=1, width=3))
    whole = smooth_two_sided(motion)
    monkeypatch.setattr("likeness.motion.smoothing._FRAMES_AT_ONCE", 40)
    parts = smooth_two_sided(motion)
    for name in ("expression", "rotation", "translation"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-12)
