from dataclasses import replace

import cv2
import numpy as np
import pytest

from likeness.data.clip import decode_picture
from likeness.data.made_head import MadeHeadSettings, draw_person, made_head
from likeness.data.made_surface import Light, random_background, random_person
from likeness.data.shard import read_shard, write_shard
from likeness.data.square import head_box
from likeness.data.statistics import hidden_pixels
from likeness.flow.surface import source_lookup
from likeness.geometry.camera import Camera
from likeness.geometry.raster import rasterise
from likeness.heads.builtin import builtin_head
from likeness.heads.lids import lid_apertures
from likeness.heads.show import inside_depths
from likeness.heads.skinning import posed_vertices

HEAD = builtin_head()
SETTINGS = MadeHeadSettings(size=96, poses=3)


@pytest.fixture(scope="module")
def clip():
    return made_head("person", HEAD, settings=SETTINGS, generator=np.random.default_rng(2))


def test_stored_and_read_back(clip, tmp_path):
    write_shard(tmp_path / "x.clips.tar", [clip])
    (stored,) = read_shard(tmp_path / "x.clips.tar", HEAD)
    assert stored.header.kind == "made-head" and stored.trust(1).all()
    assert stored.picture(2).shape == (96, 96, 3)


def test_the_same_seed_gives_the_same_person(clip):
    again = made_head("person", HEAD, settings=SETTINGS, generator=np.random.default_rng(2))
    other = made_head("person", HEAD, settings=SETTINGS, generator=np.random.default_rng(3))
    assert again.pictures == clip.pictures and other.pictures != clip.pictures


def test_the_head_is_as_large_as_in_a_tracked_clip(clip):
    camera = Camera(intrinsics=clip.motion.intrinsics, width=96, height=96)
    for index in range(3):
        box = head_box(HEAD, clip.motion.shape, clip.motion.frame(index), camera)
        assert 0.45 < max(box[2:] - box[:2]) / 96 < 0.75


def test_lids_are_those_of_the_mesh(clip):
    for index in range(3):
        frame = clip.motion.frame(index)
        vertices = posed_vertices(HEAD, clip.motion.shape, frame.expression, frame.joints)
        np.testing.assert_allclose(frame.lids, lid_apertures(HEAD, vertices), atol=1e-9)


def test_both_eyes_open_alike():
    settings = replace(SETTINGS, size=64, poses=4)
    clips = [made_head("x", HEAD, settings=settings, generator=np.random.default_rng(seed)) for seed in range(4)]
    lids = np.concatenate([clip.motion.lids for clip in clips])
    assert np.median(np.abs(lids[:, 0] - lids[:, 1])) < 0.02 and lids.max() > 0.12


def test_flow_of_the_surface_carries_the_source_onto_the_target():
    """The colours at each target pixel's surface point in the source are the target's, where the source shows them."""
    size, generator = 256, np.random.default_rng(5)
    clip = made_head("x", HEAD, settings=replace(SETTINGS, size=size, poses=2), generator=generator)
    shape, camera = clip.motion.shape, Camera(intrinsics=clip.motion.intrinsics, width=size, height=size)
    frames = [clip.motion.frame(index) for index in (0, 1)]
    person = random_person(generator)
    even = Light(
        directions=np.array([[0.0, 0.0, -1.0], [0.0, 0.0, -1.0]]),
        colours=np.zeros((2, 3)),
        ambient=np.ones(3),
        gloss=0.0,
    )
    background = random_background(2 * size, generator)
    source, target = (
        draw_person(HEAD, shape, frame, camera, person=person, light=even, background=background)[0] for frame in frames
    )
    posed = [frame.T_cam_head.apply(posed_vertices(HEAD, shape, frame.expression, frame.joints)) for frame in frames]
    raster = rasterise(
        camera.project(posed[1]), posed[1][:, 2] + inside_depths(HEAD), HEAD.faces, width=size, height=size
    )
    places = np.nan_to_num(source_lookup(raster, HEAD.faces, posed[0], camera).pixels).astype(np.float32) - 0.5
    warped = cv2.remap(source, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    on_head, hidden = hidden_pixels(HEAD, shape, *frames, camera)
    visible = cv2.erode((on_head & ~hidden).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert visible.sum() > 3000
    error = np.square(warped[visible].astype(float) - target[visible]).mean()
    assert 10.0 * np.log10(255.0**2 / error) > 27.0
    unmoved = np.square(source[visible].astype(float) - target[visible]).mean()
    assert unmoved > 5.0 * error


def test_pictures_show_a_person_before_a_background(clip):
    pictures = [decode_picture(content, 96, "").astype(float) for content in clip.pictures]
    assert all(picture.std() > 10.0 for picture in pictures)
    corner = [picture[:8, :8].mean() for picture in pictures]
    assert np.ptp(corner) < 12.0  # the background stands still
