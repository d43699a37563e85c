"""Exit codes and messages of whatever can go wrong inside a command."""

import errno
import logging
import os
import pty
import sys

import pytest

from likeness.app.console import run_guarded, say, say_table, watch
from likeness.errors import InputError


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("a.jpg is empty: give\nanother"), 2, "likeness: a.jpg is empty: give another\n"),
        (KeyboardInterrupt(), 130, "likeness: stopped; nothing was written\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "out.mp4"),
            2,
            "likeness: out.mp4: No space left on device\n",
        ),
        (MemoryError(), 2, "likeness: not enough memory: ask for a smaller picture with --size\n"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 9 TB"),
            2,
            "likeness: not enough memory: ask for a smaller picture with --size\n",
        ),
        (
            InputError("the head \x1b[31mred\x07 \u202eback \udcff is unknown"),
            2,
            "likeness: the head \\x1b[31mred\\x07 \\u202eback \\udcff is unknown\n",
        ),
        (SystemExit(2), 2, ""),
        (SystemExit(0), 0, ""),
    ],
)
def test_one_line_and_exit_code(error, code, message, capsys):
    assert run_guarded(lambda: _raise(error)) == code
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("error", [ZeroDivisionError(), RuntimeError("shapes do not fit"), RecursionError()])
def test_a_slip_of_ours_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        run_guarded(lambda: _raise(error))


def test_nothing_from_a_file_steers_the_terminal(capsys):
    say("trained: \x1b]0;title\x07 \x9b2J\rnever\n\tÄ ± 顔")
    say_table("t", ["name"], [["\x1b[2Jrow"]])
    run_guarded(lambda: logging.getLogger("likeness.test").warning("head \x1b[31m%s", "x"))
    captured = capsys.readouterr()
    assert captured.out.startswith("trained: \\x1b]0;title\\x07 \\x9b2J\\rnever\n\tÄ ± 顔\n")
    assert "\\x1b[2Jrow" in captured.out and "\x1b" not in captured.out
    assert captured.err == "likeness: note: head \\x1b[31mx\n"


def test_watching_changes_nothing():
    assert list(watch(range(5), "counting", 5)) == [0, 1, 2, 3, 4]
    assert list(watch(iter("ab"), "counting", None)) == ["a", "b"]


def test_the_bar_shows_count_and_time_left(monkeypatch):
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert list(watch(range(3), "counting", 3)) == [0, 1, 2]
        assert list(watch(range(3), "counting", None)) == [0, 1, 2]
        terminal.flush()
        text = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "counting" in text and "3/3" in text and "left" in text
