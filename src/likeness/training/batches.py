"""Batches in order, prepared ahead of time by a few threads (geometry and decoding release the interpreter lock)."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")


def batches_ahead(
    load: Callable[[range], Batch], numbers: Iterator[range], *, threads: int, ahead: int
) -> Iterator[Batch]:
    """The batch of each range of sample numbers, in their order; an error of `load` is raised in its turn.

    Whoever stops early does not wait for batches that nobody will use.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="loading")
    pending: deque[Future[Batch]] = deque()
    try:
        for wanted in numbers:
            pending.append(pool.submit(load, wanted))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
