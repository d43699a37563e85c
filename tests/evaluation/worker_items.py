"""Items that other processes open for themselves, for tests of `evaluation.workers`: their names say what they do."""

import os
import signal
import time
from functools import partial
from pathlib import Path

from likeness.errors import InputError
from likeness.evaluation.results import Item, Row

NAMES = tuple(f"{group}/{number}" for group in "abc" for number in range(3))


def open_items(label: str, *, names: tuple[str, ...] = NAMES) -> list[Item]:
    if label == "closed":
        raise InputError("the material is missing: give another folder")
    if label == "stillborn":
        os._exit(4)
    return [Item(name=name, measure=partial(measure, name)) for name in names]


def measure(name: str) -> Row:
    match name.split("/")[-1]:
        case "dies":
            os._exit(3)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "fails":
            raise InputError("no face was found")
        case "sleeps":
            time.sleep(60)
    time.sleep(0.15)  # so that both processes have something to do
    return {"length": len(name), "share": len(name) / 3.0, "process": str(os.getpid()), "nothing": float("nan")}


if __name__ == "__main__":  # a run that sleeps, to be interrupted
    import sys

    from likeness.app.console import run_guarded
    from likeness.evaluation.results import run_items
    from likeness.evaluation.workers import in_processes

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
    names = ("a/1", "a/sleeps", "b/sleeps")
    opener = partial(open_items, names=names)
    path = Path(sys.argv[1])
    sys.exit(
        run_guarded(
            lambda: print(run_items(opener("x"), path, {}, measure=partial(in_processes, count=2, open_items=opener)))
        )
    )
