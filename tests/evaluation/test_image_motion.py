import cv2
import numpy as np
import pytest

from likeness.evaluation.image_motion import optical_displacement


def textured(shape=(160, 200, 3)) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2.5)


def landmarks() -> np.ndarray:
    """Outer eye corners 100 pixels apart on a level line, everything else in the middle of the lower half."""
    points = np.zeros((478, 3))
    points[:, :2] = (100.0, 120.0)
    points[33, :2], points[263, :2] = (50.0, 40.0), (150.0, 40.0)
    return points


def test_what_did_not_move_is_exactly_zero():
    image = textured()
    assert (optical_displacement(image, image, landmarks()) == 0.0).all()


def test_a_moved_part_moves_and_the_rest_stays():
    image = textured()
    edited = image.copy()
    edited[80:] = np.roll(image[80:], (-3, 4), axis=(0, 1))  # 4 pixels to the right of the picture, 3 up
    moved = optical_displacement(image, edited, landmarks())
    np.testing.assert_allclose(moved[0], [4.0, 3.0, 0.0], atol=0.3)
    np.testing.assert_allclose(moved[[33, 263]], 0.0, atol=1e-12)


def test_the_axes_follow_a_tilted_head():
    image = textured()
    points = landmarks()
    points[33, :2], points[263, :2] = (100.0, 40.0), (100.0, 140.0)  # the subject's left points down in the picture
    moved = optical_displacement(image, np.roll(image, 2, axis=0), points)
    assert moved[0, 0] == pytest.approx(2.0, abs=0.3)
    assert moved[0, 1] == pytest.approx(0.0, abs=0.3)
