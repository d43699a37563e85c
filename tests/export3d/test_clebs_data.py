"""Frames and crops of the contrastive stage: far enough apart, always the same, upright and in place."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.data.clip import ClipHeader, encode_picture
from likeness.data.face_places import similarity
from likeness.errors import InputError
from likeness.export3d.clebs_data import (
    ContrastSamples,
    draw_frame_set,
    draw_places,
    expression_ranges,
    face_clip,
    frame_set,
    frames_apart,
    has_frames,
    input_statistics,
    usable_clips,
)
from likeness.export3d.config import ExpressionSettings
from likeness.export3d.expression import expression_size
from likeness.export3d.face_crops import (
    BOTH_EYES,
    INNER_FACE,
    Jitter,
    change_light,
    cut_crop,
    draw_place,
    five_points,
    seen_points,
    standard_points,
)
from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.media.crop import CropWindow
from tests.data.clips import SIZE, new_clip, stored
from tests.heads_for_tests import still_motion

HEAD = builtin_head()
SETTINGS = ExpressionSettings(head=HEAD.name, size=expression_size(HEAD), gaze=True)
SAMPLES = ContrastSamples(frames=3, size=32, quiet_share=0.0)


def film(name: str = "film", frames: int = 25, strength: float = 1.0, **changes):
    """A clip of the built-in head whose expression wanders."""
    motion = still_motion(HEAD, frames)
    wave = np.sin(np.arange(frames)[:, None] + np.arange(HEAD.num_expression))
    motion = replace(
        motion.with_frames(expression=strength * wave * HEAD.expression_deviations),
        image_size=(SIZE, SIZE),
        **changes,
    )
    everything = tuple(range(frames))
    header = ClipHeader(
        name=name, kind="video", num_frames=frames, size=SIZE, window=CropWindow(left=0, top=0, size=SIZE),
        original_size=(SIZE, SIZE), sources=everything, targets=everything, masked=(),
    )  # fmt: skip
    grey = tuple(encode_picture(np.full((SIZE, SIZE, 3), 5 * index, np.uint8)) for index in everything)
    return replace(new_clip(name), header=header, motion=motion, pictures=grey)


def read(tmp_path, *films):
    from likeness.data.shard import read_shard, write_shard

    path = tmp_path / "films.clips.tar"
    write_shard(path, films, overwrite=True)
    return [face_clip(clip, HEAD, SETTINGS) for clip in read_shard(path, HEAD)]


def test_frames_stay_apart_and_every_choice_is_possible(tmp_path):
    (clip,) = read(tmp_path, film(frames=13))
    assert frames_apart(clip.times, 0.2) == 5 and has_frames(clip, SAMPLES)
    seen = {tuple(draw_places(clip, SAMPLES, np.random.default_rng(seed))) for seed in range(300)}
    wanted = {(a, b, c) for a in range(13) for b in range(a + 5, 13) for c in range(b + 5, 13)}
    assert seen == wanted
    assert not has_frames(clip, replace(SAMPLES, frames=4))
    with pytest.raises(ValueError, match="no 4 frames"):
        draw_places(clip, replace(SAMPLES, frames=4), np.random.default_rng(0))


def test_poses_of_made_people_are_moments_of_their_own(tmp_path):
    made = film(frames=4)
    (clip,) = read(tmp_path, replace(made, header=replace(made.header, kind="made-head")))
    assert has_frames(clip, replace(SAMPLES, frames=4))


def test_frames_without_a_face_are_left_out(tmp_path):
    valid = np.ones(25, dtype=bool)
    valid[5:10] = False
    (clip,) = read(tmp_path, film(valid=valid))
    assert len(clip.frames) == 20 and not set(clip.frames) & set(range(5, 10))
    for seed in range(50):
        times = clip.times[draw_places(clip, SAMPLES, np.random.default_rng(seed))]
        assert np.diff(times).min() >= 0.2 - 1e-6


def test_quiet_and_short_videos_are_left_out(tmp_path):
    clips = read(tmp_path, film("loud"), film("quiet", strength=0.1), film("short", frames=5))
    ranges = expression_ranges(clips)
    assert ranges[1] < 0.2 * ranges[0]
    assert [clip.name for clip in usable_clips(clips, replace(SAMPLES, quiet_share=0.5))] == ["loud"]
    assert [clip.name for clip in usable_clips(clips, SAMPLES)] == ["loud", "quiet"]
    with pytest.raises(InputError, match="none of the 1 clips shows a face in 3 frames over 0.4 seconds"):
        usable_clips(clips[2:], SAMPLES)


def test_statistics_count_every_clip_alike(tmp_path):
    clips = read(tmp_path, film("a", frames=20), film("b", frames=40, strength=2.0))
    mean, deviation = input_statistics(clips)
    halves = [clip.inputs.astype(np.float64) for clip in clips]
    np.testing.assert_allclose(mean, 0.5 * (halves[0].mean(0) + halves[1].mean(0)), atol=1e-5)
    square = 0.5 * sum(np.square(half - mean).mean(0) for half in halves)
    np.testing.assert_allclose(deviation, np.maximum(np.sqrt(square), 1e-6), atol=1e-5)


def test_the_same_number_gives_the_same_sample(tmp_path):
    clips = read(tmp_path, film("a"), film("b"))
    options = {"seed": 3, "samples": replace(SAMPLES, jitter=Jitter(gain=0.3))}

    def drawn(number):
        return draw_frame_set(clips, HEAD, SETTINGS, options["samples"], seed=options["seed"], number=number)

    first, again, other = drawn(4), drawn(4), drawn(5)
    assert np.array_equal(first.faces, again.faces) and np.array_equal(first.inputs, again.inputs)
    assert not np.array_equal(first.inputs, other.inputs)
    assert first.faces.shape == (3, 32, 32, 3) and first.eyes.shape == (3, 16, 32, 3)
    plain = frame_set(clips[0], np.array([2, 9]), HEAD, SETTINGS, size=32)
    assert abs(plain.faces[0].mean() - 10.0) < 3.0 and abs(plain.faces[1].mean() - 45.0) < 3.0


def test_a_model_of_another_head_is_refused(tmp_path):
    with pytest.raises(InputError, match="reads the expression of the head bfm"):
        read_other = replace(SETTINGS, head="bfm")
        face_clip(stored(tmp_path, new_clip())[0], HEAD, read_other)


def test_the_similarity_is_exact_where_it_can_be():
    generator = np.random.default_rng(0)
    points, angle = generator.standard_normal((5, 2)), 0.7
    turn = 3.0 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity(points, points @ turn.T + [4.0, -2.0])
    np.testing.assert_allclose(matrix, np.concatenate([turn, [[4.0], [-2.0]]], axis=1), atol=1e-12)


def test_position_size_and_roll_are_removed_and_the_expression_is_not_looked_at():
    camera = default_camera(512, 512, 2.5)
    standard = 128 * standard_points(HEAD, INNER_FACE)
    shape = np.zeros(HEAD.num_shape)
    points = five_points(HEAD, shape)
    frame = still_motion(HEAD, 1).frame(0)
    frame = replace(frame, translation=np.array([0.0, 0.0, 2.0]))  # from afar: hardly any perspective
    rolled = matrix_from_axis_angle(np.array([0.0, 0.0, 0.5])) @ matrix_from_axis_angle(frame.rotation)
    moved = replace(
        frame, rotation=axis_angle_from_matrix(rolled), translation=np.array([0.1, -0.05, 1.9]),
        expression=HEAD.expression_deviations, jaw=np.array([0.3, 0.0, 0.0]),
    )  # fmt: skip
    for one in (frame, moved):
        seen = seen_points(HEAD, shape, points, one, camera)
        matrix = similarity(seen, standard)
        placed = seen @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(placed, standard, atol=1.5)  # pixels of 128
    eyes = standard_points(HEAD, BOTH_EYES)[:2]
    np.testing.assert_allclose(eyes.mean(axis=0), [0.5, 0.25], atol=1e-9)
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(0.54)
    assert eyes[0, 0] < eyes[1, 0]  # the subject's right eye is left in the picture


def test_a_crop_shows_each_pixel_where_the_map_says():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[20:24, 40:44] = 255  # its middle at (42, 22)
    for scale in (2.0, 0.5):  # enlarged, and averaged over areas
        crop = cut_crop(picture, np.array([[scale, 0.0, -scale * 30.0], [0.0, scale, -scale * 10.0]]), 48, 48)
        weight = crop[..., 0].astype(float)
        rows, columns = np.indices(weight.shape) + 0.5
        middle = (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()
        np.testing.assert_allclose(middle, (scale * 12.0, scale * 12.0), atol=0.05)


def test_jitter_changes_place_and_light_within_bounds():
    generator = np.random.default_rng(0)
    matrix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    jitter = Jitter()
    middles = []
    for _ in range(200):
        changed = draw_place(matrix, jitter, 64, 64, generator)
        middles.append(changed[:, :2] @ [32.0, 32.0] + changed[:, 2] - 32.0)
    middles = np.abs(middles)
    assert 0.5 < middles.max() <= 0.03 * 64 + 1e-9
    crop = np.random.default_rng(1).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    changed = [change_light(crop, jitter, generator) for _ in range(40)]
    grey = sum(bool((one[..., 0] == one[..., 1]).all()) for one in changed)
    assert 1 <= grey <= 20 and not np.array_equal(changed[0], changed[1])
    still = Jitter(gain=0.0, channel_gain=0.0, gamma=0.0, grey_share=0.0, blur=0.0, shift=0.0, scale=0.0)
    assert np.array_equal(change_light(crop, still, generator), crop)
    assert np.array_equal(draw_place(matrix, still, 64, 64, generator), matrix)
