"""Cameras: projection, its inverse, windows and other resolutions."""

import numpy as np

from likeness.geometry.camera import camera_from_pixels, default_camera

CAMERA = camera_from_pixels(np.array([500.0, 480.0]), np.array([310.0, 250.0]), width=640, height=480)
POINTS = np.random.default_rng(0).uniform([-0.3, -0.3, 0.5], [0.3, 0.3, 2.0], (3, 7, 3))


def test_a_known_point():
    np.testing.assert_allclose(CAMERA.project(np.array([0.1, -0.2, 2.0])), [310.0 + 25.0, 250.0 - 48.0])


def test_project_and_unproject_round_trip():
    np.testing.assert_allclose(CAMERA.unproject(CAMERA.project(POINTS), POINTS[..., 2]), POINTS)


def test_the_pixels_numbers_come_back():
    np.testing.assert_allclose(CAMERA.focal_pixels, [500.0, 480.0])
    np.testing.assert_allclose(CAMERA.centre_pixels, [310.0, 250.0])


def test_a_window_shifts_the_pixels():
    window = CAMERA.cropped(-20.5, 33.0, 200, 300)
    assert (window.width, window.height) == (200, 300)
    np.testing.assert_allclose(window.project(POINTS), CAMERA.project(POINTS) - [-20.5, 33.0])


def test_another_resolution_scales_the_pixels():
    double = CAMERA.resized(1280, 240)
    np.testing.assert_allclose(double.project(POINTS), CAMERA.project(POINTS) * [2.0, 0.5])


def test_the_default_camera_is_centred_with_square_pixels():
    camera = default_camera(400, 600, focal_ratio=2.0)
    np.testing.assert_allclose(camera.focal_pixels, [1200.0, 1200.0])
    np.testing.assert_allclose(camera.project(np.array([0.0, 0.0, 1.0])), [200.0, 300.0])
