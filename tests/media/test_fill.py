"""Filling of holes against closed forms."""

import numpy as np

from likeness.geometry.smoothstep import smoothstep
from likeness.media.fill import push_pull


def test_push_pull_keeps_known_pixels_and_fills_a_constant_exactly() -> None:
    image = np.full((33, 47, 3), 70.0, np.float32)
    weight = np.ones((33, 47), np.float32)
    weight[10:20, 15:30] = 0.0
    image[weight == 0] = 255.0
    np.testing.assert_allclose(push_pull(image, weight), 70.0, atol=1e-3)


def test_smoothstep_ends() -> None:
    np.testing.assert_allclose(smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])), [0, 0, 0.5, 1, 1])


def test_pixels_far_from_all_that_is_known_take_its_mean() -> None:
    image, weight = np.zeros((16, 24, 3), np.float32), np.zeros((16, 24), np.float32)
    image[:, 16:], weight[:, 16:] = 0.75, 1.0
    np.testing.assert_allclose(push_pull(image, weight), 0.75, atol=1e-5)
    np.testing.assert_array_equal(push_pull(image, 0.0 * weight), 0.0)  # where nothing is known
