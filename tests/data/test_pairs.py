from dataclasses import replace

import numpy as np
import pytest

from likeness.data.pairs import PairRule, draw_pair, draw_window, has_pair, has_window, turn_degrees, window_starts
from tests.data.clips import new_clip, stored

NEVER, ALWAYS = PairRule(turned_share=0.0), PairRule(turned_share=1.0)


def with_rotation(clip, yaw_degrees):
    """The clip with a head that turns by these angles about a fixed axis."""
    rotation = np.zeros((len(yaw_degrees), 3))
    rotation[:, 1] = np.radians(yaw_degrees)
    return replace(clip, motion=clip.motion.with_frames(rotation=rotation))


def draws(clip, rule, count=1200):
    return np.array([draw_pair(clip, np.random.default_rng((4, k)), rule) for k in range(count)])


def test_gaps_are_uniform_in_both_directions(tmp_path):
    (clip,) = stored(tmp_path, new_clip(frames=9))
    pairs = draws(clip, NEVER)
    gaps = pairs[:, 1] - pairs[:, 0]
    assert set(gaps) == {*range(-8, 0), *range(1, 9)}
    counts = np.bincount(np.abs(gaps))[1:]
    assert counts.min() > 0.7 * 150 and counts.max() < 1.3 * 150
    assert 0.45 < (gaps > 0).mean() < 0.55


def test_half_of_the_pairs_are_drawn_until_the_head_has_turned(tmp_path):
    (clip,) = stored(tmp_path, new_clip(frames=40))
    clip = with_rotation(clip, [0.0] * 30 + [25.0] * 10)  # 0.38 of all pairs turn, more of those with large gaps
    assert (turn_degrees(clip, draws(clip, ALWAYS, 300)) > 10).all()
    plain, mixed = (np.mean(turn_degrees(clip, draws(clip, rule)) > 10) for rule in (NEVER, PairRule()))
    assert mixed == pytest.approx(0.5 * plain + 0.5, abs=0.05)
    still = with_rotation(clip, [0.0] * 40)
    assert len(draws(still, ALWAYS, 5)) == 5


def test_roles_and_lost_faces_are_respected(tmp_path):
    (clip,) = stored(tmp_path, new_clip(frames=6, sources=(0, 1, 5), targets=(2, 3)))
    valid = np.array([True, False, True, True, True, True])
    clip = replace(clip, motion=replace(clip.motion, valid=valid))
    pairs = draws(clip, PairRule(), 300)
    assert set(pairs[:, 0]) == {0, 5} and set(pairs[:, 1]) == {2, 3}
    nothing = replace(clip, motion=replace(clip.motion, valid=np.zeros(6, dtype=bool)))
    assert has_pair(clip) and not has_pair(nothing)
    with pytest.raises(ValueError, match="no frame"):
        draw_pair(nothing, np.random.default_rng(0), NEVER)


def test_a_photo_is_its_own_target_and_a_round_trip_has_one_direction(tmp_path):
    photo, pair = stored(tmp_path, new_clip("photo", frames=1), new_clip("pair", frames=2, sources=(0,), targets=(1,)))
    assert draw_pair(photo, np.random.default_rng(0), ALWAYS) == (0, 0)
    assert {draw_pair(pair, np.random.default_rng(k), PairRule()) for k in range(30)} == {(0, 1)}


def test_window_starts_by_hand():
    may = np.array([1, 1, 1, 0, 1, 1, 1, 1], dtype=bool)
    assert window_starts(may, 3, 1).tolist() == [0, 4, 5]
    assert window_starts(may, 3, 2).tolist() == [0, 2]  # 0 2 4; 2 4 6
    assert window_starts(may, 9, 1).tolist() == []


def test_windows_take_every_stride_and_a_source_outside(tmp_path):
    (clip,) = stored(tmp_path, new_clip(frames=20))
    strides = []
    for seed in range(200):
        source, targets = draw_window(clip, np.random.default_rng(seed), 4)
        steps = set(np.diff(targets))
        assert len(targets) == 4 and len(steps) == 1
        strides.append(steps.pop())
        assert not targets[0] <= source <= targets[-1]
    assert all(30 < strides.count(stride) < 70 for stride in (1, 2, 3, 4))
    (short,) = stored(tmp_path, new_clip(frames=4))
    assert has_window(short, 4) and not has_window(short, 5)
    source, targets = draw_window(short, np.random.default_rng(0), 4)
    assert targets == (0, 1, 2, 3) and source in targets
