"""The renderer on a real photo: exact at rest, turns the right way, streams in order, outside its window untouched."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.face_rig.rig import face_vertices
from likeness.flow_warp import render, render_frame
from likeness.flow_warp.prepare import prepare
from likeness.flow_warp.render import backward_map, render_window
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_yaw_pitch_roll
from likeness.heads.landmark_sets import NOSE_TIP
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.record import MotionFrame
from tests.flow_warp.portraits import portrait, prepared

NEAR_EXACT = 0.1  # of 255, mean absolute difference


def edited(**changes: float) -> MotionFrame:
    return apply_edit(portrait().rest, HeadEdit(**changes), portrait().head)


def test_zero_motion_reproduces_the_photo() -> None:
    picture = render_frame(prepared(), portrait().rest)
    assert np.abs(picture.astype(int) - portrait().image).mean() <= NEAR_EXACT


def test_backward_map_at_rest_is_the_identity() -> None:
    ready, rest = prepared(), portrait().rest
    vertices = face_vertices(ready.rig, rest)
    points = rest.T_cam_head.apply(vertices)
    warp, left = backward_map(ready, rest, points, ready.camera.project(points), np.zeros(468))
    assert not left.any()
    y, x = np.mgrid[0 : warp.shape[0], 0 : warp.shape[1]] + 0.5
    inner = (slice(2, -2), slice(2, -2))
    assert np.abs(warp[..., 0] - x)[inner].max() < 0.02
    assert np.abs(warp[..., 1] - y)[inner].max() < 0.02


def test_a_head_that_moves_far_leaves_no_copy_at_the_rim() -> None:
    """A photo that ends amid the head: its own pixels are background where the head was and nothing has come."""
    whole = portrait()
    width = int(whole.landmarks[:468, 0].max())  # no ear
    cut = replace(
        whole,
        image=np.ascontiguousarray(whole.image[:, :width]),
        camera=whole.camera.cropped(0, 0, width, whole.image.shape[0]),
    )
    ready, rest = prepare(cut), whole.rest
    metres = 0.9 * width / float(whole.camera.focal_pixels[0]) * rest.translation[2]
    away = replace(rest, translation=rest.translation - [metres, 0.0, 0.0])
    picture, row = render_window(ready, away), int(ready.rest_pixels[NOSE_TIP, 1])
    np.testing.assert_array_equal(picture[row, -20:], ready.plate[row, -20:])


@pytest.mark.parametrize(("yaw", "sign"), [(15.0, 1), (-15.0, -1)])
def test_positive_yaw_turns_the_nose_to_the_subjects_left(yaw: float, sign: int) -> None:
    ready, rest = prepared(), portrait().rest
    frame = edited(yaw=yaw)
    nose = ready.camera.project(frame.T_cam_head.apply(face_vertices(ready.rig, frame)))[NOSE_TIP]
    before = ready.camera.project(rest.T_cam_head.apply(ready.rig.rest_vertices))[NOSE_TIP]
    assert sign * (nose[0] - before[0]) > 3


def test_nothing_changes_outside_the_window() -> None:
    ready = prepared()
    picture = render_frame(ready, edited(yaw=15.0, pitch=8.0))
    outside = np.ones(picture.shape[:2], dtype=bool)
    outside[ready.window.slices] = False
    np.testing.assert_array_equal(picture[outside], portrait().image[outside])


def test_two_threads_give_the_same_frames_in_order() -> None:
    frames = [edited(yaw=float(yaw)) for yaw in (-10, -5, 0, 5, 10)]
    alone = list(render(prepared(), frames, threads=1))
    together = list(render(prepared(), iter(frames), threads=2))
    assert len(together) == 5
    for first, second in zip(alone, together, strict=True):
        np.testing.assert_array_equal(first, second)


def test_rendering_streams() -> None:
    taken = []

    def endless():
        while True:
            taken.append(0)
            yield portrait().rest

    pictures = render(prepared(), endless(), threads=2)
    next(pictures)
    next(pictures)
    assert len(taken) < 8


def test_head_behind_the_picture_or_far_away_does_not_break() -> None:
    rest = portrait().rest
    far = replace(rest, translation=rest.translation * np.array([1.0, 1.0, 30.0]))
    aside = replace(rest, translation=rest.translation + np.array([3.0, 0.0, 0.0]))
    turned = rest.T_cam_head.rotation @ matrix_from_yaw_pitch_roll(np.radians(85.0), 0.0, 0.0)
    profile = replace(rest, rotation=axis_angle_from_matrix(turned))
    for frame in (far, aside, profile):
        assert render_frame(prepared(), frame).shape == portrait().image.shape
