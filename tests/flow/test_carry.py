"""Points carried back to the source, against surface field, projection and visibility in plain numpy."""

import numpy as np

from likeness.flow.carry import FADE, carrier, carry, carry_source, target_surface
from likeness.flow.depth import visible_points
from likeness.flow.posed import pose_head
from likeness.flow.surface_field import field_at, surface_field
from likeness.geometry.camera import default_camera
from likeness.geometry.closest import build_surface_index, closest_points
from likeness.geometry.mesh import boundary_loops, face_normals
from likeness.geometry.transform import RigidTransform
from likeness.heads.builtin import builtin_head
from tests.flow.plain_field import FRONTAL, builtin_at
from tests.heads_for_tests import tiny_head

SMILE = {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6}
SOURCE = builtin_at(yaw=-8.0, pitch=4.0)
TARGET = builtin_at(yaw=14.0, jaw=0.2, named=SMILE)  # its pose must not count


def in_head(head):
    return head.T_cam_head.inverse().apply(head.vertices)


def around(vertices, count=3000, spread=0.03):
    generator = np.random.default_rng(5)
    places = vertices[generator.integers(len(vertices), size=count)]
    return places + spread * generator.standard_normal((count, 3))


def test_points_on_a_head_are_found_where_its_own_picture_shows_them():
    same = carrier(carry_source(SOURCE, resolution=128), in_head(SOURCE))
    carried = carry(same, around(in_head(SOURCE)))
    expected = SOURCE.camera.project(SOURCE.T_cam_head.apply(around(in_head(SOURCE))))
    np.testing.assert_allclose(carried.positions, expected / [SOURCE.camera.width, SOURCE.camera.height], atol=1e-5)


def test_agrees_with_the_surface_field_that_fades():
    source, target = carry_source(SOURCE, resolution=128), in_head(TARGET)
    points = around(target)
    carried = carry(carrier(source, target), points, threads=2)
    index = build_surface_index(target, TARGET.faces)
    nearest = closest_points(index, points)
    flow = field_at(surface_field(index, target, in_head(SOURCE)), points, rule="frame")
    moved = SOURCE.T_cam_head.apply(points + np.exp(-((nearest.distance / FADE) ** 2))[:, None] * flow)
    expected = SOURCE.camera.project(moved) / [SOURCE.camera.width, SOURCE.camera.height]
    is_skin = source.is_skin[nearest.face]
    # points as near to one triangle as to another may go with either
    assert is_skin.mean() > 0.5
    assert np.quantile(np.abs(carried.positions - expected)[is_skin].max(axis=1), 0.995) < 1e-5
    np.testing.assert_allclose(np.abs(carried.height)[is_skin], nearest.distance[is_skin], atol=1e-6)
    assert np.abs(flow).max() > 0.005


def test_how_much_a_place_faces_the_camera_has_no_steps_at_edges():
    source, target = carry_source(SOURCE, resolution=256), in_head(TARGET)
    corners = target[TARGET.faces[source.skin_faces]]
    middle, face = 0.5 * (corners[:, 0] + corners[:, 1]), corners.mean(axis=1)
    steps = [carry(carrier(source, target), middle + share * (face - middle)).facing for share in (0.02, 0.04)]
    assert np.quantile(np.abs(steps[0] - steps[1]), 0.99) < 0.03
    normals = face_normals(SOURCE.vertices, SOURCE.faces)
    assert np.allclose(np.linalg.norm(source.normals[np.unique(SOURCE.faces)], axis=1), 1.0)
    assert ((source.normals[SOURCE.faces[:, 0]] * normals).sum(axis=1) > 0.0).mean() > 0.95


def test_air_before_an_open_mouth_is_no_flesh():
    """Also of people whose lips are folded, where the nearest place of the surface is an edge between its two sides."""
    generator = np.random.default_rng(0)
    head = builtin_head()
    named = {"jawOpen": 0.9} | {
        name: 2.0 * generator.standard_normal() * head.expression_deviations[index]
        for index, name in enumerate(head.expression_names)
        if name.startswith("corrective")
    }
    way = carrier(carry_source(SOURCE, resolution=256), in_head(builtin_at(jaw=0.18, named=named)))
    x, y, z = np.meshgrid(np.linspace(-0.08, 0.08, 33), np.linspace(-0.15, 0.0, 31), np.linspace(0.03, 0.14, 23))
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    in_front = points[:, 2] > way.field.vertices[:, 2].max()
    far = closest_points(way.field.index, points).distance > 0.02
    height = carry(way, points[in_front & far]).height
    assert len(height) > 3000 and (height < 0.0).mean() < 0.002


