"""Several processes give the rows of one; what dies becomes a row; an interruption ends them all."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from likeness.errors import LikenessError
from likeness.evaluation.results import run_items
from likeness.evaluation.workers import in_processes
from tests.evaluation.worker_items import NAMES, open_items

NEVER = "its process ended (code 3): measure it again with --jobs 1"


def test_several_processes_give_the_rows_of_one(tmp_path: Path):
    shared = partial(in_processes, count=2, open_items=open_items)
    rows = run_items(open_items("x"), tmp_path / "two.jsonl", {}, measure=shared)
    alone = run_items(open_items("x"), tmp_path / "one.jsonl", {})
    processes = {str(row["item"]): row.pop("process") for row in rows}
    assert [row | {"process": ""} for row in rows] == [row | {"process": ""} for row in alone]
    assert str(os.getpid()) not in processes.values() and len(set(processes.values())) == 2
    assert all(len({processes[name] for name in NAMES if name[0] == group}) == 1 for group in "ab")  # one opens a photo
    assert run_items(open_items("x"), tmp_path / "two.jsonl", {}, measure=shared)[0]["share"] == 1.0  # kept


def test_what_dies_or_fails_is_a_row_and_tried_again(tmp_path: Path):
    names = ("a/1", "a/dies", "a/fails", "b/killed", "b/2")
    opener = partial(open_items, names=names)
    shared = partial(in_processes, count=2, open_items=opener)
    rows = {row["item"]: row for row in run_items(opener("x"), tmp_path / "rows.jsonl", {}, measure=shared)}
    assert rows["a/1"]["length"] == rows["b/2"]["length"] == 3
    assert rows["a/dies"] == {"item": "a/dies", "error": NEVER}
    assert rows["a/fails"]["error"] == "no face was found"
    assert "killed, often for lack of memory" in str(rows["b/killed"]["error"])
    kept = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()[1:]]
    assert sorted(row["item"] for row in kept) == sorted(names)


@pytest.mark.parametrize(
    ("label", "message"), [("closed", "material is missing"), ("stillborn", r"\(code 4\).*--jobs 1")]
)
def test_a_list_that_cannot_be_opened_ends_the_run(label: str, message: str):
    with pytest.raises(LikenessError, match=message):
        list(in_processes(open_items("x"), label, count=2, open_items=open_items))


def test_no_items_need_no_process():
    assert list(in_processes([], "stillborn", count=2, open_items=open_items)) == []
    with pytest.raises(ValueError, match="at least one process"):
        list(in_processes([], "x", count=0, open_items=open_items))


def assert_gone(group: int) -> None:
    """Nobody of a process group is left, within a moment."""
    for _ in range(40):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("processes are left behind")


def test_an_interruption_ends_every_process_and_keeps_the_rows(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    command = [sys.executable, "-m", "tests.evaluation.worker_items", str(path)]
    run = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        until = time.monotonic() + 30.0
        while '"a/1"' not in (path.read_text() if path.is_file() else ""):
            assert time.monotonic() < until and run.poll() is None
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: everybody hears it
        started = time.monotonic()
        _, errors = run.communicate(timeout=10.0)
        assert time.monotonic() - started < 3.0
        assert run.returncode == 130 and errors == "likeness: stopped; nothing was written\n"
        assert_gone(run.pid)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
