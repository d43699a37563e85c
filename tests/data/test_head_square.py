"""The square around a head, beyond the photo's rim too."""

import numpy as np

from likeness.data.head_square import inside_photo
from likeness.media.crop import CropWindow


def test_pixels_beyond_the_rim_are_not_the_photos() -> None:
    photo = np.zeros((20, 40, 3), np.uint8)
    found = inside_photo(photo, CropWindow(left=-8, top=4, size=32), 16)
    assert found[:8, 4:].all() and found.sum() == 8 * 12
    assert inside_photo(photo, CropWindow(left=3, top=2, size=16), 16).all()
