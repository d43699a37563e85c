"""The rasteriser against a plain float64 twin and closed forms."""

import numpy as np
import pytest

from likeness.geometry.camera import default_camera
from likeness.geometry.raster import empty_raster, interpolate, rasterise
from tests.geometry.meshes import bumpy_head, plane

SQUARE = np.array([[1.0, 1.0], [1.0, 7.0], [7.0, 7.0], [7.0, 1.0]])  # pixels
FRONT = np.array([[0, 1, 2], [0, 2, 3]])  # counter-clockwise on the picture: down, right, up


def brute_force(pixels, depths, faces, width, height):
    """Depth, and all faces that lie within 1e-6 of it, per pixel; one triangle at a time in float64."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    layers = np.full((len(faces), height, width), np.inf)
    for layer, (a, b, c) in zip(layers, faces, strict=True):
        matrix = np.array([pixels[[a, b, c], 0], pixels[[a, b, c], 1], np.ones(3)])
        if abs(np.linalg.det(matrix)) < 1e-12 or (depths[[a, b, c]] <= 0).any():
            continue
        weights = np.linalg.solve(matrix, np.stack([columns.ravel(), rows.ravel(), np.ones(columns.size)]))
        inside = (weights >= 0.0).all(axis=0).reshape(height, width)
        inverse_depth = (weights / depths[[a, b, c], None]).sum(axis=0).reshape(height, width)
        layer[inside] = 1.0 / inverse_depth[inside]
    return layers.min(axis=0), layers


def posed_head():
    vertices, faces = bumpy_head()
    camera = default_camera(48, 40)
    points = vertices * [1.0, -1.0, -1.0] + [0.01, -0.02, 0.7]  # frontal head in camera axes
    return camera, points, faces


def test_agrees_with_the_plain_twin():
    camera, points, faces = posed_head()
    pixels = camera.project(points)
    raster = rasterise(pixels, points[:, 2], faces, width=48, height=40)
    depth, layers = brute_force(pixels, points[:, 2], faces, 48, 40)
    np.testing.assert_array_equal(np.isfinite(raster.depth), np.isfinite(depth))
    seen = raster.face >= 0
    np.testing.assert_array_equal(seen, np.isfinite(raster.depth))
    np.testing.assert_allclose(raster.depth[seen], depth[seen], atol=1e-6)  # float32 of 0.7 m
    rows, columns = np.nonzero(seen)
    np.testing.assert_allclose(layers[raster.face[seen], rows, columns], depth[seen], atol=1e-6)


def test_interpolated_positions_project_to_the_pixel_centre():
    camera, points, faces = posed_head()
    raster = rasterise(camera.project(points), points[:, 2], faces, width=48, height=40)
    positions = interpolate(raster, faces, points)
    rows, columns = np.nonzero(raster.face >= 0)
    seen = positions[rows, columns]
    np.testing.assert_allclose(camera.project(seen), np.stack([columns, rows], axis=-1) + 0.5, atol=1e-4)
    np.testing.assert_allclose(seen[:, 2], raster.depth[rows, columns], atol=1e-6)
    np.testing.assert_allclose(raster.barycentrics[rows, columns].sum(axis=-1), 1.0, atol=1e-6)
    assert (positions[raster.face < 0] == 0.0).all()


def test_a_tilted_plane_has_perspective_correct_depth():
    camera = default_camera(32, 32)
    grid, faces = plane()
    points = (grid - [2.5, 2.0, 0.0]) * [0.2, 0.2, 0.0]
    points[:, 2] = 1.0 + 0.4 * points[:, 0]
    raster = rasterise(camera.project(points), points[:, 2], faces, width=32, height=32)
    rays = camera.unproject(np.stack(np.meshgrid(np.arange(32) + 0.5, np.arange(32) + 0.5), -1), np.ones((32, 32)))
    expected = 1.0 / (1.0 - 0.4 * rays[..., 0])  # z = 1 + 0.4 x with x = ray z
    assert (raster.face >= 0).all()
    np.testing.assert_allclose(raster.depth, expected, rtol=1e-6)


def test_a_square_covers_exactly_the_centres_inside():
    raster = rasterise(SQUARE, np.ones(4), FRONT, width=8, height=8)
    expected = np.zeros((8, 8), dtype=bool)
    expected[1:7, 1:7] = True
    np.testing.assert_array_equal(raster.face >= 0, expected)


@pytest.mark.parametrize("seed", range(5))
def test_neighbouring_triangles_leave_no_hole(seed):
    grid, faces = plane(9, 9)
    rng = np.random.default_rng(seed)
    pixels = grid[:, :2] * 8.0 + rng.uniform(-2.0, 2.0, (len(grid), 2))
    snapped = rng.random(len(grid)) < 0.3  # some corners exactly on pixel centres
    pixels[snapped] = np.floor(pixels[snapped]) + 0.5
    raster = rasterise(pixels, np.ones(len(grid)), faces, width=64, height=64)
    assert (raster.face[4:60, 4:60] >= 0).all()


def test_culling_keeps_front_faces():
    front = rasterise(SQUARE, np.ones(4), FRONT, width=8, height=8, cull_back=True)
    back = rasterise(SQUARE, np.ones(4), FRONT[:, ::-1], width=8, height=8, cull_back=True)
    assert (front.face >= 0).sum() == 36
    assert (back.face == -1).all()
    camera, points, faces = posed_head()
    arguments = (camera.project(points), points[:, 2], faces)
    whole = rasterise(*arguments, width=48, height=40)
    culled = rasterise(*arguments, width=48, height=40, cull_back=True)
    np.testing.assert_array_equal(whole.depth, culled.depth)  # a closed surface shows its front only


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((4, 2), 3.0),  # a point
        np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0], [8.0, 8.0]]),  # a line
        np.full((4, 2), np.nan),
        np.array([[np.inf, 0.0], [0.0, np.inf], [-np.inf, 0.0], [1.0, 1.0]]),
        SQUARE + 100.0,
        SQUARE - 1e12,
        SQUARE * [1.0, -1.0],
    ],
)
def test_degenerate_and_off_screen_triangles_draw_nothing(pixels):
    assert (rasterise(pixels, np.ones(4), FRONT, width=8, height=8).face == -1).all()


@pytest.mark.parametrize("depth", [0.0, -1.0, np.nan, np.inf])
def test_corners_behind_the_camera_draw_nothing(depth):
    depths = np.array([depth, 1.0, depth, 1.0])
    assert np.isinf(rasterise(SQUARE, depths, FRONT, width=8, height=8).depth).sum() >= 28
    assert (rasterise(SQUARE, np.full(4, depth), FRONT, width=8, height=8).face == -1).all()


def test_huge_triangles_are_clipped_to_the_picture():
    raster = rasterise(SQUARE * 1e6 - 3e6, np.ones(4), FRONT, width=8, height=8)
    assert (raster.face >= 0).all()


def test_threads_and_used_buffers_change_nothing():
    camera, points, faces = posed_head()
    pixels = camera.project(points)
    once = rasterise(pixels, points[:, 2], faces, width=48, height=40)
    buffers = empty_raster(48, 40)
    rasterise(pixels + 7.0, points[:, 2], faces, width=48, height=40, out=buffers)
    again = rasterise(pixels, points[:, 2], faces, width=48, height=40, threads=2, out=buffers)
    assert again is buffers
    for name in ("depth", "face", "barycentrics"):
        np.testing.assert_array_equal(getattr(once, name), getattr(again, name))
    np.testing.assert_array_equal(interpolate(once, faces, points), interpolate(once, faces, points, threads=2))


def test_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="faces must name vertices 0 to 3"):
        rasterise(SQUARE, np.ones(4), FRONT + 2, width=8, height=8)
    with pytest.raises((ValueError, TypeError)):  # the run-time shape check, where it is on, speaks first
        rasterise(SQUARE, np.ones(3), FRONT, width=8, height=8)
    with pytest.raises(ValueError, match="out must be 8 x 9"):
        rasterise(SQUARE, np.ones(4), FRONT, width=9, height=8, out=empty_raster(8, 8))
    raster = rasterise(SQUARE, np.ones(4), FRONT, width=8, height=8)
    with pytest.raises(ValueError, match="there are 1 faces"):
        interpolate(raster, FRONT[:1], SQUARE)
