import numpy as np
import pytest

from likeness.evaluation.temporal import background_change, jitter, jitter_spectrum, longest_run

FPS = 25.0
TIMES = np.arange(200) / FPS


def wave(hertz: float, size: float) -> np.ndarray:
    return size * np.sin(2 * np.pi * hertz * TIMES)


def test_a_wave_has_its_power_at_its_frequency():
    signal = np.stack([wave(10.0, 0.3), wave(1.0, 5.0)], axis=1)
    spectrum = jitter_spectrum(signal, FPS)
    assert spectrum.between(0.0) == pytest.approx(np.sqrt((0.3**2 + 5.0**2) / 2), rel=1e-2)
    assert jitter(signal, FPS) == pytest.approx(0.3 / np.sqrt(2), rel=1e-2)
    fast = spectrum.frequencies > 5.0
    assert spectrum.frequencies[fast][np.argmax(spectrum.power[fast])] == pytest.approx(10.0)


def test_drift_is_no_jitter_and_gaps_are_bridged():
    drift = np.stack([0.5 * TIMES], axis=1)
    assert jitter(drift, FPS) == pytest.approx(0.0, abs=1e-9)
    drift[50:53] = np.nan
    assert jitter(drift, FPS) == pytest.approx(0.0, abs=1e-9)


def test_jitter_grows_with_the_noise():
    noise = np.random.default_rng(0).standard_normal((200, 3))
    ladder = [jitter(size * noise, FPS) for size in (0.0, 0.1, 0.5, 2.0)]
    assert ladder[0] == 0.0
    assert (np.diff(ladder) > 0).all()


def test_a_short_sequence_tells_nothing():
    assert jitter_spectrum(np.zeros((15, 1)), FPS) is None
    assert np.isnan(jitter(np.zeros((15, 1)), FPS))


def test_only_the_background_counts():
    first = np.zeros((10, 10, 3), np.uint8)
    second = first.copy()
    second[:5], second[5:] = 200, 3
    background = np.zeros((10, 10), dtype=bool)
    background[5:] = True
    assert background_change(first, second, background) == 3.0
    assert background_change(second, first, background) == 3.0
    assert np.isnan(background_change(first, second, np.zeros((10, 10), dtype=bool)))


def test_the_longest_run():
    assert longest_run((0, 1, 5, 6, 7, 8, 20)) == slice(2, 6)
    assert longest_run(()) == slice(0, 0)
    assert longest_run((3, 4, 5)) == slice(0, 3)
