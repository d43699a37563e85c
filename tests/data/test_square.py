from dataclasses import replace

import numpy as np

from likeness.data.square import (
    SIDE,
    clip_square,
    head_box,
    inside_original,
    motion_in_square,
    square_from_original,
    square_of_motion,
)
from likeness.geometry.camera import Camera
from likeness.heads.builtin import builtin_head
from likeness.heads.skinning import posed_vertices
from likeness.media.crop import CropWindow, extract
from tests.heads_for_tests import rest_frame, still_motion


def test_the_square_by_hand():
    boxes = [np.array([10.0, 20.0, 50.0, 60.0]), np.array([30.0, 10.0, 70.0, 60.0]), np.array([10.0, 20.0, 40.0, 60.0])]
    window = clip_square(boxes)  # median side 40, union 10 to 70 and 10 to 60
    assert window == CropWindow(left=40 - 35, top=35 - 35, size=70) and SIDE == 1.75


def test_projection_into_the_square_is_the_affine_map():
    head = builtin_head()
    motion = replace(still_motion(head, 3), image_size=(640, 480))
    motion = replace(motion, intrinsics=np.array([[2.0, 0.0, 0.5], [0.0, 2.0 * 640 / 480, 0.48], [0.0, 0.0, 1.0]]))
    window = square_of_motion(motion, head)
    inside = motion_in_square(motion, window, 256)
    full = Camera(intrinsics=motion.intrinsics, width=640, height=480)
    small = Camera(intrinsics=inside.intrinsics, width=256, height=256)
    frame = motion.frame(0)
    points = frame.T_cam_head.apply(posed_vertices(head, motion.shape, frame.expression, frame.joints))
    affine = square_from_original(window, 256)
    expected = full.project(points) @ affine[:, :2].T + affine[:, 2]
    np.testing.assert_allclose(small.project(points), expected, atol=1e-9)
    box = head_box(head, motion.shape, frame, small)
    assert 256 / SIDE - 2.0 < max(box[2] - box[0], box[3] - box[1]) < 256 / SIDE + 2.0
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, 128.0, atol=1.0)


def test_the_neck_does_not_count():
    head = builtin_head()
    frame = rest_frame(head)
    camera = Camera(intrinsics=np.array([[2.5, 0, 0.5], [0, 2.5, 0.5], [0, 0, 1.0]]), width=512, height=512)
    left, top, right, bottom = head_box(head, np.zeros(head.num_shape), frame, camera)
    assert 0.9 < (right - left) / (bottom - top) * (0.22 / 0.17) < 1.2  # a head of 17 x 22 cm


def test_pixels_beyond_the_picture_are_known():
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[1:-1, 1:-1] = 200
    picture[:2, :], picture[:, :2] = 255, 255
    for window in (CropWindow(left=-8, top=4, size=64), CropWindow(left=60, top=-20, size=50)):
        inside = inside_original(window, (100, 60), window.size)
        rows, columns = np.indices((window.size, window.size))
        expected = (
            (columns + window.left >= 0) & (columns + window.left < 100) & (rows + window.top >= 0)
            & (rows + window.top < 60)
        )  # fmt: skip
        np.testing.assert_array_equal(inside, expected)
        assert extract(picture, window, window.size).shape == (window.size, window.size, 3)
