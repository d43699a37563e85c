"""Contact sheets: size, letterboxing, captions, bad grids."""

import numpy as np
import pytest

from likeness.media.sheet import SheetStyle, contact_sheet, letterbox

RED = np.full((10, 20, 3), (255, 0, 0), np.uint8)


def test_letterbox_keeps_the_aspect_ratio():
    boxed = letterbox(RED, 40, 40, colour=(0, 0, 0))
    red = np.all(boxed == (255, 0, 0), axis=-1)
    assert red[10:30].all() and not red[:10].any() and not red[30:].any()


def test_grid_and_captions():
    style = SheetStyle(cell_width=40, cell_height=30, gap=4)
    plain = contact_sheet([[RED, RED], [RED, None]], style=style)
    assert plain.shape == (4 + 2 * 34, 4 + 2 * 44, 3)
    assert plain[4 + 34 + 15, 4 + 44 + 20].tolist() == [255, 255, 255]  # the blank cell
    captioned = contact_sheet(
        [[RED, RED], [RED]],
        row_captions=["one", "two\nlines"],
        column_captions=["a", "much too long a caption"],
        style=style,
    )
    assert captioned.shape[0] > plain.shape[0] and captioned.shape[1] > plain.shape[1]
    assert (captioned[:, :20] < 100).all(axis=-1).any()  # ink at the left
    height, width = plain.shape[:2]
    assert np.array_equal(captioned[-30:, -width + 4 : -width + 44], plain[-30:, 4:44])


def test_bad_grids():
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([[]])
    with pytest.raises(ValueError, match="expected 1 row captions, got 2"):
        contact_sheet([[RED]], row_captions=["a", "b"])
    with pytest.raises(ValueError, match="expected 1 column captions, got 2"):
        contact_sheet([[RED]], column_captions=["a", "b"])
