"""Lids of a mesh: measured apertures are met, a head without blink shapes stays as it is."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.heads.builtin import builtin_head
from likeness.heads.lids import BLINKS, lid_apertures, open_lids
from likeness.heads.skinning import posed_vertices

HEAD = builtin_head()
SHAPE, STILL, JOINTS = np.zeros(HEAD.num_shape), np.zeros(HEAD.num_expression), np.zeros((5, 3))


def apertures(expression: np.ndarray) -> np.ndarray:
    return lid_apertures(HEAD, posed_vertices(HEAD, SHAPE, expression, JOINTS), is_signed=True)


@pytest.mark.parametrize("shares", [(0.0, 1.0), (0.5, 0.5), (1.2, 0.1)])
def test_each_eye_opens_as_wanted(shares: tuple[float, float]) -> None:
    smiling = STILL.copy()
    smiling[HEAD.expression_names.index("eyeSquintLeft")] = 0.4
    for start in (STILL, smiling):
        wanted = apertures(STILL) * shares
        np.testing.assert_allclose(apertures(open_lids(HEAD, SHAPE, start, JOINTS, wanted)), wanted, atol=0.01)


def test_what_is_open_as_wanted_stays_and_nothing_but_the_blinks_changes() -> None:
    np.testing.assert_allclose(open_lids(HEAD, SHAPE, STILL, JOINTS, apertures(STILL)), STILL, atol=1e-9)
    shut = open_lids(HEAD, SHAPE, STILL, JOINTS, np.zeros(2))
    changed = {HEAD.expression_names[index] for index in np.flatnonzero(shut != STILL)}
    assert changed == set(BLINKS)
    assert np.abs(open_lids(HEAD, SHAPE, STILL, JOINTS, np.array([9.0, 9.0]))).max() <= 1.2


def test_a_head_without_blink_shapes_is_left_alone() -> None:
    names = tuple(name.replace("eyeBlink", "other") for name in HEAD.expression_names)
    assert open_lids(replace(HEAD, expression_names=names), SHAPE, STILL, JOINTS, np.zeros(2)) is STILL
