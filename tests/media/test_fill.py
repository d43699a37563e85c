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
