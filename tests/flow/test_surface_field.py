"""Surface fields: closed forms, and every sample of every ray against the plain float64 twin."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from likeness.flow.condition import flow_condition
from likeness.flow.depth import render_depth, seen_surface
from likeness.flow.sampling import sample_rays
from likeness.flow.settings import FlowSettings
from likeness.flow.surface_field import LOCAL_REACH, field_at, surface_field
from likeness.geometry.closest import build_surface_index
from likeness.geometry.mesh import unique_edges
from tests.flow.plain_field import builtin_at, moved, plain_flow, rigid

TARGET = builtin_at(yaw=25.0, pitch=-8.0, jaw=0.25, named={"mouthSmileLeft": 0.7, "eyeBlinkRight": 1.0})
SOURCE = builtin_at(yaw=-5.0)
RULES = ("plane", "frame")


def points_around(head, count=400, seed=0):
    """On the head, in a shell of a centimetre around it, and up to 25 cm beside it."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(3), count)
    surface = np.einsum("nk,nkx->nx", weights, head.vertices[head.faces[rng.integers(0, len(head.faces), count)]])
    return np.concatenate(
        [surface, surface + rng.normal(0.0, 0.005, (count, 3)), rng.normal([0, 0, 1], 0.15, (count, 3))]
    )


def flow_at(target, source, points, rule):
    return field_at(
        surface_field(build_surface_index(target.vertices, target.faces), target.vertices, source.vertices),
        points,
        rule=rule,
    )


@pytest.mark.parametrize("rule", RULES)
def test_a_head_and_itself_give_no_flow(rule):
    assert np.abs(flow_at(TARGET, TARGET, points_around(TARGET), rule)).max() < 1e-12


@pytest.mark.parametrize("rule", RULES)
def test_a_translation_is_the_same_everywhere(rule):
    T = rigid((0.0, 0.0, 0.0))
    flow = flow_at(TARGET, moved(TARGET, T), points_around(TARGET), rule)
    np.testing.assert_allclose(flow, np.broadcast_to(T.translation, flow.shape), atol=1e-7)


@pytest.mark.parametrize("rule", RULES)
def test_a_rotation_carries_all_space(rule):
    T, points = rigid(), points_around(TARGET)
    np.testing.assert_allclose(points + flow_at(TARGET, moved(TARGET, T), points, rule), T.apply(points), atol=2e-6)


@pytest.mark.parametrize("rule", RULES)
def test_there_and_back_on_the_surface(rule):
    points = points_around(TARGET)[:400]
    there = points + flow_at(TARGET, SOURCE, points, rule)
    back = there + flow_at(SOURCE, TARGET, there, rule)
    error = np.linalg.norm(back - points, axis=1)
    assert np.quantile(error, 0.95) < 5e-4  # metres; where two parts touch, the way back may take the other one


@pytest.mark.parametrize("rule", RULES)
def test_any_point_agrees_with_the_plain_twin(rule):
    points = points_around(TARGET, 120, seed=1)
    expected, clear = plain_flow(TARGET.vertices, SOURCE.vertices, TARGET.faces, points, rule=rule)
    flow = flow_at(TARGET, SOURCE, points, rule)
    assert clear.mean() > 0.97
    np.testing.assert_allclose(flow[clear], expected[clear], atol=1e-5)


def sampled_points(settings):
    """Raster, and the points of all samples [N 3 H W]."""
    camera = TARGET.camera.resized(settings.resolution, settings.resolution)
    raster = render_depth(TARGET, camera)
    samples = sample_rays(raster, TARGET.vertices, settings)
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = camera.unproject(np.stack([columns, rows], axis=-1), np.ones(columns.shape))
    depth = samples.first + np.arange(settings.samples, dtype=np.float32)[:, None, None] * samples.step
    return raster, depth[..., None] * rays


