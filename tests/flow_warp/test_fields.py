"""Harmonic fields and pyramid filling against closed forms."""

import numpy as np

from likeness.flow_warp.fields import harmonic_extension, harmonic_fill, push_pull, smoothstep


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


def test_push_pull_keeps_known_pixels_and_fills_a_constant_exactly() -> None:
    image = np.full((33, 47, 3), 70.0, np.float32)
    weight = np.ones((33, 47), np.float32)
    weight[10:20, 15:30] = 0.0
    image[weight == 0] = 255.0
    np.testing.assert_allclose(push_pull(image, weight), 70.0, atol=1e-3)


def test_smoothstep_ends() -> None:
    np.testing.assert_allclose(smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])), [0, 0, 0.5, 1, 1])
