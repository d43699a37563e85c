"""What is behind a person, and which of the person does not turn with the head."""

import numpy as np

from likeness.data.background_plate import background_plate, body_matte, head_mask
from likeness.data.head_square import head_square, matte_in_square
from likeness.tracking.posed import posed_head
from tests.flow_warp.portraits import portrait

SIZE = 128


def test_the_body_is_what_does_not_turn_with_the_head() -> None:
    whole = portrait()
    square = head_square(whole, SIZE)
    matte = matte_in_square(whole.image, square.window, SIZE)
    posed = posed_head(whole.head, whole.shape, whole.rest, square.camera)
    body = body_matte(matte, posed)
    assert 0.0 <= body.min() and (body <= matte).all()
    chest = matte[-8:] > 0.999
    assert chest.sum() > 100
    np.testing.assert_allclose(body[-8:][chest], 1.0, atol=1e-3)
    points = posed.camera.project(posed.vertices)
    middle = int(posed.camera.project(posed.T_cam_head.translation[None])[0, 1])
    assert body[:middle].max() < 0.05
    nose = points[1].astype(int)
    assert body[nose[1] - 3 : nose[1] + 4, nose[0] - 3 : nose[0] + 4].max() == 0.0


def test_the_person_is_gone_from_the_plate() -> None:
    whole = portrait()
    square = head_square(whole, SIZE)
    matte = matte_in_square(whole.image, square.window, SIZE)
    posed = posed_head(whole.head, whole.shape, whole.rest, square.camera)
    plate = background_plate(square.image, matte, posed)
    face = head_mask(posed, SIZE)
    assert np.abs(plate[face].astype(int) - square.image[face]).mean() > 20.0