def test_says_what_the_photo_shows_and_what_lies_within():
    source, target = carry_source(SOURCE, resolution=256), in_head(TARGET)
    way = carrier(source, target)
    skin = source.skin_faces
    points = target[TARGET.faces[skin]].mean(axis=1)
    carried = carry(way, points)
    foot = SOURCE.vertices[SOURCE.faces[skin]].mean(axis=1)
    # of a triangle's middle its own face is the nearest, but for the few that others cross
    assert (carried.is_seen == visible_points(source.seen, skin, foot)).mean() > 0.97
    # a face that is just seen may have corners that look away: normals are smooth
    assert np.quantile(carried.facing[carried.is_seen], 0.02) > -0.1 and carried.facing[~carried.is_seen].min() < -0.5
    outside = carry(way, points + 0.001 * way.normals[skin])
    inside = carry(way, points - 0.001 * way.normals[skin])
    # lips and lids that touch have two sides
    assert (outside.height > 0.0).mean() > 0.95 and (inside.height < 0.0).mean() > 0.95


def test_the_head_is_solid_behind_lids_and_lips():
    """4 mm below the skin an eyeball or a tooth is often nearer; the point belongs to the skin all the same."""
    source, target = carry_source(SOURCE, resolution=256), in_head(SOURCE)
    way = carrier(source, target)
    skin = source.skin_faces
    points = target[SOURCE.faces[skin]].mean(axis=1) - 0.004 * way.normals[skin]
    nearest = closest_points(build_surface_index(target, SOURCE.faces), points)
    is_near_inner = ~source.is_skin[nearest.face]
    assert is_near_inner.sum() > 50
    carried = carry(way, points[is_near_inner])
    assert (carried.height < 0.0).mean() > 0.95
    shown = visible_points(source.seen, skin, SOURCE.vertices[SOURCE.faces[skin]].mean(axis=1))[is_near_inner]
    assert carried.is_seen[shown].mean() > 0.9


def test_an_open_mouth_is_open():
    opened = builtin_at(jaw=0.35)
    source, target = carry_source(SOURCE, resolution=256), in_head(opened)
    loops = boundary_loops(opened.faces[source.skin_faces])
    mouth = max(loops, key=lambda loop: target[loop, 2].mean())  # the foremost
    middle = target[mouth].mean(axis=0)
    assert np.ptp(target[mouth, 1]) > 0.02
    carried = carry(carrier(source, target), middle + [[0.0, 0.0, 0.0], [0.0, 0.0, 0.003], [0.004, 0.0, 0.0]])
    assert (carried.height > 0.003).all() and carried.is_mouth.all()
    skin = carry(carrier(source, target), target[opened.faces[source.skin_faces]].mean(axis=1))
    assert skin.is_mouth.mean() < 0.02


def test_the_surface_that_a_camera_shows_lies_on_the_target():
    source, target = carry_source(SOURCE, resolution=64), in_head(TARGET)
    way = carrier(source, target)
    places = target_surface(way, TARGET.T_cam_head, TARGET.camera)
    shown = np.isfinite(places).all(axis=1)
    assert places.shape == (64 * 64, 3) and 0.1 < shown.mean() < 0.9
    nearest = closest_points(build_surface_index(target, TARGET.faces), places[shown])
    assert nearest.distance.max() < 1e-5
    rows, columns = np.divmod(np.flatnonzero(shown), 64)
    pixels = TARGET.camera.project(TARGET.T_cam_head.apply(places[shown]))
    np.testing.assert_allclose(pixels, np.stack([columns, rows], axis=1) + 0.5, atol=1e-3)


def test_far_points_follow_the_head_alone():
    source, target = carry_source(SOURCE, resolution=64), in_head(TARGET)
    points = np.array([[0.3, 0.0, 0.0], [0.0, -0.4, -0.1]])
    expected = SOURCE.camera.project(SOURCE.T_cam_head.apply(points)) / [SOURCE.camera.width, SOURCE.camera.height]
    np.testing.assert_allclose(carry(carrier(source, target), points).positions, expected, atol=1e-6)
    assert len(carry(carrier(source, target), points[:0]).height) == 0


def test_heads_of_skin_alone_are_carried():
    head = tiny_head()
    camera, pose = default_camera(64, 64), RigidTransform(rotation=FRONTAL, translation=np.array([0.0, 0.0, 1.0]))
    nothing = np.zeros(head.num_shape), np.zeros(head.num_expression), np.zeros((5, 3))
    posed = pose_head(
        head,
        shape=nothing[0],
        expression=nothing[1],
        joints=nothing[2],
        T_cam_head=pose,
        camera=camera,
        lids=np.ones(2),
    )
    source = carry_source(posed, resolution=64)
    carried = carry(carrier(source, source.at_rest), source.at_rest)
    assert source.is_skin.all() and not carried.is_mouth.any()
    np.testing.assert_allclose(carried.positions, camera.project(posed.vertices) / 64.0, atol=1e-5)
