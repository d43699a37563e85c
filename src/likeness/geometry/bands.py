"""Runs a compiled kernel over bands of rows in a few threads; the kernels release the interpreter lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

_BANDS_PER_THREAD = 4  # evens out bands with little to do


def run_bands(kernel: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call `kernel(begin, end)` for ranges that together cover 0 to `count`, each once, on `threads` threads.

    Raises:
        ValueError: `threads` is below one.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    if threads == 1:
        kernel(0, count)
        return
    bands = min(count, threads * _BANDS_PER_THREAD)
    edges = [band * count // bands for band in range(bands + 1)] if bands else [0]
    for _ in _pool(threads, os.getpid()).map(kernel, edges[:-1], edges[1:]):
        pass


@lru_cache(maxsize=4)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """One pool per process: threads do not survive a fork."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"likeness-{process}")
