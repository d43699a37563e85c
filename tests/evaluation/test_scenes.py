"""Scenes and their scores: nobody is trained and tested on, the truth scores perfectly, misses are told."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.data.clip import Clip
from likeness.data.folder import open_clips
from likeness.data.held_out import hold_out, person_of
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.errors import InputError
from likeness.evaluation.controls import blurred, with_blurred
from likeness.evaluation.face_measures import MISSED_PERCENT
from likeness.evaluation.metrics import PSNR_CAP
from likeness.evaluation.scene_scores import (
    SceneScorer,
    expression_distance,
    pose_distance,
    score_scenes,
    usable_scenes,
)
from likeness.evaluation.scenes import cross_scenes, scenes_digest, self_scenes
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle, matrix_from_yaw_pitch_roll
from likeness.heads.builtin import builtin_head
from likeness.motion.pose import FRONTAL

HEAD = builtin_head()
SIZE = 64


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> tuple[Clip, ...]:
    folder = tmp_path_factory.mktemp("clips")
    settings = MadeHeadSettings(size=SIZE, poses=2)
    made = [
        made_head(f"person{seed}", HEAD, settings=settings, generator=np.random.default_rng(seed)) for seed in (1, 2, 3)
    ]
    write_shard(folder / "made.clips.tar", made)
    return open_clips(folder, HEAD)


def named(clip: Clip, name: str, kind: str) -> Clip:
    return replace(clip, header=replace(clip.header, name=name, kind=kind))


def test_people_are_told_by_their_names(clips) -> None:
    for name, kind, person in (
        ("pair-0-000012-p003-x", "round-trip", "p003-x"),
        ("p003-x", "photo", "p003-x"),
        ("interview-002", "video", "interview"),
        ("made-head-0-000001", "made-head", "made-head-0-000001"),
    ):
        assert person_of(named(clips[0], name, kind)) == person


def test_nobody_is_trained_and_tested_on(clips) -> None:
    many = [named(clips[0], f"pair-0-{number:06d}-p{number // 3:03d}", "round-trip") for number in range(120)]
    training, held = hold_out(many)
    people = {person_of(clip) for clip in held}
    assert len(training) + len(held) == 120 and len(people) == 5
    assert not people & {person_of(clip) for clip in training}
    assert hold_out(many[::-1])[1] == held[::-1]
    with pytest.raises(InputError, match="show 2 people, and training and test need 3"):
        hold_out(many[:6])


def test_scenes_are_the_same_every_time(clips) -> None:
    own, other = self_scenes(clips, size=SIZE, count=5), cross_scenes(clips, HEAD, size=SIZE, count=4)
    assert (len(own), len(other)) == (5, 4)
    assert all(scene.driver is None for scene in own)
    again = (*self_scenes(clips, size=SIZE, count=5), *cross_scenes(clips, HEAD, size=SIZE, count=4))
    assert scenes_digest((*own, *other)) == scenes_digest(again) != scenes_digest(own)
    for scene in other:
        assert scene.driver is not None
        sources = {clip.header.name: clip for clip in clips}
        assert np.array_equal(scene.sample.shape, sources[scene.sample.clip].motion.shape)
        assert not np.array_equal(scene.driver.shape, scene.sample.shape)
        np.testing.assert_array_equal(scene.target.image, scene.driver.shot.image)
        turned = [matrix_from_axis_angle(frame.rotation) for frame in (scene.target.frame, scene.driver.shot.frame)]
        np.testing.assert_allclose(*turned, atol=0.1)  # the driver's own pose
    assert cross_scenes(clips[:1], HEAD, size=SIZE, count=4) == ()


def test_pose_and_expression_distances_by_hand(clips) -> None:
    frame = clips[0].motion.frame(0)

    def posed(yaw: float) -> object:
        rotation = FRONTAL @ matrix_from_yaw_pitch_roll(yaw, 0.1, -0.2)
        return replace(frame, rotation=axis_angle_from_matrix(rotation))

    assert pose_distance(posed(0.3), posed(0.0)) == pytest.approx(100.0 * 0.3 / 3.0)
    other = replace(frame, expression=frame.expression + 0.25)
    assert expression_distance(other, frame) == pytest.approx(0.25)


def test_the_truth_is_perfect_copying_is_not_and_noise_is_missed(clips) -> None:
    scenes = (*self_scenes(clips, size=SIZE, count=2), *cross_scenes(clips, HEAD, size=SIZE, count=1))
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    with SceneScorer(HEAD, None) as scorer:
        usable = usable_scenes(scorer, scenes)
        true = score_scenes(scorer, usable, lambda scene, known, number: scene.target.image)
        copied = score_scenes(scorer, usable, lambda scene, known, number: scene.sample.source.image)
        missed = score_scenes(scorer, usable, lambda scene, known, number: noise)
        with pytest.raises(InputError, match="no face is found in 0 test scenes"):
            usable_scenes(scorer, ())
    assert true["self_apd"] == true["self_aed"] == true["self_landmark"] == true["self_missed"] == 0.0
    assert true["self_psnr"] == PSNR_CAP and true["self_ssim"] == pytest.approx(1.0)
    assert copied["self_apd"] > 1.0 and copied["self_landmark"] > 1.0 and copied["self_psnr"] < 40.0
    assert missed["self_missed"] == 1.0 and missed["self_landmark"] == MISSED_PERCENT
    assert "self_apd" not in missed and not [name for name in true if "identity" in name]


def test_blur_control_keeps_order_and_flat_pictures() -> None:
    frames = [np.full((16, 16, 3), level, dtype=np.uint8) for level in (10, 20)]
    plain, soft = with_blurred(iter(frames))
    for one, other, frame in zip(plain, soft, frames, strict=True):
        assert one is frame
        np.testing.assert_array_equal(other, frame)
    edge = np.zeros((16, 16, 3), dtype=np.uint8)
    edge[:, 8:] = 200
    assert 0 < blurred(edge)[8, 7, 0] < 40
