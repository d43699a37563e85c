"""Harmonic fields against closed forms."""

import numpy as np

from likeness.flow_warp.fields import harmonic_extension, harmonic_fill


def test_membrane_between_two_walls_is_a_ramp() -> None:
    known = np.zeros((5, 11), dtype=bool)
    known[:, 0] = known[:, -1] = True
    values = np.zeros((5, 11))
    values[:, -1] = 10.0
    np.testing.assert_allclose(harmonic_fill(known, values), np.tile(np.arange(11.0), (5, 1)), atol=1e-9)


def test_all_known_is_unchanged() -> None:
    values = np.random.default_rng(0).normal(size=(4, 6))
    np.testing.assert_array_equal(harmonic_fill(np.ones((4, 6), dtype=bool), values), values)


def test_damped_extension_is_linear_keeps_known_values_and_dies_out() -> None:
    known = np.zeros((15, 15), dtype=bool)
    known[6:9, 6:9] = True
    extension = harmonic_extension(known, ~known, damped=True)
    one = extension(np.ones((9, 1)))[..., 0]
    np.testing.assert_allclose(one[known], 1.0)
    assert one.max() <= 1.0 and one.min() >= 0.0
    assert one[7, 12] < one[7, 10] < one[7, 9] < 1.0
    np.testing.assert_allclose(extension(3.0 * np.ones((9, 1)))[..., 0], 3.0 * one, atol=1e-12)
