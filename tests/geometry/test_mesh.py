"""Mesh helpers on meshes whose answers are known."""

import numpy as np
import pytest

from likeness.geometry.mesh import (
    bilaplacian_interpolate,
    boundary_loops,
    face_normals,
    graph_laplacian,
    harmonic_fill,
    mirror_map,
    unique_edges,
    vertex_normals,
)
from tests.geometry.meshes import plane, sphere


def test_normals_point_outward():
    vertices, faces = sphere(20, 30)
    normals = vertex_normals(vertices, faces)
    np.testing.assert_allclose((normals * vertices).sum(axis=-1), 1.0, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1.0)
    assert np.linalg.norm(face_normals(vertices, faces), axis=-1).sum() / 2 == pytest.approx(4 * np.pi, rel=0.02)
    flat, flat_faces = plane()
    np.testing.assert_allclose(vertex_normals(flat, flat_faces), np.broadcast_to([0.0, 0.0, 1.0], flat.shape))


def test_a_vertex_without_area_has_no_normal():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]])
    np.testing.assert_array_equal(vertex_normals(vertices, np.array([[0, 1, 2]])), np.zeros((4, 3)))


def test_edges_satisfy_eulers_formula():
    vertices, faces = sphere()
    edges = unique_edges(faces)
    assert len(vertices) - len(edges) + len(faces) == 2
    assert (edges[:, 0] < edges[:, 1]).all()
    np.testing.assert_array_equal(unique_edges(np.array([[2, 0, 1]])), [[0, 1], [0, 2], [1, 2]])


def test_boundary_of_a_plane_with_a_hole():
    vertices, faces = plane(7, 7)
    hole = (faces == 24).any(axis=1)
    outer, inner = boundary_loops(faces[~hole])
    assert len(outer) == 24
    assert len(inner) == 6 and 24 not in inner

    def signed_area(loop):
        x, y = vertices[loop, 0], vertices[loop, 1]
        return 0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum()

    assert signed_area(outer) == pytest.approx(36.0)  # counter-clockwise: the surface is to the left
    assert signed_area(inner) < 0.0
    assert boundary_loops(sphere()[1]) == ()


def test_boundary_needs_one_orientation():
    with pytest.raises(ValueError, match="orient all faces alike"):
        boundary_loops(np.array([[0, 1, 2], [1, 2, 3]]))


def test_laplacian_is_symmetric_and_kills_constants():
    vertices, faces = plane()
    laplacian = graph_laplacian(vertices * 2.0, faces)
    dense = laplacian.matrix.toarray()
    np.testing.assert_allclose(dense, dense.T)
    np.testing.assert_allclose(dense.sum(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.diag(dense), laplacian.degree)
    assert dense[0, 1] == pytest.approx(-0.5)  # edge of length 2
    assert np.linalg.eigvalsh(dense).min() > -1e-12


def test_coinciding_vertices_keep_the_laplacian_finite():
    vertices, faces = plane()
    vertices[1] = vertices[0]
    assert np.isfinite(graph_laplacian(vertices, faces).matrix.toarray()).all()


def test_bilaplacian_meets_its_handles_and_spreads_smoothly():
    vertices, faces = plane(9, 9)
    laplacian = graph_laplacian(vertices, faces)
    middle = 40
    border = [vertex for vertex in range(81) if vertex % 9 in (0, 8) or vertex // 9 in (0, 8)]
    field = bilaplacian_interpolate(laplacian, {middle: (1.0, -2.0, 0.5)}, border)
    np.testing.assert_allclose(field[middle], [1.0, -2.0, 0.5])
    np.testing.assert_array_equal(field[border], 0.0)
    assert (np.diff(field[36:41, 0]) > 0.0).all()  # rises towards the handle
    np.testing.assert_allclose(field[:, 1], -2.0 * field[:, 0], atol=1e-12)
    operator = laplacian.matrix.T @ np.diag(1.0 / laplacian.degree) @ laplacian.matrix.toarray()
    free = np.setdiff1d(np.arange(81), [middle, *border])
    np.testing.assert_allclose((operator @ field)[free], 0.0, atol=1e-10)


def test_equal_handles_move_the_whole_piece_and_no_other():
    vertices, faces = plane()
    two = np.concatenate([vertices, vertices + [0.0, 0.0, 3.0], [[9.0, 9.0, 9.0]]])
    both = np.concatenate([faces, faces + len(vertices)])
    field = bilaplacian_interpolate(graph_laplacian(two, both), {0: (1.0, 2.0, 3.0), 29: (1.0, 2.0, 3.0)}, [])
    np.testing.assert_allclose(field[:30], np.broadcast_to([1.0, 2.0, 3.0], (30, 3)), atol=1e-9)
    np.testing.assert_array_equal(field[30:], 0.0)


def test_a_handle_wins_over_a_fixed_vertex():
    vertices, faces = plane()
    field = bilaplacian_interpolate(graph_laplacian(vertices, faces), {3: (1.0, 0.0, 0.0)}, [3, 20])
    np.testing.assert_array_equal(field[[3, 20], 0], [1.0, 0.0])
    with pytest.raises(ValueError, match="at least one handle"):
        bilaplacian_interpolate(graph_laplacian(vertices, faces), {}, [1])
    with pytest.raises(ValueError, match="0 to 29"):
        bilaplacian_interpolate(graph_laplacian(vertices, faces), {30: (0.0, 0.0, 1.0)}, [])


def test_harmonic_fill_stays_within_its_neighbours():
    vertices, faces = plane(7, 7)
    laplacian = graph_laplacian(vertices, faces)
    known = np.isin(vertices[:, 0], [0.0, 6.0])
    values = np.where(known[:, None], vertices[:, :1], np.nan)
    filled = harmonic_fill(laplacian, values, known)
    np.testing.assert_array_equal(filled[known], values[known])
    assert ((filled[~known] > 0.0) & (filled[~known] < 6.0)).all()
    np.testing.assert_allclose((laplacian.matrix @ filled)[~known], 0.0, atol=1e-10)


def test_harmonic_fill_of_an_unconnected_piece_takes_the_mean():
    vertices, faces = plane()
    both = np.concatenate([faces, faces + len(vertices)])
    laplacian = graph_laplacian(np.concatenate([vertices, vertices]), both)
    known = np.arange(60) < 2
    values = np.full((60, 2), np.nan)
    values[:2] = [[1.0, 5.0], [3.0, 5.0]]
    np.testing.assert_allclose(harmonic_fill(laplacian, values, known)[30:], np.broadcast_to([2.0, 5.0], (30, 2)))
    with pytest.raises(ValueError, match="at least one known"):
        harmonic_fill(laplacian, values, np.zeros(60, dtype=bool))


def test_mirror_map_finds_partners():
    vertices, _ = sphere()
    partner = mirror_map(vertices)
    np.testing.assert_array_equal(partner[partner], np.arange(len(vertices)))
    np.testing.assert_allclose(vertices[partner], vertices * [-1.0, 1.0, 1.0], atol=1e-12)
    with pytest.raises(ValueError, match="not one-to-one"):
        mirror_map(vertices + [0.4, 0.0, 0.0])
