"""Exit codes and messages of whatever can go wrong inside a command."""

import errno
import os
import pty
import sys

import pytest

from likeness.app.console import run_guarded, watch
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
        (SystemExit(2), 2, ""),
        (SystemExit(0), 0, ""),
    ],
)
def test_one_line_and_exit_code(error, code, message, capsys):
    assert run_guarded(lambda: _raise(error)) == code
    assert capsys.readouterr().err == message


def test_a_slip_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_guarded(lambda: _raise(ZeroDivisionError()))


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
