"""Lids of a posed mesh follow the measured openings, against those of the source."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.heads.lids import lid_apertures
from likeness.heads.skinning import posed_vertices
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.tracking.posed import follow_lids, portrait_head
from tests.flow_warp.portraits import portrait


def opening(frame) -> np.ndarray:
    head = portrait().head
    vertices = posed_vertices(head, portrait().shape, frame.expression, frame.joints)
    return lid_apertures(head, vertices, is_signed=True)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.2])
def test_lids_of_the_mesh_open_as_much_more_as_those_of_the_picture(share: float) -> None:
    given, source = portrait(), portrait_head(portrait())
    frame = replace(given.rest, lids=given.rest.lids * share)
    followed = follow_lids(given.head, given.shape, frame, source)
    np.testing.assert_allclose(opening(followed), share * opening(given.rest), atol=0.015)
    np.testing.assert_array_equal(followed.lids, frame.lids)


def test_an_edit_of_the_lids_shuts_the_mesh_which_it_does_not_by_itself() -> None:
    given, source = portrait(), portrait_head(portrait())
    shut = apply_edit(given.rest, HeadEdit(controls={"eyeBlink": 1.0}), given.head)
    assert opening(shut).min() > 0.1
    assert np.abs(opening(follow_lids(given.head, given.shape, shut, source))).max() < 0.02


def test_the_source_itself_and_shut_sources_stay() -> None:
    given, source = portrait(), portrait_head(portrait())
    same = follow_lids(given.head, given.shape, given.rest, source)
    np.testing.assert_allclose(same.expression, given.rest.expression, atol=1e-9)
    closed = replace(source, lids=np.zeros(2))
    wide = replace(given.rest, lids=given.rest.lids * 1.3)
    kept = follow_lids(given.head, given.shape, wide, closed)
    np.testing.assert_allclose(opening(kept), opening(given.rest), atol=1e-6)
