"""The plate: what stood in front leaves no trace, what is far away stays as it is."""

import numpy as np

from likeness.media.plate import build_backdrop

PIXELS_PER_METRE = 1200.0


def scene(background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A dark figure in the middle of a background, and its matte."""
    person = np.zeros(background.shape[:2], np.float32)
    person[60:200, 70:130] = 1.0
    image = background.copy()
    image[person > 0] = (60, 30, 20)
    return image, person


def test_figure_before_a_plain_wall_leaves_no_ghost() -> None:
    background = np.full((200, 200, 3), 180, np.uint8)
    image, person = scene(background)
    backdrop = build_backdrop(image, person, person > 0.5, PIXELS_PER_METRE)
    assert np.abs(backdrop.plate.astype(int) - 180).max() <= 3


def test_slow_gradient_is_continued() -> None:
    ramp = np.linspace(60, 200, 200)[None, :, None]
    background = np.broadcast_to(ramp, (200, 200, 3)).astype(np.uint8)
    image, person = scene(background)
    backdrop = build_backdrop(image, person, person > 0.5, PIXELS_PER_METRE)
    assert np.abs(backdrop.plate.astype(int) - background).mean() < 6


def test_alpha_covers_the_figure_and_nothing_far_from_it() -> None:
    image, person = scene(np.full((200, 200, 3), 180, np.uint8))
    backdrop = build_backdrop(image, person, person > 0.5, PIXELS_PER_METRE)
    assert (backdrop.alpha[person > 0] == 255).all()
    assert (backdrop.alpha[:, :30] == 0).all() and (backdrop.alpha[:, 170:] == 0).all()
    np.testing.assert_array_equal(backdrop.plate[:, :30], image[:, :30])
