"""The mouth in somebody else's picture: where the lips open and nowhere else, from any camera."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.face_rig.photo_mouth import PhotoMouth, add_mouth, read_mouth
from likeness.face_rig.rig import face_vertices
from likeness.geometry.camera import Camera
from likeness.heads.landmark_sets import LIPS_INNER
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.record import MotionFrame
from tests.flow_warp.portraits import portrait
from tests.heads_for_tests import tiny_head

GREY = 120


@pytest.fixture(scope="module")
def mouth() -> PhotoMouth:
    found = read_mouth(portrait())
    assert found is not None
    return found


def opened(amount: float, **turn: float) -> MotionFrame:
    return apply_edit(portrait().rest, HeadEdit(controls={"jawOpen": amount}, **turn), portrait().head)


def drawn(mouth: PhotoMouth, frame: MotionFrame, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture with the mouth in it, and where that has changed it."""
    picture = np.full((camera.height, camera.width, 3), GREY, np.uint8)
    add_mouth(picture, mouth, frame, T_cam_head=frame.T_cam_head, camera=camera)
    return picture, (picture != GREY).any(axis=-1)


@pytest.mark.parametrize("turn", [{}, {"yaw": 25.0}, {"pitch": -10.0}])
def test_it_lies_between_the_lips(mouth: PhotoMouth, turn: dict[str, float]) -> None:
    frame, camera = opened(0.7, **turn), portrait().camera
    _, changed = drawn(mouth, frame, camera)
    lips = camera.project(frame.T_cam_head.apply(face_vertices(mouth.rig, frame)))[list(LIPS_INNER)]
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 50
    assert lips[:, 0].min() - 4 < columns.min() and columns.max() < lips[:, 0].max() + 4
    assert lips[:, 1].min() - 4 < rows.min() and rows.max() < lips[:, 1].max() + 4


def test_another_camera_sees_the_same_mouth_smaller(mouth: PhotoMouth) -> None:
    frame, camera = opened(0.7), portrait().camera
    large, small = (drawn(mouth, frame, each)[1].sum() for each in (camera, camera.resized(256, 256)))
    scale = (256 / camera.width) * (256 / camera.height)
    assert 0.7 < small / (large * scale) < 1.8  # soft edges are as wide in both


def test_wider_is_more(mouth: PhotoMouth) -> None:
    counts = [drawn(mouth, opened(amount), portrait().camera)[1].sum() for amount in (0.3, 0.6, 0.9)]
    assert counts[0] < counts[1] < counts[2]


def test_at_rest_the_photo_keeps_its_mouth(mouth: PhotoMouth) -> None:
    picture, rest = portrait().image.copy(), portrait().rest
    add_mouth(picture, mouth, rest, T_cam_head=rest.T_cam_head, camera=portrait().camera)
    assert np.abs(picture.astype(int) - portrait().image).max() <= 6


def test_a_head_of_other_points_has_none() -> None:
    assert read_mouth(replace(portrait(), head=tiny_head())) is None
