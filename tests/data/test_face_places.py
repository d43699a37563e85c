"""Points of a face in its picture: eyes above the nose above the mouth, and the mirrored picture's the other way."""

from dataclasses import replace

import numpy as np

from likeness.data.face_places import SPEAKING, face_places, five_places, mirrored, similarity
from likeness.data.sample import Shot
from likeness.geometry.camera import default_camera
from likeness.heads.builtin import builtin_head
from likeness.motion.edit import HeadEdit, apply_edit
from tests.heads_for_tests import rest_frame


def places(yaw: float) -> np.ndarray:
    head = builtin_head()
    rest = replace(rest_frame(head), translation=np.array([0.0, 0.0, 1.0]))
    frame = apply_edit(rest, HeadEdit(yaw=yaw), head)
    shot = Shot(
        image=np.zeros((64, 64, 3), np.uint8),
        trust=np.ones((64, 64), bool),
        frame=frame,
        camera=default_camera(64, 64),
    )
    return face_places(head, np.zeros(head.num_shape), shot)


def test_the_five_points_lie_as_in_a_face_mirrored_or_not() -> None:
    for is_mirrored in (False, True):
        left_eye, right_eye, nose, left_mouth, right_mouth = five_places(places(12.0), is_mirrored=is_mirrored)
        assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
        assert left_eye[1] < nose[1] < left_mouth[1]
    assert places(0.0)[list(SPEAKING)].min() > 0.0 and places(0.0)[list(SPEAKING)].max() < 1.0


def test_the_mirrored_face_is_that_of_the_mirrored_turn() -> None:
    other = five_places(places(-12.0), is_mirrored=False)
    np.testing.assert_allclose(five_places(places(12.0), is_mirrored=True), other, atol=0.01)
    assert np.abs(five_places(places(12.0), is_mirrored=False) - other).max() > 0.02
    np.testing.assert_allclose(mirrored(mirrored(places(5.0))), places(5.0))


def test_a_similarity_is_found_again() -> None:
    points = np.random.default_rng(0).random((5, 2))
    angle, scale = 0.4, 1.7
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = similarity(points, points @ turn.T + [3.0, -1.0])
    np.testing.assert_allclose(found, np.column_stack([turn, [3.0, -1.0]]), atol=1e-9)
