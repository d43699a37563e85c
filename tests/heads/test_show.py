"""Pictures of the head: it is there, it turns the right way, controls change what they name."""

import numpy as np

from likeness.heads.builtin import builtin_head
from likeness.heads.show import BACKGROUND, draw_control, draw_head

HEAD = builtin_head()


def covered_columns(picture: np.ndarray) -> np.ndarray:
    return np.flatnonzero((picture != BACKGROUND).any(axis=(0, 2)))


def test_frontal_head_is_centred_and_symmetric() -> None:
    picture = draw_head(HEAD, HEAD.template, size=160)
    columns = covered_columns(picture)
    assert picture.shape == (160, 160, 3)
    assert abs(columns.mean() - 79.5) < 1.5


def test_control_changes_only_its_region() -> None:
    rest = draw_control(HEAD, HEAD.control("jawOpen"), 0.0, size=160)
    opened = draw_control(HEAD, HEAD.control("jawOpen"), 1.0, size=160)
    change = np.abs(rest.astype(int) - opened)
    rows = np.flatnonzero((change > 8).any(axis=2).sum(axis=1) > 3)
    assert len(rows) and rows.min() > 60
