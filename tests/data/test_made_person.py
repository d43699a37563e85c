from dataclasses import replace

import cv2
import numpy as np
import pytest

from likeness.data.clip import decode_matte, decode_picture
from likeness.data.made_hair import hair_mesh, random_hair_style
from likeness.data.made_head import MadeHeadSettings, draw_person, rest_frame
from likeness.data.made_mesh import sphere_mesh, tube_mesh
from likeness.data.made_person import VIEWS, made_person, turned_light
from likeness.data.made_surface import random_background, random_light, random_person
from likeness.data.made_wear import random_wear
from likeness.data.shard import read_shard, write_shard
from likeness.geometry.camera import default_camera
from likeness.geometry.mesh import face_normals
from likeness.heads.builtin import builtin_head
from likeness.heads.skinning import unposed_vertices
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.pose import frontal_angles

HEAD = builtin_head()
SIZE = 96
SETTINGS = MadeHeadSettings(size=SIZE, poses=6, motion=VIEWS)


@pytest.fixture(scope="module")
def clip():
    return made_person("person", HEAD, settings=SETTINGS, generator=np.random.default_rng(4))


def test_stored_and_read_back(clip, tmp_path):
    write_shard(tmp_path / "x.clips.tar", [clip])
    (stored,) = read_shard(tmp_path / "x.clips.tar", HEAD)
    assert stored.header.kind == "made-head" and stored.trust(1).all() and stored.header.matted == tuple(range(6))
    matte = stored.matte(2)
    assert matte is not None and matte.shape == (SIZE, SIZE) and matte.min() == 0.0 and matte.max() == 1.0


def test_the_same_seed_gives_the_same_person(clip):
    again = made_person("person", HEAD, settings=SETTINGS, generator=np.random.default_rng(4))
    assert again.pictures == clip.pictures and again.mattes == clip.mattes


def test_views_reach_far_to_both_sides():
    settings = replace(SETTINGS, size=64, poses=40)
    clip = made_person("x", HEAD, settings=settings, generator=np.random.default_rng(1))
    yaw, pitch, _ = np.degrees(frontal_angles(clip.motion.rotation)).T
    assert yaw.max() > 33.0 and yaw.min() < -33.0 and max(abs(yaw)) < 47.0 and 12.0 < max(abs(pitch)) < 24.0


def test_beside_the_matte_the_background_stands_still(clip):
    pictures = [decode_picture(content, SIZE, "").astype(float) for content in clip.pictures]
    mattes = [decode_matte(content, SIZE, "") for content in clip.mattes.values()]
    both = cv2.dilate(np.maximum(mattes[0], mattes[1]), np.ones((5, 5))) == 0.0
    assert both.sum() > 500 and np.abs(pictures[0] - pictures[1])[both].mean() < 3.0
    on_person = np.minimum(mattes[0], mattes[1]) == 1.0
    assert np.abs(pictures[0] - pictures[1])[on_person].mean() > 8.0


def test_what_is_worn_keeps_its_colour_in_all_views_under_light_that_stands_still():
    """Points of the chest have one colour in both views: geometry and light stand in the world of the head."""
    size, generator = 160, np.random.default_rng(11)
    shape = np.zeros(HEAD.num_shape)
    camera = default_camera(size, size, 1.8)
    rest = rest_frame(HEAD, shape, camera)
    turned = apply_edit(rest, HeadEdit(yaw=25.0, pitch=6.0), HEAD)
    wear, person = random_wear(HEAD, shape, generator), random_person(generator)
    light = replace(random_light(generator), gloss=0.0)
    background = random_background(2 * size, generator)
    worn = wear.mesh.vertices
    chest = worn[(worn[:, 1] < -0.14) & (worn[:, 1] > -0.175) & (worn[:, 2] > 0.02) & (np.abs(worn[:, 0]) < 0.07)]

    def colours(frame, lamps):
        picture, _ = draw_person(
            HEAD, shape, frame, camera, person=person, light=lamps, background=background, wear=wear
        )
        pixels = camera.project(frame.T_cam_head.apply(chest)).astype(np.float32)[None] - np.float32(0.5)
        assert pixels.min() > 0.0 and pixels.max() < size - 1
        return cv2.remap(picture, pixels, None, cv2.INTER_LINEAR)[0].astype(float)

    first = colours(rest, light)
    moved = np.median(np.abs(first - colours(turned, turned_light(light, rest, turned))).mean(axis=1))
    with_camera = np.median(np.abs(first - colours(turned, light)).mean(axis=1))
    assert len(chest) > 15 and moved < 4.0 and with_camera > 2.0 * moved


def test_hair_lies_outside_the_head():
    vertices = unposed_vertices(HEAD, np.zeros(HEAD.num_shape), np.zeros(HEAD.num_expression))
    crown = vertices[np.unique(HEAD.part_faces("cranium"))][:, 1].max()
    heights = []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        style = random_hair_style(generator)
        if style is not None:
            mesh = hair_mesh(HEAD, vertices, style, generator)
            assert np.isfinite(mesh.vertices).all() and mesh.faces.max() < len(mesh.vertices)
            heights.append(mesh.vertices[:, 1].max() - crown)
    assert len(heights) > 5 and min(heights) > -0.003 and np.ptp(heights) > 0.01


def test_simple_shapes_are_closed_and_face_outward():
    ball = sphere_mesh("hair", np.array([0.1, 0.0, 0.0]), 0.03)
    outward = ball.vertices[ball.faces].mean(axis=1) - np.array([0.1, 0.0, 0.0])
    assert (np.einsum("fx,fx->f", face_normals(ball.vertices, ball.faces), outward) > 0.0).all()
    angles = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles), 0.0 * angles], axis=1)
    tube = tube_mesh("frame", ring, 0.1, is_closed=True)
    radius = np.hypot(np.linalg.norm(tube.vertices[:, :2], axis=1) - 1.0, tube.vertices[:, 2])
    np.testing.assert_allclose(radius, 0.1, atol=1e-9)
