"""Eyes and mouth in somebody else's picture: between lids and lips and nowhere else, from any camera."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.face_rig.photo_features import PhotoFeatures, add_features, read_features
from likeness.face_rig.rig import face_vertices
from likeness.geometry.camera import Camera
from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING, LIPS_INNER
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.record import MotionFrame
from tests.flow_warp.portraits import portrait
from tests.heads_for_tests import tiny_head

GREY = 120


@pytest.fixture(scope="module")
def features() -> PhotoFeatures:
    found = read_features(portrait())
    assert found is not None
    return found


def opened(amount: float, **turn: float) -> MotionFrame:
    return apply_edit(portrait().rest, HeadEdit(controls={"jawOpen": amount}, **turn), portrait().head)


def drawn(features: PhotoFeatures, frame: MotionFrame, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture with the mouth in it, and where that has changed it."""
    picture = np.full((camera.height, camera.width, 3), GREY, np.uint8)
    add_features(picture, features, frame, T_cam_head=frame.T_cam_head, camera=camera, eyes=False)
    return picture, (picture != GREY).any(axis=-1)


@pytest.mark.parametrize("turn", [{}, {"yaw": 25.0}, {"pitch": -10.0}])
def test_it_lies_between_the_lips(features: PhotoFeatures, turn: dict[str, float]) -> None:
    frame, camera = opened(0.7, **turn), portrait().camera
    _, changed = drawn(features, frame, camera)
    lips = camera.project(frame.T_cam_head.apply(face_vertices(features.rig, frame)))[list(LIPS_INNER)]
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 50
    assert lips[:, 0].min() - 4 < columns.min() and columns.max() < lips[:, 0].max() + 4
    assert lips[:, 1].min() - 4 < rows.min() and rows.max() < lips[:, 1].max() + 4


def test_another_camera_sees_the_same_mouth_smaller(features: PhotoFeatures) -> None:
    frame, camera = opened(0.7), portrait().camera
    large, small = (drawn(features, frame, each)[1].sum() for each in (camera, camera.resized(256, 256)))
    scale = (256 / camera.width) * (256 / camera.height)
    assert 0.7 < small / (large * scale) < 1.8  # soft edges are as wide in both


def test_wider_is_more(features: PhotoFeatures) -> None:
    counts = [drawn(features, opened(amount), portrait().camera)[1].sum() for amount in (0.3, 0.6, 0.9)]
    assert counts[0] < counts[1] < counts[2]


@pytest.mark.parametrize("turn", [{}, {"yaw": 15.0}])
def test_eyes_lie_between_the_lids_and_follow_the_gaze(features: PhotoFeatures, turn: dict[str, float]) -> None:
    camera, pictures = portrait().camera, []
    for gaze in (-20.0, 20.0):
        frame = apply_edit(portrait().rest, HeadEdit(gaze_yaw=gaze, **turn), portrait().head)
        picture = np.full((camera.height, camera.width, 3), GREY, np.uint8)
        add_features(picture, features, frame, T_cam_head=frame.T_cam_head, camera=camera, mouth=False)
        pictures.append(picture)
    points = camera.project(frame.T_cam_head.apply(face_vertices(features.rig, frame)))
    places = []
    for ring in (EYE_LEFT_RING, EYE_RIGHT_RING):
        (left, top), (right, bottom) = points[list(ring)].min(axis=0) - 4, points[list(ring)].max(axis=0) + 4
        box = slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)
        dark = [np.clip(90.0 - picture[box].mean(axis=-1), 0.0, None) for picture in pictures]
        places.append([(each * np.arange(each.shape[1])).sum() / each.sum() for each in dark])
        for picture in pictures:
            picture[box] = GREY
    assert all(after > before + 1.5 for before, after in places)  # to the subject's left is to the right in the picture
    assert all((picture == GREY).all() for picture in pictures)


def test_at_rest_the_photo_keeps_its_eyes_and_mouth(features: PhotoFeatures) -> None:
    picture, rest = portrait().image.copy(), portrait().rest
    add_features(picture, features, rest, T_cam_head=rest.T_cam_head, camera=portrait().camera)
    assert np.abs(picture.astype(int) - portrait().image).max() <= 6


def test_a_head_of_other_points_has_none() -> None:
    assert read_features(replace(portrait(), head=tiny_head())) is None
