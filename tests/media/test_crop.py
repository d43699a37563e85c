"""Windows, their content, and the way back."""

import numpy as np
import pytest

from likeness.media.crop import CropWindow, clip_window, extract, paste_back, resize, square_window

NOISE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def test_square_window_is_centred_with_its_margin():
    assert square_window(np.array([30.0, 20.0, 50.0, 30.0]), 0.5) == CropWindow(left=20, top=5, size=40)
    with pytest.raises(ValueError, match="area"):
        square_window(np.array([30.0, 20.0, 30.0, 30.0]), 0.5)


def test_clip_window_moves_before_it_shrinks():
    assert clip_window(CropWindow(left=-10, top=50, size=30), 80, 60) == CropWindow(left=0, top=30, size=30)
    assert clip_window(CropWindow(left=5, top=-20, size=100), 80, 60) == CropWindow(left=20, top=0, size=60)
    inside = CropWindow(left=3, top=4, size=20)
    assert clip_window(inside, 80, 60) == inside


@pytest.mark.parametrize("window", [(10, 5, 30), (-7, -9, 30), (70, 50, 30), (-30, 10, 20), (90, 70, 9), (-5, -5, 99)])
def test_extract_repeats_the_border(window):
    window = CropWindow(left=window[0], top=window[1], size=window[2])
    rows = np.clip(np.arange(window.top, window.top + window.size), 0, 59)
    columns = np.clip(np.arange(window.left, window.left + window.size), 0, 79)
    np.testing.assert_array_equal(extract(NOISE, window, window.size), NOISE[rows][:, columns])


def test_resize_averages_when_it_shrinks_and_keeps_edges_in_place():
    blocks = NOISE.reshape(30, 2, 40, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(NOISE, 40, 30), blocks, atol=0.51)
    ramp = np.broadcast_to((np.arange(16) * 16 + 8)[None, :, None], (16, 16, 3)).astype(np.uint8)  # value = 16 * x
    grown = resize(ramp, 32, 32)[16, 4:-4, 0]
    np.testing.assert_allclose(grown, 8 * (np.arange(4, 28) + 0.5), atol=1)


@pytest.mark.parametrize("window", [(10, 5, 30), (-7, -9, 30), (70, 50, 30), (-5, -5, 99), (200, 0, 10)])
@pytest.mark.parametrize("feather", [0.0, 5.0, 100.0])
def test_pasting_back_what_was_extracted_changes_nothing(window, feather):
    window = CropWindow(left=window[0], top=window[1], size=window[2])
    crop = extract(NOISE, window, window.size)
    np.testing.assert_array_equal(paste_back(NOISE, crop, window, feather), NOISE)


def test_the_border_of_a_pasted_crop_is_soft_inside_the_picture_only():
    black = np.zeros((60, 80, 3), np.uint8)
    white = np.full((40, 40, 3), 255, np.uint8)
    result = paste_back(black, white, CropWindow(left=0, top=10, size=40), 8.0)[..., 0].astype(int)
    assert result[30, 0] == 255 and result[30, 31] == 255  # the left side lies on the picture's border
    assert np.all(np.diff(result[30, 31:41]) <= 0) and 0 < result[30, 39] < 10 and result[30, 40] == 0
    assert np.all(np.diff(result[9:19, 20]) >= 0) and 0 < result[10, 20] < 10 and result[9, 20] == 0
    np.testing.assert_array_equal(result[10:50, 20], result[10:50, 20][::-1])
    assert black.max() == 0
