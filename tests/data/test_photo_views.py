from dataclasses import replace

import numpy as np
import pytest

from likeness.data.clip import decode_mask, decode_matte, decode_picture
from likeness.data.photo_views import PhotoViewsSettings, photo_views, true_pixels
from likeness.data.random_motion import MotionRange
from likeness.data.round_trip import RoundTripSettings, photo_portrait
from likeness.data.shard import read_shard, write_shard
from likeness.errors import NoFaceError
from likeness.flow_warp import prepare, render
from likeness.geometry.camera import Camera
from likeness.heads.builtin import builtin_head
from likeness.media.crop import extract
from likeness.media.images import read_image
from likeness.motion.edit import HeadEdit, apply_edit
from tests.flow_warp.portraits import PHOTO

HEAD = builtin_head()
SIZE = 96


def pictures_of(portrait, frames):
    return render(prepare(portrait), frames, threads=1)


@pytest.fixture(scope="module")
def portrait():
    return photo_portrait(read_image(PHOTO), HEAD, RoundTripSettings(size=SIZE))


@pytest.fixture(scope="module")
def clip(portrait):
    settings = PhotoViewsSettings(size=SIZE, views=3)
    return photo_views(portrait, "person", render=pictures_of, settings=settings, generator=np.random.default_rng(3))


def test_the_photo_is_the_first_frame(clip, portrait):
    first = decode_picture(clip.pictures[0], SIZE, "").astype(float)
    own = extract(portrait.image, clip.header.window, SIZE).astype(float)
    assert np.abs(first - own).mean() < 2.0
    np.testing.assert_array_equal(clip.motion.rotation[0], portrait.rest.rotation)
    assert 0 not in clip.header.masked and clip.header.masked == (1, 2) and clip.header.matted == (0, 1, 2)


def test_stored_and_read_back(clip, tmp_path):
    write_shard(tmp_path / "x.clips.tar", [clip])
    (stored,) = read_shard(tmp_path / "x.clips.tar", HEAD)
    assert stored.header.kind == "photo-views" and not stored.trust(1).all()
    matte = stored.matte(0)
    assert matte is not None and matte[SIZE // 2, SIZE // 2] > 0.9 and matte[:8, :8].max() < 0.6


def test_unmoved_pixels_of_the_head_are_trusted_and_equal_the_photo(portrait):
    still = MotionRange(yaw=0.0, pitch=0.0, roll=0.0, gaze_yaw=0.0, gaze_pitch=0.0, closing_share=0.0, blink_share=0.0,
                        expressions=0)  # fmt: skip
    settings = PhotoViewsSettings(size=SIZE, views=2, motion=still)
    clip = photo_views(portrait, "x", render=pictures_of, settings=settings, generator=np.random.default_rng(0))
    photo, view = (decode_picture(content, SIZE, "").astype(float) for content in clip.pictures)
    trust, matte = decode_mask(clip.masks[1], SIZE, ""), decode_matte(clip.mattes[1], SIZE, "")
    assert trust[matte > 0.9].mean() > 0.6
    assert np.abs(photo - view)[trust].mean() < 2.0


def test_what_turns_into_view_is_not_trusted(clip, portrait):
    camera = Camera(intrinsics=clip.motion.intrinsics, width=SIZE, height=SIZE)
    mattes = (np.ones((SIZE, SIZE)), np.ones((SIZE, SIZE)))
    shares = []
    for yaw in (0.0, 15.0, 30.0, 45.0):
        turned = apply_edit(portrait.rest, HeadEdit(yaw=yaw), HEAD)
        shares.append(true_pixels(HEAD, portrait.shape, portrait.rest, turned, camera, mattes=mattes).mean())
    assert shares[0] > shares[1] > shares[2] > shares[3] > 0.05
    turned = apply_edit(portrait.rest, HeadEdit(yaw=40.0), HEAD)
    trusted = true_pixels(HEAD, portrait.shape, portrait.rest, turned, camera, mattes=mattes)
    columns = np.flatnonzero(trusted.any(axis=0))
    assert len(columns) and not trusted[:, :4].any()


def test_bad_fits_are_refused(portrait):
    settings = PhotoViewsSettings(size=SIZE, views=2)
    with pytest.raises(NoFaceError, match="fits the face badly"):
        photo_views(
            replace(portrait, confidence=0.1), "x", render=pictures_of, settings=settings,
            generator=np.random.default_rng(0),
        )  # fmt: skip