@pytest.mark.parametrize(
    ("resolution", "samples", "surface", "sampling"),
    [(16, 5, "plane", "depth"), (40, 3, "frame", "depth"), (16, 4, "plane", "uniform"), (24, 3, "local", "depth")],
)
def test_every_sample_agrees_with_the_plain_twin(resolution, samples, surface, sampling):
    settings = FlowSettings(
        resolution=resolution, samples=samples, surface_field=surface, sampling=sampling, offhead_step=1,
        scale=1.0, clip=9.0,
    )  # fmt: skip
    raster, points = sampled_points(settings)
    channels = flow_condition(TARGET, SOURCE, settings, threads=1).channels.reshape(samples, 3, resolution, resolution)
    flow = np.moveaxis(channels, 1, -1)
    shown = np.broadcast_to(raster.face >= 0, flow.shape[:-1])
    rng = np.random.default_rng(2)
    for pixels, rule in ((shown, "frame" if surface == "frame" else "plane"), (~shown, "frame")):
        some = np.flatnonzero(pixels)
        some = rng.permutation(some)[:250]
        allowed = None
        if surface == "local" and pixels is shown:
            allowed = within_reach(np.broadcast_to(raster.face, shown.shape).ravel()[some])
        here = points.reshape(-1, 3)[some]
        expected, clear = plain_flow(TARGET.vertices, SOURCE.vertices, TARGET.faces, here, rule=rule, allowed=allowed)
        assert clear.mean() > 0.95
        np.testing.assert_allclose(flow.reshape(-1, 3)[some][clear], expected[clear], atol=2e-5)


def within_reach(faces):
    """Which triangles have a corner within 3 cm along the edges of one of each face's corners [faces F]."""
    edges = unique_edges(TARGET.faces)
    length = np.linalg.norm(TARGET.vertices[edges[:, 0]] - TARGET.vertices[edges[:, 1]], axis=1)
    size = len(TARGET.vertices)
    graph = csr_matrix((length, (edges[:, 0], edges[:, 1])), shape=(size, size))
    corners = TARGET.faces[faces]
    vertices, place = np.unique(corners, return_inverse=True)
    distance = dijkstra(graph, directed=False, indices=vertices)[place.reshape(corners.shape)].min(axis=1)  # [faces V]
    return (distance[:, TARGET.faces] <= LOCAL_REACH).any(axis=2)


def test_the_local_rule_differs_only_where_parts_of_the_mesh_come_close():
    shut, opened = builtin_at(), builtin_at(jaw=0.3)
    settings = FlowSettings(resolution=96, samples=5, scale=1.0)
    plain = flow_condition(shut, opened, settings, threads=1).channels
    local = flow_condition(shut, opened, replace(settings, surface_field="local"), threads=1).channels
    changed = np.abs(plain - local).max(axis=0) > 1e-3
    assert 0 < changed.sum() < 0.02 * changed.size
    rows, _ = np.nonzero(changed)
    lips = shut.camera.resized(96, 96).project(shut.vertices)[[13, 14], 1].mean()
    assert np.abs(rows - lips).min() < 3  # pixels: a shut mouth is such a place


def test_threads_and_a_given_index_change_nothing():
    settings = FlowSettings(resolution=48, samples=6)
    one = flow_condition(TARGET, SOURCE, settings, threads=1)
    two = flow_condition(TARGET, SOURCE, settings, threads=2)
    np.testing.assert_array_equal(one.channels, two.channels)
    index = build_surface_index(SOURCE.vertices, SOURCE.faces)
    seen = seen_surface(SOURCE, resolution=settings.resolution)
    other = flow_condition(TARGET, SOURCE, settings, index=index, seen=seen, threads=1)
    assert (np.abs(other.channels - one.channels) > 1e-3).mean() < 0.002  # another tree may break a tie otherwise


def test_triangles_without_area_turn_nothing():
    vertices = np.array([[0.0, 0, 1], [1, 0, 1], [0, 1, 1], [0.5, 0, 1]])
    faces = np.array([[0, 1, 2], [0, 3, 1]])
    index = build_surface_index(vertices, faces)
    field = surface_field(index, vertices, vertices + [0.0, 0.0, 0.5])
    for rule in RULES:
        flow = field_at(field, np.array([[0.3, -0.2, 1.1], [0.2, 0.2, 1.3]]), rule=rule)
        np.testing.assert_allclose(flow, [[0.0, 0.0, 0.5]] * 2, atol=1e-9)
