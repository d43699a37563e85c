from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from likeness.data.clip import decode_mask, decode_picture
from likeness.data.folder import open_clips
from likeness.data.random_motion import MotionRange
from likeness.data.round_trip import RoundTripSettings, deepened, photo_portrait, round_trip
from likeness.data.statistics import describe, pair_statistics
from likeness.data.synthesise import SynthesisSettings, synthesise
from likeness.errors import InputError, NoFaceError
from likeness.flow_warp import prepare, render
from likeness.geometry.rotation import geodesic_angle, matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.media.crop import extract
from likeness.media.images import write_image
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait
from tests.flow_warp.portraits import PHOTO
from tests.tracking.faces import astronaut

HEAD = builtin_head()
SETTINGS = RoundTripSettings(size=128)
TURNED = MotionRange(yaw=20.0, small_share=0.0, pitch=0.0, roll=0.0, expressions=0, blink_share=0.0)


def by_flow_warp(portrait: Portrait, frames: Sequence[MotionFrame]) -> Iterable[np.ndarray]:
    return render(prepare(portrait), frames, threads=1)


def unmoved(portrait: Portrait, frames: Sequence[MotionFrame]) -> Iterable[np.ndarray]:
    """A renderer that always shows the photo."""
    return [portrait.image for _ in frames]


def blank(portrait: Portrait, frames: Sequence[MotionFrame]) -> Iterable[np.ndarray]:
    """A renderer that shows nobody."""
    return [np.full_like(portrait.image, 90) for _ in frames]


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return photo_portrait(astronaut(), HEAD, SETTINGS)


def test_a_photo_is_reduced_around_the_head(portrait):
    assert max(portrait.image.shape[:2]) < 450
    fitted = portrait.camera.project(portrait.rest.T_cam_head.apply(HEAD.template[1:2]))  # the tip of the nose, nearly
    assert np.linalg.norm(fitted[0] - portrait.landmarks[1, :2]) < 8.0


def test_the_source_is_turned_and_tracked_anew_and_the_target_is_the_photo(portrait):
    settings = replace(SETTINGS, motion=TURNED, is_aligned=False)
    clip = round_trip(portrait, "x", render=by_flow_warp, settings=settings, generator=np.random.default_rng(3))
    assert clip.header.sources == (0,) and clip.header.targets == (1,) and clip.masks == {}
    rotations = matrix_from_axis_angle(clip.motion.rotation)
    turn = np.degrees(geodesic_angle(rotations[0], rotations[1]))
    assert 3.0 < turn < 24.0
    target = decode_picture(clip.pictures[1], 128, "").astype(int)
    photo = extract(portrait.image, clip.header.window, 128).astype(int)
    assert np.abs(target - photo).mean() < 2.0  # JPEG alone
    source = decode_picture(clip.pictures[0], 128, "").astype(int)
    assert np.abs(source - photo).mean() > 4.0


def test_alignment_brings_the_target_onto_the_way_back(portrait):
    settings = replace(SETTINGS, motion=TURNED)
    clip = round_trip(portrait, "x", render=by_flow_warp, settings=settings, generator=np.random.default_rng(3))
    mask = decode_mask(clip.masks[1], 128, "")
    assert mask.mean() > 0.75
    plain = round_trip(
        portrait, "x", render=by_flow_warp, settings=replace(settings, is_aligned=False),
        generator=np.random.default_rng(3),
    )  # fmt: skip
    assert plain.pictures[0] == clip.pictures[0] and plain.pictures[1] != clip.pictures[1]


def test_the_way_back_is_the_targets_draft(portrait):
    settings = replace(SETTINGS, motion=TURNED)
    clip = round_trip(portrait, "x", render=by_flow_warp, settings=settings, generator=np.random.default_rng(3))
    assert clip.header.drafts == (1,)
    source, target, draft = (
        decode_picture(content, 128, "").astype(int) for content in (*clip.pictures, clip.drafts[1])
    )
    assert 0.5 < np.abs(draft - target).mean() < 0.5 * np.abs(source - target).mean()


def test_an_unmoved_source_is_its_target(portrait):
    clip = round_trip(portrait, "x", render=unmoved, settings=SETTINGS, generator=np.random.default_rng(0))
    pictures = [decode_picture(content, 128, "").astype(int) for content in clip.pictures]
    assert np.abs(pictures[0] - pictures[1]).mean() < 1.5
    np.testing.assert_allclose(clip.motion.rotation[0], clip.motion.rotation[1], atol=0.03)
    change = clip.motion.expression[0] - clip.motion.expression[1]  # the photo was tracked before it was reduced
    assert np.sqrt(np.square(change).mean()) < 0.12


def test_a_rendering_without_a_face_is_an_error(portrait):
    with pytest.raises(NoFaceError):
        round_trip(portrait, "x", render=blank, settings=SETTINGS, generator=np.random.default_rng(0))


def test_a_deeper_head_is_the_same_from_the_front():
    deep = deepened(HEAD, 1.5)
    np.testing.assert_array_equal(deep.template[:, :2], HEAD.template[:, :2])
    np.testing.assert_allclose(deep.template[:, 2], 1.5 * HEAD.template[:, 2])
    np.testing.assert_allclose(deep.expression_basis[:, 2], 1.5 * HEAD.expression_basis[:, 2], rtol=1e-6)


def test_a_folder_of_photos_becomes_shards_that_can_be_continued(tmp_path):
    photos, out, again = tmp_path / "photos", tmp_path / "out", tmp_path / "again"
    for folder in (photos, out, again):
        folder.mkdir()
    (photos / "astronaut.jpg").write_bytes(PHOTO.read_bytes())
    write_image(photos / "empty.png", np.full((80, 80, 3), 128, np.uint8))
    (photos / "torn.jpg").write_bytes(PHOTO.read_bytes()[:900])
    (photos / "notes.txt").write_text("no photo")
    settings = SynthesisSettings(seed=1, pairs=3, made_heads=1, round_trips=SETTINGS)
    settings = replace(settings, heads=replace(settings.heads, size=64, poses=2))
    report = synthesise(photos, out, HEAD, render=unmoved, settings=settings)
    assert report.made == 2 and [entry.name.split("/")[-1] for entry in report.skipped] == ["empty.png", "torn.jpg"]
    clips = open_clips(out, HEAD)
    assert [clip.header.kind for clip in clips] == ["made-head", "round-trip"]
    repeated = synthesise(photos, out, HEAD, render=blank, settings=settings)
    assert (repeated.made, repeated.present) == (0, 2)
    synthesise(photos, again, HEAD, render=unmoved, settings=settings)
    for path in out.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()
    drawn = pair_statistics(clips, HEAD, pairs=6)
    assert (drawn.hidden_share >= 0.0).all() and (drawn.hidden_share < 0.6).all()
    text = describe(clips, HEAD, pairs=6)
    assert "2 clips (1 made-head, 1 round-trip), 4 frames" in text and "turn between them" in text


def test_nothing_to_make_is_an_error(tmp_path):
    with pytest.raises(InputError, match="ask for some"):
        SynthesisSettings(seed=0, pairs=0)
    with pytest.raises(InputError, match="pairs need a folder"):
        synthesise(None, tmp_path, HEAD, render=unmoved, settings=SynthesisSettings(seed=0, pairs=1))
    with pytest.raises(InputError, match="is no folder"):
        synthesise(tmp_path / "x", tmp_path, HEAD, render=unmoved, settings=SynthesisSettings(seed=0, pairs=1))
