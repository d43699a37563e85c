"""Items measured by several processes, each of which opens the protocol for itself.

Processes are started anew (spawn): networks and their threads do not survive a fork, and MediaPipe sends the standard
error of its whole process away for moments, so that threads of one process cannot share it. A process that dies costs
the item that it was at, and another takes its place.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from likeness.errors import LikenessError
from likeness.evaluation.results import Item, Row, failed, measured

OpenItems = Callable[[str], Sequence[Item]]
_READY = None  # what a process says once its items are open
_ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    )
}  # fmt: skip
_PATIENCE = 0.7  # seconds for a process to tidy up before it is killed


@dataclass(slots=True, eq=False)
class _Worker:
    """One process, the pipe to it, and what it is at."""

    process: BaseProcess
    pipe: Connection
    item: str | None = None
    group: str = ""  # of its latest item
    is_ready: bool = False


def in_processes(items: Sequence[Item], label: str, *, count: int, open_items: OpenItems) -> Iterator[Row]:
    """The rows of the items as they are measured, by `count` processes of one thread each.

    Args:
        label: name of the list of items, which `open_items` is called with.
        open_items: gives the same items again; called in each process, so it and its arguments must pickle. Items whose
            names begin alike (`p008/v009`) share what their photo takes: one process measures them, as far as it goes.

    Raises:
        ValueError: `count` is below one.
        LikenessError: the items cannot be opened in another process.
    """
    if count < 1:
        raise ValueError(f"at least one process is needed, got {count}")
    waiting = [item.name for item in items]
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.item is not None for worker in workers):
            while len(workers) < count and sum(not worker.is_ready for worker in workers) < len(waiting):
                workers.append(_started(label, open_items))
            ready = set(wait([worker.pipe for worker in workers]))
            for worker in [worker for worker in workers if worker.pipe in ready]:
                row = _heard(worker)
                if row is not None:
                    yield row
                if worker.process.exitcode is not None:
                    workers.remove(worker)
                elif waiting:
                    _send(worker, waiting, [other.group for other in workers if other is not worker])
    finally:
        _stop(workers)


def _heard(worker: _Worker) -> Row | None:
    """What a process says: its finished row, or that it is ready (None); the end of the process is a failed row.

    Raises:
        LikenessError: it could not begin.
    """
    try:
        said = worker.pipe.recv()
    except (EOFError, OSError):  # it died
        worker.process.join()
        if not worker.is_ready:
            raise LikenessError(
                f"a process ended before it measured anything ({_ending(worker.process)}): try --jobs 1"
            ) from None
        lost, worker.item = worker.item, None
        if lost is None:
            return None
        return failed(lost, f"its process ended ({_ending(worker.process)}): measure it again with --jobs 1")
    if isinstance(said, str):
        raise LikenessError(said)
    worker.is_ready, worker.item = True, None
    return said


def _send(worker: _Worker, waiting: list[str], others: Sequence[str]) -> None:
    """Gives the process an item of the group that it is at, else of one that nobody is at, else the first."""
    groups = [_group(name) for name in waiting]
    free = [place for place, group in enumerate(groups) if group not in others]
    same = [place for place, group in enumerate(groups) if group == worker.group]
    worker.item = waiting.pop((same or free or [0])[0])
    worker.group = _group(worker.item)
    try:
        worker.pipe.send(worker.item)
    except OSError:  # it died while it waited: its end is heard next
        pass


def _group(name: str) -> str:
    return name.split("/")[0]


def _ending(process: BaseProcess) -> str:
    code = process.exitcode or 0
    if code == -signal.SIGKILL:
        return "killed, often for lack of memory"
    return f"signal {-code}" if code < 0 else f"code {code}"


def _started(label: str, open_items: OpenItems) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, label, open_items), daemon=True)
    with _variables(_ONE_THREAD), _interrupts_ignored():
        process.start()
    theirs.close()
    return _Worker(process=process, pipe=ours)


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_PATIENCE)
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()


def _work(pipe: Connection, label: str, open_items: OpenItems) -> None:
    """What a process does: it opens the items, and measures those that it is told, until nobody speaks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # tidying up on the way
    import cv2

    cv2.setNumThreads(1)
    try:
        items = {item.name: item for item in open_items(label)}
    except LikenessError as error:
        pipe.send(str(error))
        return
    pipe.send(_READY)
    try:
        while True:
            pipe.send(measured(items[pipe.recv()]))
    except (EOFError, BrokenPipeError):  # the parent is gone
        return


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for processes that are started meanwhile."""
    kept = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes that are started meanwhile ignore Ctrl-C from their first moment on."""
    try:
        kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, kept)
