"""Bounds of the numbers in a model's configuration: it may come from a file that somebody else wrote."""

from collections.abc import Mapping
from typing import Any

LARGEST_WIDTH = 8192  # channels of a layer, or numbers of a token
LARGEST_PICTURE = 4096  # pixels per side
MOST_LAYERS = 64  # of one kind, one after the other
MOST_LEVELS = 8  # resolutions
MOST_WEIGHTS = 100_000_000  # of a network's largest kind of layer; Stable Diffusion 1.5 has 68 million

Range = tuple[float, float]
WIDTH: Range = (1, LARGEST_WIDTH)
PICTURE: Range = (1, LARGEST_PICTURE)
LAYERS: Range = (1, MOST_LAYERS)
SHARE: Range = (0.0, 1.0)


def check_ranges(record: Any, limits: Mapping[str, Range]) -> None:
    """The named numbers of a record, and all entries where it has several, lie within their limits; None is left out.

    Raises:
        ValueError: one does not, or is not a number.
    """
    for name, (low, high) in limits.items():
        value = getattr(record, name)
        for number in value if isinstance(value, tuple) else (value,):
            if number is not None and not low <= number <= high:
                raise ValueError(f"{name} is {value}: only {low:g} to {high:g} can be used")


def check_count(name: str, values: tuple[Any, ...], low: int, high: int) -> None:
    """A list has so many entries.

    Raises:
        ValueError: it has not.
    """
    if not low <= len(values) <= high:
        raise ValueError(f"{name} has {len(values)} entries: only {low} to {high} can be used")


def check_weights(name: str, number: int) -> None:
    """Layers are not larger than any that can be used.

    Args:
        number: about how many weights the largest kind of them has.

    Raises:
        ValueError: they are.
    """
    if number > MOST_WEIGHTS:
        raise ValueError(f"{name}: {number / 1e6:.0f} million weights, more than the {MOST_WEIGHTS // 10**6} allowed")
