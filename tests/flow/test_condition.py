"""The flow condition: sanity checks of the specification, closed forms of its options, and its extra channels."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.flow.condition import flip_condition, flow_condition
from likeness.flow.depth import render_depth, seen_surface, visible_points
from likeness.flow.settings import EXTRA_NAMES, FlowSettings
from likeness.geometry.closest import build_surface_index, closest_points
from likeness.geometry.raster import interpolate
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.geometry.transform import RigidTransform
from likeness.heads.builtin import builtin_head
from likeness.heads.landmark_sets import EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT
from tests.flow.plain_field import builtin_at, moved, rigid

SOURCE = builtin_at(yaw=-8.0)
TARGET = builtin_at(yaw=14.0, pitch=-6.0, jaw=0.2, named={"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6})
ALL = tuple(EXTRA_NAMES)


def centres(size):
    columns, rows = np.meshgrid((np.arange(size) + 0.5) / size, (np.arange(size) + 0.5) / size)
    return np.stack([columns, rows], axis=-1)


def condition(target=TARGET, source=SOURCE, **settings):
    return flow_condition(target, source, FlowSettings(**settings), threads=1)


@pytest.mark.parametrize("encoding", ["stack", "slope6", "centre3", "flow2d"])
@pytest.mark.parametrize("flow_frame", ["camera", "head"])
def test_a_head_and_itself_give_nothing(encoding, flow_frame):
    for rule in ("plane", "frame", "local"):
        same = condition(TARGET, TARGET, resolution=32, encoding=encoding, flow_frame=flow_frame, surface_field=rule)
        assert same.channels.shape == (FlowSettings(resolution=32, encoding=encoding).channels, 32, 32)
        assert np.abs(same.channels).max() < 1e-5
        np.testing.assert_allclose(same.source_pixels, centres(32), atol=1e-6)
    assert same.visibility[same.mask > 0].mean() > 0.97


def textured(head, size):
    """The head with a colour that depends on where a vertex is in the template, smooth and fine enough to tell."""
    raster = render_depth(head, head.camera.resized(size, size))
    template = interpolate(raster, head.faces, 1000.0 * builtin_head().template)  # millimetres
    waves = np.sin(template / 9.0) + np.cos(template[..., [1, 2, 0]] / 13.0)
    return np.where((raster.face >= 0)[..., None], 127.5 + 60.0 * waves, 0.0)


def test_the_photo_carried_by_the_flow_is_the_target():
    import cv2

    size = 256
    flow = condition(resolution=size, encoding="centre3")
    pixels = (flow.source_pixels * size - 0.5).astype(np.float32)  # cv2 counts pixel centres as integers
    carried = cv2.remap(textured(SOURCE, size), pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR)
    inner = cv2.erode(flow.visibility, np.ones((3, 3))) > 0
    error = (carried - textured(TARGET, size))[inner]
    assert inner.mean() > 0.1
    assert 10.0 * np.log10(255.0**2 / np.mean(error**2)) > 30.0  # dB


def test_landmarks_land_on_landmarks():
    size = 256
    flow = condition(resolution=size, encoding="centre3")
    wanted, start = (head.camera.resized(size, size).project(head.vertices[:468]) for head in (SOURCE, TARGET))
    column, row = start.astype(int).T
    depth = render_depth(TARGET, TARGET.camera.resized(size, size)).depth[row, column]
    seen = (np.abs(depth - TARGET.vertices[:468, 2]) < 0.003) & (flow.visibility[row, column] > 0)
    reached = size * flow.source_pixels[row, column] + start - np.stack([column, row], axis=-1) - 0.5
    between = np.linalg.norm(wanted[list(EYE_CORNERS_LEFT)].mean(axis=0) - wanted[list(EYE_CORNERS_RIGHT)].mean(axis=0))
    error = np.linalg.norm(reached - wanted, axis=1)[seen] / between
    assert seen.mean() > 0.5
    assert error.mean() < 0.01 and np.quantile(error, 0.95) < 0.03  # of the distance between the eyes


def test_few_values_are_clipped_and_slope6_tells_what_the_stack_tells():
    stack = condition(resolution=48)
    shown = stack.mask > 0
    assert (np.abs(stack.channels) >= 4.0).mean() < 0.01
    compact = condition(resolution=48, encoding="slope6").channels
    offsets = np.linspace(-0.01, 0.01, 20)[:, None, None, None]
    rebuilt = compact[None, :3] + offsets * compact[None, 3:] / 0.1  # the slope is not scaled, the value is
    error = 0.1 * np.linalg.norm(rebuilt - stack.channels.reshape(20, 3, 48, 48), axis=1)[:, shown]
    assert error.mean() < 0.001  # metres; another triangle may be nearer away from the surface


def test_an_edit_of_the_jaw_changes_the_lower_face_smoothly():
    flows = [condition(builtin_at(jaw=jaw), SOURCE, resolution=64, encoding="centre3") for jaw in (0.0, 0.02, 0.04)]
    rest = builtin_at(jaw=0.0)
    nose = rest.camera.resized(64, 64).project(rest.vertices[1])[1]
    first, second = flows[1].channels - flows[0].channels, flows[2].channels - flows[1].channels
    both = (flows[0].mask * flows[1].mask * flows[2].mask) > 0
    rows = np.arange(64)[:, None]
    assert np.abs(first[:, both & (rows < nose - 1)]).max() < 1e-3  # a tenth of a millimetre
    assert np.abs(first[:, both & (rows > nose)]).max() > 3e-3
    jumps = np.abs(second - first).max(axis=0)[both]
    assert np.quantile(jumps, 0.99) < 0.01  # one millimetre: the second step changes as much as the first


def test_a_mirrored_scene_gives_the_flipped_condition():
    settings = FlowSettings(resolution=40, samples=4, extras=ALL)
    mirror = np.array([-1.0, 1.0, 1.0])

    def mirrored(head):
        eyes = [1, 0]
        return replace(
            head,
            vertices=head.vertices * mirror,
            faces=head.faces[:, [1, 0, 2]],  # the first edge stays: the frame rule turns with it
            eye_of_face=np.where(head.eye_of_face >= 0, 1 - head.eye_of_face, -1),
            eye_centres=(head.eye_centres * mirror)[eyes],
            gaze_axes=(head.gaze_axes * mirror)[eyes],
            lids=head.lids[eyes],
            T_cam_head=RigidTransform(
                rotation=np.diag(mirror) @ head.T_cam_head.rotation @ np.diag(mirror),
                translation=head.T_cam_head.translation * mirror,
            ),
        )

    flipped = flip_condition(flow_condition(TARGET, SOURCE, settings, threads=1))
    real = flow_condition(mirrored(TARGET), mirrored(SOURCE), settings, threads=1)
    assert (flipped.mask != real.mask).mean() < 0.01
    same = (flipped.mask == real.mask) & (np.abs(flipped.channels[-2] - real.channels[-2]) < 0.01)
    off = np.abs(flipped.channels - real.channels).max(axis=0)[same]
    assert (off > 2e-3).mean() < 0.03  # a pixel centre on an edge, or a tie, may fall the other way
    np.testing.assert_allclose(flipped.source_pixels[same], real.source_pixels[same], atol=2e-3)
    twice = flip_condition(flipped)
    np.testing.assert_array_equal(twice.channels, flow_condition(TARGET, SOURCE, settings, threads=1).channels)


def test_in_the_head_frame_a_rigid_motion_is_no_flow():
    T = rigid()
    assert np.abs(condition(moved(TARGET, T), TARGET, resolution=32, flow_frame="head").channels).max() < 1e-4
    camera = condition(moved(TARGET, T), TARGET, resolution=32, scale=1.0, samples=1, sampling="uniform").channels
    back = T.inverse()
    columns, rows = np.meshgrid(np.arange(32) + 0.5, np.arange(32) + 0.5)
    depth = np.full((32, 32), moved(TARGET, T).vertices[:, 2].mean())
    points = TARGET.camera.resized(32, 32).unproject(np.stack([columns, rows], axis=-1), depth)
    np.testing.assert_allclose(np.moveaxis(camera, 0, -1), back.apply(points) - points, atol=1e-5)


def test_beside_the_head_the_flow_is_kept_fades_or_is_zero():
    kept, fading, none = (
        condition(resolution=32, samples=3, scale=1.0, offhead=name, offhead_step=1) for name in ("sf", "decay", "zero")
    )
    beside = kept.mask == 0
    assert np.abs(none.channels[:, beside]).max() == 0.0
    assert np.abs(kept.channels[:, ~beside] - none.channels[:, ~beside]).max() == 0.0
    columns, rows = np.meshgrid(np.arange(32) + 0.5, np.arange(32) + 0.5)
    depth = np.full((32, 32), TARGET.vertices[:, 2].mean() + 0.25)  # the farthest sample
    points = TARGET.camera.resized(32, 32).unproject(np.stack([columns, rows], axis=-1), depth)[beside]
    distance = closest_points(build_surface_index(TARGET.vertices, TARGET.faces), points).distance
    expected = kept.channels[-3:, beside] * np.exp(-((distance / 0.1) ** 2))
    np.testing.assert_allclose(fading.channels[-3:, beside], expected, atol=1e-5)
    np.testing.assert_allclose(none.source_pixels[beside], centres(32)[beside], atol=1e-6)


@pytest.mark.parametrize("resolution", [30, 32])  # whole cells, and a last one that is cut off
def test_coarser_rays_beside_the_head_are_exact_where_they_pass_and_bilinear_between(resolution):
    fine, coarse = (condition(resolution=resolution, samples=3, offhead_step=step) for step in (1, 3))
    head, beside = fine.mask == 1, fine.mask == 0
    np.testing.assert_array_equal(coarse.channels[:, head], fine.channels[:, head])
    through = np.zeros_like(head)
    through[1::3, 1::3] = True
    there = beside & through
    assert there.sum() > 20
    same = np.abs(coarse.channels[:, there] - fine.channels[:, there]) < 1e-4
    assert same.mean() > 0.99  # a tie between triangles may be broken otherwise
    two = coarse.channels[:, 1::3, 1:-3:3], coarse.channels[:, 1::3, 4::3]
    between = coarse.channels[:, 1::3, 2:-2:3]
    inner = (beside[1::3, 1:-3:3] & beside[1::3, 4::3] & beside[1::3, 2:-2:3])[None].repeat(len(between), axis=0)
    np.testing.assert_allclose(between[inner], (two[0] * 2 / 3 + two[1] / 3)[inner], atol=1e-5)
    assert np.abs(coarse.channels - fine.channels)[:, beside].mean() < 0.05 * np.abs(fine.channels[:, beside]).mean()


def test_coarser_rays_lose_nothing_of_a_rigid_motion():
    T = rigid()
    fine, coarse = (condition(moved(TARGET, T), TARGET, resolution=32, offhead_step=step) for step in (1, 4))
    np.testing.assert_allclose(coarse.channels, fine.channels, atol=2e-4)
    np.testing.assert_allclose(coarse.source_pixels, fine.source_pixels, atol=1e-5)


def hidden_by_any_triangle(head, points):
    """The plain twin: whether some triangle crosses the line from the camera more than 5 mm before the point."""
    a, ab, ac = (
        head.vertices[head.faces[:, 0]],
        *(head.vertices[head.faces[:, i]] - head.vertices[head.faces[:, 0]] for i in (1, 2)),
    )
    hidden = np.zeros(len(points), dtype=bool)
    for number, point in enumerate(points):
        ray = point / point[2]
        across = np.cross(ray, ac)
        scale = np.einsum("fx,fx->f", ab, across)
        u = np.einsum("fx,fx->f", -a, across) / scale
        side = np.cross(-a, ab)
        v = side @ ray / scale
        depth = np.einsum("fx,fx->f", ac, side) / scale
        crossed = (u >= 0) & (v >= 0) & (u + v <= 1) & (depth > 0)
        hidden[number] = (depth[crossed] < point[2] - 0.005).any()
    return hidden


def test_visibility_agrees_with_the_plain_twin():
    head = builtin_at(yaw=55.0, pitch=10.0)  # the nose hides a cheek, an ear the neck
    rng = np.random.default_rng(0)
    face, weights = rng.integers(0, len(head.faces), 1500), rng.dirichlet(np.ones(3), 1500)
    corners = head.vertices[head.faces[face]]
    points = np.einsum("nk,nkx->nx", weights, corners)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    expected = (np.einsum("nx,nx->n", normal, points) < 0) & ~hidden_by_any_triangle(head, points)
    surface = seen_surface(head, resolution=256)
    seen = visible_points(surface, face, points)
    assert 0.1 < expected.mean() < 0.6
    assert (seen == expected).mean() > 0.98
    outside = points + [1.0, 0.0, 0.0]
    assert not visible_points(surface, face, outside).any()


def test_teeth_never_show_through_shut_lips():
    head = builtin_head()
    shut = builtin_at()
    forward = shut.vertices.copy()
    teeth = np.unique(head.part_faces("teeth_upper", "teeth_lower"))
    forward[teeth, 2] -= 0.008  # through the lips
    camera = shut.camera.resized(128, 128)
    raster = render_depth(replace(shut, vertices=forward), camera)
    drawn = head.face_parts[raster.face[raster.face >= 0]]
    share = np.isin(drawn, [head.part_names.index(name) for name in ("teeth_upper", "teeth_lower")]).mean()
    assert share < 0.003
    faces = np.flatnonzero(head.face_parts == head.part_names.index("teeth_upper"))
    surface = seen_surface(replace(shut, vertices=forward), resolution=256)
    assert not visible_points(surface, faces, forward[head.faces[faces]].mean(axis=1)).any()
    opened = builtin_at(jaw=0.4)
    raster = render_depth(opened, camera)
    inner = (raster.face >= 0) & (opened.inside[opened.faces[:, 0]][raster.face] > 0.0)
    rows, columns = np.nonzero(inner)
    corners = opened.vertices[opened.faces[raster.face[inner]]]
    depth = raster.depth[inner]
    assert len(rows) > 20  # eyes and mouth
    assert ((depth > corners[..., 2].min(axis=1) - 2e-4) & (depth < corners[..., 2].max(axis=1) + 2e-4)).all()  # true


def test_extra_channels_follow_in_their_order():
    flow = condition(
        resolution=48, encoding="slope6", extras=("depth", "mask", "normals", "flow2d", "visibility", "gaze")
    )
    channel = dict(zip(flow.names, flow.channels, strict=True))
    assert flow.names[6:] == tuple(name for names in EXTRA_NAMES.values() for name in names)
    shown = flow.mask > 0
    np.testing.assert_array_equal(channel["mask"], flow.mask)
    np.testing.assert_array_equal(channel["visibility"], flow.visibility)
    normal = np.stack([channel[f"normal.{axis}"] for axis in "xyz"])
    np.testing.assert_allclose(np.linalg.norm(normal[:, shown], axis=0), 1.0, atol=1e-5)
    assert np.median(normal[2, shown]) < -0.5 and np.abs(normal[:, ~shown]).max() == 0.0
    np.testing.assert_allclose(channel["flow2d.x"], flow.source_pixels[..., 0] - centres(48)[..., 0], atol=1e-6)
    raster = render_depth(TARGET, TARGET.camera.resized(48, 48))
    centre = TARGET.vertices[:, 2].mean()
    np.testing.assert_allclose(channel["depth"][shown], (raster.depth[shown] - centre) / 0.1, atol=1e-5)


def test_gaze_channels_say_where_the_iris_is_and_where_it_was():
    straight, aside = builtin_at(named={"eyeWideLeft": 1.0, "eyeWideRight": 1.0}), None
    aside = replace(straight, gaze_axes=straight.gaze_axes @ matrix_from_axis_angle(np.array([0.0, 0.35, 0.0])).T)
    flow = condition(aside, straight, resolution=256, encoding="flow2d", extras=("gaze",))
    target, source, lid = flow.channels[2:]
    on_eyes = lid > 0
    assert set(np.unique(lid[on_eyes])) == {np.float32(0.25), np.float32(0.3)}
    assert np.abs(flow.channels[2:, ~on_eyes]).max() == 0.0
    assert on_eyes.sum() > 50
    columns = np.arange(256)[None] * np.ones((256, 1))
    left = on_eyes & (lid == np.float32(0.3))  # the subject's left eye
    assert source[left].max() > 0.95  # somewhere on the eye is the middle of the old pupil
    assert columns[left][target[left].argmax()] != columns[left][source[left].argmax()]
    same = condition(straight, straight, resolution=128, encoding="flow2d", extras=("gaze",)).channels
    np.testing.assert_allclose(same[2], same[3], atol=1e-6)


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(InputError, match="not all finite"):
        builtin_at(offset=(0.0, 0.0, np.nan))
    with pytest.raises(InputError, match="nearer than 0.1 m"):
        builtin_at(offset=(0.0, 0.0, -0.95))
    with pytest.raises(InputError, match="different meshes"):
        condition(TARGET, replace(SOURCE, faces=SOURCE.faces[::-1]))


def test_a_head_out_of_the_picture_is_all_beside():
    away = builtin_at(offset=(2.0, 0.0, 0.0))
    flow = condition(away, SOURCE, resolution=16, samples=2, extras=ALL)
    assert flow.mask.max() == 0.0 and flow.visibility.max() == 0.0 and np.isfinite(flow.channels).all()
