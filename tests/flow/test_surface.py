"""Surface flow: identity, translation, rotation, and the look-up of source pixels."""

import numpy as np
import pytest

from likeness.flow.surface import image_flow, source_lookup, space_flow, surface_flow, vertex_flow
from likeness.geometry.camera import default_camera
from likeness.geometry.closest import build_surface_index
from likeness.geometry.raster import rasterise
from likeness.geometry.rotation import matrix_from_axis_angle, matrix_from_yaw_pitch_roll
from likeness.geometry.transform import RigidTransform
from tests.geometry.meshes import bumpy_head

CAMERA = default_camera(64, 48)
HEAD, FACES = bumpy_head()
FRONTAL = np.diag([1.0, -1.0, -1.0])


def posed(yaw=0.0, pitch=0.0, offset=(0.0, 0.0, 0.0)):
    return HEAD @ (FRONTAL @ matrix_from_yaw_pitch_roll(yaw, pitch, 0.0)).T + [0.0, 0.0, 0.7] + offset


def raster_of(points, camera=CAMERA):
    return rasterise(camera.project(points), points[:, 2], FACES, width=camera.width, height=camera.height)


def test_identity_flow_is_zero():
    target = posed(0.2)
    raster = raster_of(target)
    assert (surface_flow(target, target, FACES, raster.face, raster.barycentrics) == 0.0).all()
    assert (vertex_flow(target, target) == 0.0).all()
    flow = image_flow(source_lookup(raster, FACES, target, CAMERA))
    np.testing.assert_allclose(flow[raster.face >= 0], 0.0, atol=1e-4)  # pixels
    assert np.isnan(flow[raster.face < 0]).all()


def test_translation_flow_is_constant():
    offset = np.array([0.01, -0.02, 0.03])
    target, source = posed(0.2), posed(0.2, offset=offset)
    raster = raster_of(target)
    flow = surface_flow(target, source, FACES, raster.face, raster.barycentrics)
    seen = raster.face >= 0
    np.testing.assert_allclose(flow[seen], np.broadcast_to(offset, flow[seen].shape), atol=1e-8)
    assert (flow[~seen] == 0.0).all()
    points = np.random.default_rng(0).normal([0.0, 0.0, 0.7], 0.1, (100, 3))
    anywhere = space_flow(build_surface_index(target, FACES), target, source, points)
    np.testing.assert_allclose(anywhere, np.broadcast_to(offset, (100, 3)), atol=1e-8)


def test_rotation_flow_carries_surface_points_with_the_head():
    T_source_target = RigidTransform.from_axis_angle(np.array([0.1, 0.3, -0.2]), np.array([0.01, 0.02, 0.05]))
    target = posed()
    rng = np.random.default_rng(1)
    face, weights = rng.integers(0, len(FACES), 200), rng.dirichlet(np.ones(3), 200)
    points = np.einsum("NK,NKX->NX", weights, target[FACES[face]])
    source = T_source_target.apply(target)
    expected = T_source_target.apply(points)
    np.testing.assert_allclose(points + surface_flow(target, source, FACES, face, weights), expected, atol=1e-12)
    index = build_surface_index(target, FACES)
    np.testing.assert_allclose(points + space_flow(index, target, source, points), expected, atol=1e-6)


def test_source_pixels_are_where_the_source_shows_the_same_surface():
    target, source = posed(0.15, -0.1, (0.01, 0.0, 0.05)), posed()
    source_camera = default_camera(80, 80, focal_ratio=3.0)
    raster, source_raster = raster_of(target), raster_of(source, source_camera)
    lookup = source_lookup(raster, FACES, source, source_camera)
    rows, columns = np.nonzero(raster.face >= 0)
    pixels, depth = lookup.pixels[rows, columns], lookup.depth[rows, columns]
    face, weights = raster.face[rows, columns], raster.barycentrics[rows, columns]
    expected = np.einsum("NK,NKX->NX", weights, source[FACES[face]])
    np.testing.assert_allclose(source_camera.unproject(pixels, depth), expected, atol=1e-9)
    column, row = pixels.astype(int).T  # the pixel whose centre is nearest
    same = source_raster.face[row, column] == face
    assert same.mean() > 0.7  # the others lie near an edge, or are hidden in the source
    assert np.median(np.abs(source_raster.depth[row, column] - depth)[same]) < 0.001


def test_points_behind_the_source_camera_are_not_seen():
    target = posed()
    lookup = source_lookup(raster_of(target), FACES, target * [1.0, 1.0, -1.0], CAMERA)
    assert np.isnan(lookup.pixels).all() and np.isnan(lookup.depth).all()


def test_flow_there_and_back_cancels():
    first, second = posed(), posed(0.4) @ matrix_from_axis_angle(np.array([0.0, 0.1, 0.0])).T
    np.testing.assert_allclose(vertex_flow(first, second), -vertex_flow(second, first))
    with pytest.raises((ValueError, TypeError)):  # the run-time shape check, where it is on, speaks first
        vertex_flow(first, second[:-1])
