"""Cropping and resizing a portrait keeps the fitted head on the same spot of the photo."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.app.framing import check_picture, cropped_portrait, frame_portrait, resized_portrait
from likeness.app.options import Picture
from likeness.errors import InputError
from likeness.geometry.camera import default_camera
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait
from tests.heads_for_tests import tiny_head


@pytest.fixture
def portrait() -> Portrait:
    head = tiny_head()
    generator = np.random.default_rng(0)
    zero = np.zeros(3)
    landmarks = np.concatenate([generator.uniform(200, 300, (478, 2)), np.zeros((478, 1))], axis=1)
    return Portrait(
        image=generator.integers(0, 255, (400, 600, 3), dtype=np.uint8),
        head=head,
        camera=default_camera(600, 400),
        shape=np.zeros(head.num_shape),
        rest=MotionFrame(
            rotation=zero,
            translation=np.array([0.0, 0.0, 1.0]),
            neck=zero,
            jaw=zero,
            eye_left=zero,
            eye_right=zero,
            expression=np.zeros(head.num_expression),
            lids=np.full(2, 0.3),
        ),
        landmarks=landmarks,
        confidence=1.0,
    )


def test_crop_moves_pixels_and_camera_alike(portrait):
    window = cropped_portrait(portrait, 50, 20, 300, 200)
    point = np.array([0.01, -0.02, 1.0])
    assert np.allclose(window.camera.project(point), portrait.camera.project(point) - [50, 20])
    assert np.array_equal(window.image, portrait.image[20:220, 50:350])
    assert np.allclose(window.landmarks[:, :2], portrait.landmarks[:, :2] - [50, 20])


def test_resizing_scales_pixels_and_camera_alike(portrait):
    half = resized_portrait(portrait, 300, 200)
    point = np.array([0.01, -0.02, 1.0])
    assert np.allclose(half.camera.project(point), portrait.camera.project(point) / 2)
    assert half.image.shape == (200, 300, 3)
    assert np.allclose(half.landmarks, portrait.landmarks / 2)


@pytest.mark.parametrize("frame", ["full", "crop"])
@pytest.mark.parametrize("size", [None, 96, 150, 1000])
def test_kept_window_has_the_asked_size(portrait, frame, size):
    framing = frame_portrait(portrait, Picture(frame=frame, size=size))
    kept = framing.cut(framing.portrait.image)
    assert kept.shape[:2] == (framing.height, framing.width)
    if size is not None:
        assert max(kept.shape[:2]) == size
    if frame == "crop":
        assert framing.width == framing.height
        inside = framing.portrait.landmarks[:, :2] - [framing.left, framing.top]
        assert inside.min() >= 0 and inside.max() <= framing.width


def test_crop_at_own_size_is_a_part_of_the_photo(portrait):
    framing = frame_portrait(portrait, Picture(frame="crop"))
    kept = framing.cut(framing.portrait.image)
    shift = portrait.landmarks[0, :2] - framing.portrait.landmarks[0, :2] + [framing.left, framing.top]
    left, top = np.round(shift).astype(int)
    assert np.array_equal(kept, portrait.image[top : top + framing.height, left : left + framing.width])


def test_a_face_at_the_corner_keeps_the_window_inside(portrait):
    cornered = replace(portrait, landmarks=portrait.landmarks - [200.0, 200.0, 0.0])
    framing = frame_portrait(cornered, Picture(frame="crop", size=128))
    assert framing.left >= 0 and framing.top >= 0
    assert framing.cut(framing.portrait.image).shape == (128, 128, 3)


@pytest.mark.parametrize("picture", [Picture(size=10), Picture(size=100_000), Picture(face=0)])
def test_impossible_pictures_are_refused(picture):
    with pytest.raises(InputError, match="give|counted"):
        check_picture(picture)
