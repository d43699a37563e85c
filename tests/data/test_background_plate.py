"""Plates without a person, and without a head."""

import numpy as np

from likeness.data.background_plate import background_plate, head_mask, headless_plate
from likeness.data.head_square import head_square, matte_in_square
from likeness.tracking.posed import posed_head
from tests.flow_warp.portraits import portrait

SIZE = 128


def test_the_body_stays_in_the_plate_and_the_head_does_not() -> None:
    whole = portrait()
    square = head_square(whole, SIZE)
    matte = matte_in_square(whole.image, square.window, SIZE)
    posed = posed_head(whole.head, whole.shape, whole.rest, square.camera)
    empty, headless = (make(square.image, matte, posed) for make in (background_plate, headless_plate))
    chest = np.zeros((SIZE, SIZE), dtype=bool)
    chest[-8:] = matte[-8:] > 0.999
    assert chest.sum() > 100
    kept, removed = (np.abs(plate[chest].astype(int) - square.image[chest]).mean() for plate in (headless, empty))
    assert removed > 20.0 and kept < 0.1 * removed
    middle = posed.camera.project(posed.T_cam_head.translation[None])[0, 1]
    np.testing.assert_array_equal(headless[: int(middle)], empty[: int(middle)])
    face = head_mask(posed, SIZE)[: int(middle)]
    assert np.abs(headless[: int(middle)][face].astype(int) - square.image[: int(middle)][face]).mean() > 20.0
    outside = matte == 0.0
    np.testing.assert_array_equal(headless[outside], empty[outside])
