"""The rig: exact under the landmarks, lids obey the asked opening, lips do not cross."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.face_rig.rig import build_rig, check_face_mesh, face_vertices, lid_openings
from likeness.heads.builtin import builtin_head
from likeness.heads.landmark_sets import LOWER_LIP_INNER, UPPER_LIP_INNER
from likeness.motion.edit import HeadEdit, apply_edit
from tests.flow_warp.portraits import portrait, prepared
from tests.heads_for_tests import tiny_head


def test_rest_vertices_project_onto_the_landmarks() -> None:
    rig = build_rig(portrait())
    projected = portrait().camera.project(portrait().rest.T_cam_head.apply(rig.rest_vertices))
    np.testing.assert_allclose(projected, portrait().landmarks[:468, :2], atol=1e-6)


def test_rest_frame_gives_the_rest_vertices() -> None:
    rig = prepared().rig
    np.testing.assert_allclose(face_vertices(rig, portrait().rest), rig.rest_vertices, atol=2e-4)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0, 1.2])
def test_lids_open_to_the_asked_share(share: float) -> None:
    rig, rest = prepared().rig, portrait().rest
    moved = face_vertices(rig, replace(rest, lids=rest.lids * share))
    asked = np.maximum(lid_openings(rig.rest_vertices) * share, 0.004)
    np.testing.assert_allclose(lid_openings(moved), asked, atol=0.02)


def test_blink_coefficients_do_not_close_the_eye_twice() -> None:
    rig, rest, head = prepared().rig, portrait().rest, portrait().head
    expression = rest.expression + head.control("eyeBlinkLeft").expression
    moved = face_vertices(rig, replace(rest, expression=expression))
    np.testing.assert_allclose(lid_openings(moved), lid_openings(rig.rest_vertices), atol=0.01)


def test_lips_do_not_cross() -> None:
    rig = prepared().rig
    pressed = apply_edit(portrait().rest, HeadEdit(controls={"mouthPress": 1.0, "mouthPucker": 1.0}), portrait().head)
    moved = face_vertices(rig, pressed)
    above, below = list(UPPER_LIP_INNER[1:-1]), list(LOWER_LIP_INNER[1:-1])
    allowed = np.minimum(0.0, rig.rest_vertices[above, 1] - rig.rest_vertices[below, 1])
    assert (moved[above, 1] - moved[below, 1] >= allowed - 1e-9).all()


def test_heads_with_another_mesh_are_told():
    with pytest.raises(InputError, match="flow-warp draws the built-in head, not tiny.*--onto builtin"):
        check_face_mesh(tiny_head())
    check_face_mesh(builtin_head())
