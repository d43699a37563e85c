from dataclasses import replace

import numpy as np
import pytest

from likeness.data.augment import UNCHANGED
from likeness.data.sample import SampleSettings, draw_sample, usable_clips
from likeness.errors import InputError
from tests.data.clips import new_clip, stored


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return stored(folder, *(new_clip(f"clip{k}", frames=8) for k in range(5)))


def test_a_sample_depends_on_seed_and_number_alone(clips):
    settings = SampleSettings(size=24)
    first = [draw_sample(clips, settings, seed=3, number=k) for k in range(10)]
    again = [draw_sample(clips, settings, seed=3, number=k) for k in reversed(range(10))][::-1]
    for one, other in zip(first, again, strict=True):
        assert one.clip == other.clip and one.is_mirrored == other.is_mirrored
        np.testing.assert_array_equal(one.source.image, other.source.image)
        np.testing.assert_array_equal(one.targets[0].frame.expression, other.targets[0].frame.expression)
    other_seed = [draw_sample(clips, settings, seed=4, number=k).clip for k in range(10)]
    assert [sample.clip for sample in first] != other_seed


def test_every_clip_comes_once_in_a_round(clips):
    settings = SampleSettings(size=32, augmentation=UNCHANGED)
    names = [draw_sample(clips, settings, seed=0, number=k).clip for k in range(15)]
    rounds = [names[start : start + 5] for start in (0, 5, 10)]
    assert all(len(set(each)) == 5 for each in rounds) and len({tuple(each) for each in rounds}) > 1


def test_pictures_and_numbers_belong_together(clips):
    settings = SampleSettings(size=32, augmentation=UNCHANGED)
    for number in range(10):
        sample = draw_sample(clips, settings, seed=0, number=number)
        clip = next(clip for clip in clips if clip.header.name == sample.clip)
        for shot in (sample.source, *sample.targets):
            index = round(float(shot.image.mean()) / 10.0)  # pictures tell their number
            np.testing.assert_array_equal(shot.frame.rotation, clip.motion.rotation[index])
        assert not sample.is_mirrored and sample.source.camera.width == 32


def test_mattes_come_along_with_sources_and_targets(tmp_path):
    matted = stored(tmp_path, new_clip(matted=tuple(range(6))))
    sample = draw_sample(matted, SampleSettings(size=16, augmentation=UNCHANGED), seed=0, number=0)
    for shot in (sample.source, *sample.targets):
        assert shot.matte is not None and shot.matte.shape == (16, 16)
        np.testing.assert_allclose(shot.matte[3], np.linspace(1.0, 61.0, 16) / 62.0, atol=3e-3)
    enlarged = replace(UNCHANGED, source_scale=1.2)
    scaled = draw_sample(matted, SampleSettings(size=16, augmentation=enlarged), seed=0, number=0)
    assert scaled.source.matte is not None and np.abs(scaled.source.matte - sample.source.matte).max() > 0.005


def test_windows(clips):
    settings = SampleSettings(size=32, window=4, augmentation=UNCHANGED)
    sample = draw_sample(clips, settings, seed=0, number=0)
    levels = [round(float(shot.image.mean()) / 10.0) for shot in sample.targets]
    assert len(levels) == 4 and len(set(np.diff(levels))) == 1
    with pytest.raises(InputError, match="9 frames in a row"):
        usable_clips(clips, replace(settings, window=9))


def test_one_option_does_not_change_another(clips):
    plain = SampleSettings(size=32, augmentation=replace(UNCHANGED, mirrored_share=0.5))
    coloured = SampleSettings(size=32, augmentation=replace(UNCHANGED, mirrored_share=0.5, gain=0.3))
    noisy = SampleSettings(size=32, augmentation=replace(UNCHANGED, mirrored_share=0.5, tracker_noise=1.0))
    for number in range(12):
        one, two, three = (draw_sample(clips, each, seed=1, number=number) for each in (plain, coloured, noisy))
        assert one.is_mirrored == two.is_mirrored == three.is_mirrored
        np.testing.assert_array_equal(one.source.frame.rotation, two.source.frame.rotation)
        np.testing.assert_array_equal(one.source.image, three.source.image)
        assert 0 < np.abs(one.source.frame.expression - three.source.frame.expression).max() < 0.4


def test_damage_meets_sources_of_round_trips_alone(tmp_path):
    pair = new_clip("pair", frames=2, kind="round-trip", sources=(1,), targets=(0,))
    clips = stored(tmp_path, pair, new_clip("film"))
    settings = SampleSettings(size=32, augmentation=replace(UNCHANGED, damaged_share=1.0, noise=40.0))
    samples = [draw_sample(clips, settings, seed=0, number=number) for number in range(12)]
    assert max(sample.source.image.std() for sample in samples if sample.clip == "pair") > 2.0
    assert all(sample.source.image.std() == 0.0 for sample in samples if sample.clip == "film")
    assert all(sample.targets[0].image.std() == 0.0 for sample in samples)


def test_a_draft_is_changed_like_the_source_it_was_drawn_from(tmp_path):
    pair = new_clip("pair", frames=2, kind="round-trip", sources=(0,), targets=(1,), drafts=(1,))
    pair = replace(pair, drafts={1: pair.pictures[0]})
    clips = stored(tmp_path, pair)
    options = replace(UNCHANGED, gain=0.4, damaged_share=0.5, noise=40.0)
    changed = 0
    for number in range(12):
        sample = draw_sample(clips, SampleSettings(size=32, augmentation=options), seed=0, number=number)
        (target,) = sample.targets
        np.testing.assert_array_equal(target.draft, sample.source.image)
        changed += int(sample.source.image.std() > 2.0)
    assert 0 < changed < 12
    assert draw_sample(clips, SampleSettings(size=16), seed=0, number=0).targets[0].draft.shape == (16, 16, 3)


def test_source_and_target_share_their_colours(tmp_path):
    film = new_clip("film", sources=(4,), targets=(5,))  # grey levels 40 and 50
    clips = stored(tmp_path, film)
    options = replace(UNCHANGED, gain=0.4)
    levels = np.array(
        [
            [shot.image.mean() for shot in (sample.source, *sample.targets)]
            for sample in (
                draw_sample(clips, SampleSettings(size=32, augmentation=options), seed=0, number=k) for k in range(20)
            )
        ]
    )
    np.testing.assert_allclose(levels[:, 0] / 40.0, levels[:, 1] / 50.0, atol=0.03)
    assert levels[:, 0].max() - levels[:, 0].min() > 10.0
