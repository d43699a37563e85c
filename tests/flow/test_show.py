"""Pictures of a flow condition: colours, the carried photo, arrows, end-point errors."""

import numpy as np

from likeness.flow.condition import flow_condition
from likeness.flow.settings import FlowSettings
from likeness.flow.show import (
    carried_photo,
    channel_lines,
    draw_arrows,
    draw_wires,
    endpoint_errors,
    grey,
    mask_picture,
    vector_colours,
)
from tests.flow.plain_field import builtin_at

SETTINGS = FlowSettings(resolution=64, samples=2)
SOURCE, TARGET = builtin_at(), builtin_at(yaw=30.0)
SAME = flow_condition(SOURCE, SOURCE, SETTINGS, threads=1)
TURNED = flow_condition(TARGET, SOURCE, SETTINGS, threads=1)
PHOTO = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)


def test_colours_of_zero_and_of_the_largest():
    vectors = np.zeros((3, 1, 3), dtype=np.float32)
    vectors[:, 0, 1], vectors[:, 0, 2] = (1.0, -1.0, 0.5), (9.0, 0.0, 0.0)
    assert vector_colours(vectors, 1.0).tolist() == [[[128, 128, 128], [255, 0, 191], [255, 128, 128]]]
    assert grey(np.array([[-1.0, 0.0, 2.0]]), -1.0, 1.0)[..., 0].tolist() == [[0, 128, 255]]


def test_a_photo_carried_to_itself_is_itself():
    carried = carried_photo(PHOTO, SAME, marks_hidden=False)
    assert np.abs(carried.astype(int) - PHOTO).max() <= 1
    assert carried_photo(PHOTO, TURNED).shape == PHOTO.shape
    hidden = (TURNED.mask > 0) & (TURNED.visibility == 0)
    marked = carried_photo(np.full_like(PHOTO, 200), TURNED)
    assert (marked[hidden] == [90, 90, 150]).all() and (marked[~hidden] == 200).all()


def test_drawings_touch_the_head_alone():
    plain = np.zeros((128, 128, 3), dtype=np.uint8)
    assert draw_arrows(plain, TURNED).any() and not plain.any()
    wires = draw_wires(plain, TARGET).any(axis=2)
    reach = np.kron(TURNED.mask, np.ones((2, 2))) > 0
    assert wires.any() and (wires & ~reach).sum() < 0.2 * wires.sum()  # half a pixel of 64 around the outline
    assert (mask_picture(TURNED)[TURNED.mask == 0] == 0).all()


def test_endpoint_errors_of_points_on_the_surface():
    camera = SOURCE.camera.resized(1, 1)
    target, source = camera.project(TARGET.vertices[:468]), camera.project(SOURCE.vertices[:468])
    errors = endpoint_errors(TURNED, target, source)
    assert np.nanmedian(errors) < 0.003  # of the picture's width
    assert np.isnan(endpoint_errors(TURNED, np.array([[0.01, 0.01], [1.5, 0.5]]), np.zeros((2, 2)))).all()


def test_numbers_of_the_channels():
    channels = np.zeros((6, 2, 2), dtype=np.float32)
    channels[0], channels[3] = 1.0, 4.0
    lines = channel_lines(channels, 4.0, np.ones((2, 2), dtype=bool))
    assert lines[0] == "head x: mean +2.500, deviation 1.500, largest 4.000, clipped 50.00 %"
    assert len(lines) == 3
