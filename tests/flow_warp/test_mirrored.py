"""The mirrored half: nothing without a turn, the partner's colours times the gain where a cheek turns into view."""

import numpy as np

from likeness.flow_warp.mirrored import MirroredHalf, draw_mirrored_half
from likeness.flow_warp.texture import make_texture
from likeness.heads.builtin import landmark_mirror
from tests.flow_warp.portraits import portrait, prepared


def test_mirror_partners_are_mutual_and_keep_the_midline() -> None:
    mirror = landmark_mirror()
    np.testing.assert_array_equal(mirror[mirror], np.arange(468))
    for vertex in (1, 10, 152, 13, 14):
        assert mirror[vertex] == vertex
    assert mirror[33] == 263 and mirror[61] == 291


def test_nothing_is_drawn_while_nothing_turned_into_view() -> None:
    ready = prepared()
    layered = np.dstack([portrait().image[ready.window.slices], np.full(ready.plate.shape[:2], 7, np.uint8)])
    before = layered.copy()
    points = np.concatenate([ready.rest_pixels, np.ones((468, 1))], axis=1)
    draw_mirrored_half(layered, ready.layered, ready.mirrored, points=points, faces=ready.faces, shown=np.zeros(468))
    np.testing.assert_array_equal(layered, before)


def test_shown_hidden_vertices_take_their_partners_pixels_times_the_gain() -> None:
    ready = prepared()
    height, width = ready.plate.shape[:2]
    texture = make_texture(np.full((height, width, 4), 100, np.uint8))
    half = MirroredHalf(hidden=np.ones(468), pixels=ready.rest_pixels[landmark_mirror()], gain=np.full((468, 3), 1.5))
    layered = np.zeros((height, width, 4), np.uint8)
    points = np.concatenate([ready.rest_pixels, np.ones((468, 1))], axis=1)
    draw_mirrored_half(layered, texture, half, points=points, faces=ready.faces, shown=np.ones(468))
    column, row = ready.rest_pixels[[1, 50, 280]].astype(int).T
    np.testing.assert_allclose(layered[row, column, :3], 150, atol=1)
    assert (layered[row, column, 3] == 255).all()
    assert (layered[0] == 0).all()
