import numpy as np
import pytest

from likeness.evaluation.bootstrap import crossed_interval, median_interval, paired_interval


def test_equal_items_have_no_width():
    assert median_interval([2.5] * 10) == (2.5, 2.5)


def test_the_interval_holds_the_median_and_shrinks_with_the_items():
    generator = np.random.default_rng(1)
    few, many = generator.standard_normal(20), generator.standard_normal(2000)
    (low, high), (lower, upper) = median_interval(few.tolist()), median_interval(many.tolist())
    assert low <= np.median(few) <= high
    # The standard error of a median of normals is 1.2533 / sqrt(n).
    assert upper - lower == pytest.approx(2 * 1.96 * 1.2533 / np.sqrt(2000), rel=0.25)
    assert upper - lower < high - low
    assert median_interval(few.tolist()) == (low, high)


def test_four_items_say_nothing():
    assert median_interval([1.0, 2.0, 3.0, 4.0]) is None


def test_pairs_tell_more_than_their_sides():
    sides = np.random.default_rng(2).normal(0.0, 10.0, 30)
    low, high = paired_interval((sides + 1.0).tolist(), sides.tolist())
    assert low == pytest.approx(1.0) and high == pytest.approx(1.0)
    with pytest.raises(ValueError, match="pairs"):
        paired_interval([1.0], [1.0, 2.0])


def test_pairs_that_share_a_clip_are_no_independent_witnesses():
    """All of the spread is between five clips: twenty portraits of each add nothing."""
    pairs = [(f"p{portrait}", f"v{clip}") for portrait in range(20) for clip in range(5)]
    values = [float(clip[1:]) for _, clip in pairs]
    low, high = crossed_interval(values, pairs)
    assert (low, high) == (0.0, 4.0)
    plain = median_interval(values)
    assert plain[1] - plain[0] <= 2.0
    alone = [(f"p{number}", "v") for number in range(100)]  # of one clip: as single items
    spread = np.random.default_rng(0).standard_normal(100).tolist()
    assert crossed_interval(spread, alone) == pytest.approx(median_interval(spread), abs=0.08)
    assert crossed_interval([1.0] * 4, pairs[:4]) is None
    with pytest.raises(ValueError):
        crossed_interval([1.0] * 6, pairs[:5])
