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
