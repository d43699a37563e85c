"""The 25 numbers: closed forms of both ways in, round trips, mirrors, and cameras that cannot be."""

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.export3d.cameras import (
    FOCAL,
    RADIUS,
    camera_around,
    camera_numbers,
    camera_of_fit,
    camera_of_frame,
    canonical_camera,
    check_camera,
    frame_of_camera,
    head_from_world,
    mirrored_camera,
    project_world,
    split_numbers,
    world_from_fit,
    world_from_head,
)
from likeness.geometry.camera import default_camera
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.motion.importers.deep3d import fit_points
from tests.export3d.models import HEAD
from tests.heads_for_tests import rest_frame

POINTS = np.random.default_rng(0).uniform(-0.4, 0.4, (40, 3))
ANGLES, SHIFT = np.array([0.2, -0.4, 0.1]), np.array([0.3, -0.2, 0.5])


def test_a_fit_projects_as_deep3d_draws_it():
    fitted = np.random.default_rng(1).normal(size=(30, 3))
    camera = camera_of_fit(ANGLES, SHIFT, crop_scale=1.0)
    drawn = fit_points(fitted, ANGLES, SHIFT)
    np.testing.assert_allclose(project_world(camera, world_from_fit(fitted)), drawn, atol=1e-6)


def test_the_crop_of_eg3d_is_the_fits_crop_made_wider():
    fitted = np.random.default_rng(1).normal(size=(30, 3))
    camera = camera_of_fit(ANGLES, SHIFT)
    drawn = fit_points(fitted, ANGLES, SHIFT)
    np.testing.assert_allclose(camera[16], FOCAL, rtol=1e-6)
    seen = project_world(camera, world_from_fit(fitted))
    np.testing.assert_allclose(seen - 0.5, (drawn - 0.5) * 224.0 / 238.0, atol=1e-6)


def test_landmarks_of_a_tracked_frame_fall_where_its_own_camera_draws_them():
    frame = rest_frame(HEAD)
    camera = default_camera(256, 256)
    points = landmark_points(HEAD, posed_vertices(HEAD, np.zeros(HEAD.num_shape), frame.expression, frame.joints))
    drawn = camera.project(frame.T_cam_head.apply(points)) / 256.0
    numbers = camera_of_frame(frame, camera)
    np.testing.assert_allclose(project_world(numbers, world_from_head(points)), drawn, atol=1.0 / 256.0 / 10.0)


def test_a_camera_and_the_frame_it_comes_from_are_one():
    frame, camera = rest_frame(HEAD), default_camera(300, 200)
    T_cam_head, again = frame_of_camera(camera_of_frame(frame, camera), width=300, height=200)
    np.testing.assert_allclose(T_cam_head.rotation, frame.T_cam_head.rotation, atol=1e-6)
    np.testing.assert_allclose(T_cam_head.translation, frame.T_cam_head.translation, atol=1e-6)
    np.testing.assert_allclose(again.intrinsics, camera.intrinsics, atol=1e-6)


def test_eg3d_mode_keeps_the_direction_and_sets_the_distance():
    exact = split_numbers(camera_of_fit(ANGLES, SHIFT))[0]
    moved = split_numbers(camera_of_fit(ANGLES, SHIFT, pose_mode="eg3d"))[0]
    np.testing.assert_array_equal(moved[:3, :3], exact[:3, :3])
    assert np.isclose(np.linalg.norm(moved[:3, 3]), RADIUS, atol=1e-5)
    cosine = moved[:3, 3] @ exact[:3, 3] / np.linalg.norm(moved[:3, 3]) / np.linalg.norm(exact[:3, 3])
    assert cosine > 1.0 - 1e-6


def test_the_canonical_camera_sees_a_blob_where_it_must():
    seen = 64.0 * project_world(canonical_camera(), np.array([[0.12, 0.08, 0.0]]))
    np.testing.assert_allclose(seen[0], [44.1, 23.9], atol=0.05)
    np.testing.assert_allclose(camera_around(0.0, 0.0), canonical_camera(), atol=1e-7)


def test_a_camera_around_looks_at_its_pivot_upright_and_from_the_asked_side():
    pivot = np.array([0.05, 0.1, 0.2])
    camera = camera_around(0.5, 0.3, radius=2.0, pivot=pivot)
    pose = split_numbers(camera.astype(np.float64))[0]
    np.testing.assert_allclose(project_world(camera, pivot[None]), [[0.5, 0.5]], atol=1e-6)
    away = pose[:3, 3] - pivot
    np.testing.assert_allclose(np.arctan2(away[0], away[2]), 0.5, atol=1e-6)
    np.testing.assert_allclose(np.arcsin(away[1] / 2.0), 0.3, atol=1e-6)
    assert abs(pose[1, 0]) < 1e-6  # its right is level
    assert pose[1, 1] < 0.0  # and its down is down


def test_a_mirrored_camera_sees_the_mirrored_head_in_the_mirrored_picture():
    camera = camera_around(0.5, 0.3)
    flipped = mirrored_camera(camera)
    check_camera(flipped)
    seen = project_world(flipped, POINTS * [-1.0, 1.0, 1.0])
    np.testing.assert_allclose(seen, project_world(camera, POINTS) * [-1.0, 1.0] + [1.0, 0.0], atol=1e-5)
    np.testing.assert_array_equal(mirrored_camera(flipped), camera)


def test_the_head_lies_in_the_cube():
    world = world_from_head(HEAD.template[np.unique(HEAD.part_faces("skin", "cranium", "ear"))])
    assert np.abs(world).max() < 0.45
    np.testing.assert_allclose(head_from_world(world_from_head(POINTS)), POINTS, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"centre": np.array([0.1, 0.0, 0.2])}, "inside the head"),
        ({"intrinsics": np.diag([0.0, 4.0, 1.0])}, "focal"),
        ({"intrinsics": np.diag([4.0, 4.0, 2.0])}, "intrinsics"),
        ({"rotation": np.eye(3) * 2.0}, "right angles"),
        ({"rotation": np.diag([1.0, 1.0, -1.0])}, "right-handed"),
        ({"centre": np.array([np.nan, 0.0, 2.7])}, "finite"),
    ],
)
def test_cameras_that_cannot_be_are_refused_in_one_line(change, words):
    given = {"rotation": np.eye(3), "centre": np.array([0.0, 0.0, 2.7]), "intrinsics": np.diag([4.0, 4.0, 1.0])}
    with pytest.raises(InputError, match=words) as error:
        camera_numbers(**(given | change))
    assert "\n" not in str(error.value)


def test_no_camera_stands_straight_above():
    with pytest.raises(InputError, match="above"):
        camera_around(0.0, np.pi / 2.0)
