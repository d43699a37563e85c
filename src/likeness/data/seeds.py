"""Seeds: whole numbers that every generator of random numbers takes, numpy's and torch's alike."""

from likeness.errors import InputError

MOST_SEED = 2**63 - 1


def check_seed(seed: int) -> None:
    """The seed is one.

    Raises:
        InputError: it is negative or too large.
    """
    if not 0 <= seed <= MOST_SEED:
        raise InputError(f"--seed is {seed}: give a whole number from 0 to {MOST_SEED}")
