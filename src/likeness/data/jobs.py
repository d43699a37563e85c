"""The same work on many items, one after the other or in several processes; an interruption ends them at once."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def run_jobs(function: Callable[[Item], Outcome], items: Sequence[Item], processes: int) -> Iterator[Outcome]:
    """The outcomes, as they are ready. With several processes, `function` and the items must be picklable.

    Raises:
        ValueError: `processes` is below one.
    """
    if processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}")
    if processes == 1 or len(items) < 2:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")  # threads and networks do not survive a fork
    with context.Pool(min(processes, len(items)), initializer=_leave_signals_to_parent) as pool:
        yield from pool.imap_unordered(function, items)  # on any way out, the pool is terminated


def _leave_signals_to_parent() -> None:
    """Ctrl-C reaches the parent, which then terminates this process; it tidies up on the way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
