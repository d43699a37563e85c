"""The closest-point kernel against a plain float64 twin and closed forms."""

import numpy as np
import pytest

from likeness.geometry.closest import build_surface_index, closest_points, refit
from tests.geometry.meshes import bumpy_head, plane, sphere


def brute_force(vertices, faces, points):
    """Distance of each point to the mesh in float64: inside of each triangle, else its three edges."""
    best = np.full(len(points), np.inf)
    for corners in vertices[faces]:
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        length = np.linalg.norm(normal)
        inside = np.full(len(points), length > 0.0)
        for first, second in ((0, 1), (1, 2), (2, 0)):
            edge = corners[second] - corners[first]
            from_first = points - corners[first]
            squared = edge @ edge
            along = np.clip(from_first @ edge / squared, 0.0, 1.0) if squared > 0.0 else np.zeros(len(points))
            best = np.minimum(best, np.linalg.norm(from_first - along[:, None] * edge, axis=-1))
            inside &= np.cross(edge, from_first) @ normal >= 0.0
        if length > 0.0:
            to_plane = np.abs((points - corners[0]) @ normal) / length
            best = np.where(inside, np.minimum(best, to_plane), best)
    return best


def positions(vertices, faces, nearest):
    return np.einsum("NK,NKX->NX", nearest.barycentrics, vertices[faces[nearest.face]])


def check(vertices, faces, points, atol):
    """The kernel's point lies on the named face, at the stated distance, and no other point is nearer."""
    nearest = closest_points(build_surface_index(vertices, faces), points)
    assert (nearest.barycentrics >= -1e-6).all()
    np.testing.assert_allclose(nearest.barycentrics.sum(axis=-1), 1.0, atol=1e-6)
    real = np.linalg.norm(positions(vertices, faces, nearest) - points, axis=-1)
    np.testing.assert_allclose(nearest.distance, real, atol=atol)
    np.testing.assert_allclose(nearest.distance, brute_force(vertices, faces, points), atol=atol)


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_agrees_with_the_plain_twin(offset):
    vertices, faces = bumpy_head()
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0.0, 0.1, (500, 3)), rng.normal(0.0, 1.0, (100, 3)), vertices])
    check(vertices + offset, faces, points + offset, atol=1e-6)  # metres


def test_a_plane_gives_its_height_and_the_foot_of_the_perpendicular():
    vertices, faces = plane()
    rng = np.random.default_rng(1)
    points = rng.uniform([0.0, 0.0, -2.0], [5.0, 4.0, 2.0], (200, 3))
    nearest = closest_points(build_surface_index(vertices, faces), points)
    np.testing.assert_allclose(nearest.distance, np.abs(points[:, 2]), atol=1e-6)
    # two faces whose squared distances agree in float32 may stand for each other: sqrt(1e-7) of the height
    np.testing.assert_allclose(positions(vertices, faces, nearest), points * [1.0, 1.0, 0.0], atol=3e-4 * 2.0)


def test_a_sphere_gives_the_radial_distance():
    vertices, faces = sphere(40, 60)
    directions = np.random.default_rng(2).normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    nearest = closest_points(build_surface_index(vertices, faces), 1.5 * directions)
    np.testing.assert_allclose(nearest.distance, 0.5, atol=0.005)  # the facets lie up to 0.004 inside


def test_points_on_the_surface_are_at_distance_zero():
    vertices, faces = bumpy_head()
    rng = np.random.default_rng(3)
    weights = rng.dirichlet(np.ones(3), 300)
    face = rng.integers(0, len(faces), 300)
    points = np.einsum("NK,NKX->NX", weights, vertices[faces[face]])
    nearest = closest_points(build_surface_index(vertices, faces), points)
    assert nearest.distance.max() < 1e-7
    np.testing.assert_allclose(positions(vertices, faces, nearest), points, atol=1e-7)


def test_degenerate_triangles_count_as_their_edges():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [3, 0, 0], [0, 5, 0], [0, 5, 0], [9, 9, 9], [2, 1e-9, 0]])
    faces = np.array([[0, 1, 2], [3, 4, 3], [5, 5, 5], [0, 2, 6]])
    points = np.random.default_rng(4).uniform(-2.0, 10.0, (300, 3))
    check(vertices, faces, points, atol=1e-5)


def test_slivers_do_not_lose_accuracy():
    rng = np.random.default_rng(5)
    corners = rng.uniform(-0.1, 0.1, (60, 3, 3))
    corners[:, 2] = 0.5 * (corners[:, 0] + corners[:, 1]) + rng.normal(0.0, 1e-5, (60, 3))  # up to 10 micrometres high
    check(corners.reshape(-1, 3), np.arange(180).reshape(60, 3), rng.uniform(-0.1, 0.1, (400, 3)), atol=1e-6)


def test_refit_equals_a_new_index_and_leaves_the_old_one():
    vertices, faces = bumpy_head()
    moved = vertices * [1.2, 0.9, 1.1] + [0.3, 0.0, 1.0]
    points = np.random.default_rng(6).normal(0.0, 0.2, (100, 3))
    index = build_surface_index(vertices, faces)
    before = closest_points(index, points)
    np.testing.assert_allclose(
        closest_points(refit(index, moved), points).distance, brute_force(moved, faces, points), atol=1e-6
    )
    np.testing.assert_array_equal(closest_points(index, points).distance, before.distance)


def test_threads_change_nothing():
    vertices, faces = bumpy_head()
    index = build_surface_index(vertices, faces)
    points = np.random.default_rng(7).normal(0.0, 0.1, (5000, 3))
    one, two = closest_points(index, points), closest_points(index, points, threads=2)
    np.testing.assert_array_equal(one.face, two.face)
    np.testing.assert_array_equal(one.barycentrics, two.barycentrics)


def test_one_triangle_and_no_points():
    index = build_surface_index(np.eye(3), np.array([[0, 1, 2]]))
    assert len(closest_points(index, np.zeros((0, 3))).face) == 0
    nearest = closest_points(index, np.zeros((1, 3)))
    np.testing.assert_allclose(nearest.barycentrics, 1.0 / 3.0, atol=1e-6)
    np.testing.assert_allclose(nearest.distance, 1.0 / np.sqrt(3.0), atol=1e-6)


def test_refuses_what_does_not_fit():
    vertices, faces = plane()
    with pytest.raises(ValueError, match="at least one face"):
        build_surface_index(vertices, faces[:0])
    with pytest.raises(ValueError, match="faces must name vertices"):
        build_surface_index(vertices[:4], faces)
    with pytest.raises(ValueError, match="1 that are not"):
        build_surface_index(np.where(np.arange(len(vertices))[:, None] == 3, np.nan, vertices), faces)
    index = build_surface_index(vertices, faces)
    with pytest.raises(ValueError, match="expected 30 vertices, got 5"):
        refit(index, vertices[:5])
    with pytest.raises(ValueError, match="points must be finite"):
        closest_points(index, np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="threads must be at least 1"):
        closest_points(index, np.zeros((1, 3)), threads=0)
