"""The half-pixel texture against bicubic lookups."""

import cv2
import numpy as np

from likeness.flow_warp.texture import MAX_FINE_PIXELS, make_texture, sample_texture
from tests.flow_warp.portraits import portrait


def identity(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([x + 0.5, y + 0.5], axis=-1)


def test_identity_returns_the_picture_exactly() -> None:
    image = np.random.default_rng(0).integers(0, 256, size=(31, 45, 4), dtype=np.uint8)
    np.testing.assert_array_equal(sample_texture(make_texture(image), identity(31, 45)), image)


def test_close_to_a_bicubic_lookup_on_a_photo() -> None:
    image = portrait().image
    positions = identity(*image.shape[:2]) * np.float32(0.93) + np.float32([7.3, 4.8])
    exact = cv2.remap(image, positions - np.float32(0.5), None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    difference = sample_texture(make_texture(image), positions).astype(int) - exact
    assert np.abs(difference).mean() < 1.0
    assert abs(difference.mean()) < 0.1


def test_outside_takes_the_nearest_edge() -> None:
    image = np.full((8, 8, 3), 90, np.uint8)
    positions = np.full((2, 2, 2), -50.0, np.float32)
    np.testing.assert_array_equal(sample_texture(make_texture(image), positions), 90)


def test_large_pictures_keep_their_own_grid() -> None:
    side = int(MAX_FINE_PIXELS**0.5) + 1
    image = np.zeros((side, side, 1), np.uint8)
    assert make_texture(image).samples is image
