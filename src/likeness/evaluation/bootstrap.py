"""Intervals of confidence by the bootstrap: how much a median would differ with other clips of the same kind.

Percentile bootstrap (Efron 1979) over items, whose frames belong together; the seed is fixed.
"""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
LEAST_ITEMS = 5  # fewer say nothing about others
SEED = 0


def median_interval(values: Sequence[float], *, level: float = LEVEL) -> tuple[float, float] | None:
    """Bounds of the median over items; None for fewer than `LEAST_ITEMS` of them."""
    if len(values) < LEAST_ITEMS:
        return None
    table = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(SEED).integers(0, len(table), (RESAMPLES, len(table)))
    low, high = np.quantile(np.median(table[drawn], axis=1), [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def paired_interval(
    first: Sequence[float], second: Sequence[float], *, level: float = LEVEL
) -> tuple[float, float] | None:
    """Bounds of the median difference, first less second, of the same items under two methods.

    Raises:
        ValueError: the lengths differ.
    """
    if len(first) != len(second):
        raise ValueError(f"expected pairs, got {len(first)} and {len(second)} numbers")
    return median_interval((np.asarray(first) - np.asarray(second)).tolist(), level=level)


def items_interval(names: Sequence[str], values: Sequence[float]) -> tuple[float, float] | None:
    """Bounds of the median over items: those named `FIRST/SECOND` are pairs, unless all have one second part.

    Raises:
        ValueError: the lengths differ.
    """
    if len(names) != len(values):
        raise ValueError(f"expected a name for every value, got {len(names)} and {len(values)}")
    parts = [name.partition("/") for name in names]
    if len({second for _, _, second in parts}) < 2:
        return median_interval(values)
    return crossed_interval(values, [(first, second) for first, _, second in parts])


def crossed_interval(
    values: Sequence[float], pairs: Sequence[tuple[str, str]], *, level: float = LEVEL
) -> tuple[float, float] | None:
    """Bounds of the median over pairs, e.g. of a portrait and a clip, that share their members.

    Portraits and clips are drawn anew, and a pair counts as often as both of its members are drawn (Owen 2007): pairs
    that share a clip are no independent witnesses. None for fewer than `LEAST_ITEMS` values.

    Raises:
        ValueError: the lengths differ.
    """
    if len(values) != len(pairs):
        raise ValueError(f"expected a pair for every value, got {len(values)} and {len(pairs)}")
    if len(values) < LEAST_ITEMS:
        return None
    order = np.argsort(values, kind="stable")
    table = np.asarray(values, dtype=np.float64)[order]
    generator = np.random.default_rng(SEED)
    weights = np.ones((RESAMPLES, len(table)), dtype=np.int64)
    for member in range(2):
        names, places = np.unique([pair[member] for pair in pairs], return_inverse=True)
        drawn = generator.multinomial(len(names), np.full(len(names), 1.0 / len(names)), RESAMPLES)
        weights *= drawn[:, places[order]]
    reached = np.cumsum(weights, axis=1)
    kept = reached[:, -1] > 0  # a draw of portraits and clips that never met tells nothing
    reached, half = reached[kept], reached[kept, -1:] / 2.0
    medians = 0.5 * (table[(reached >= half).argmax(axis=1)] + table[(reached > half).argmax(axis=1)])
    low, high = np.quantile(medians, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)
