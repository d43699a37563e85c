"""What the command line shows: progress bars with the time left, notes, one-line errors, and the exit codes."""

import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn, TypeVar

from likeness.errors import LikenessError
from likeness.nn.memory import is_lack_of_memory

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
UNSEEN_WIDTH = 180  # characters of tables where no terminal is
# What would steer a terminal instead of being seen; files that somebody else wrote may hold it.
_UNSEEN = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")

Item = TypeVar("Item")


def watch(items: Iterable[Item], label: str, total: int | None) -> Iterator[Item]:
    """The items, with a bar on the terminal while they are consumed; silent where stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f}/s", justify="right")

    columns = (
        TextColumn("{task.description:10s}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        for item in items:
            yield item
            progress.advance(task)


def run_guarded(action: Callable[[], None]) -> int:
    """Run a command; every trouble that the user can act on becomes one line on stderr and an exit code."""
    show_notes()
    previous = _on_termination(_stop)
    try:
        action()
    except LikenessError as error:
        return _fail(str(error), EXIT_USER_ERROR)
    except KeyboardInterrupt:
        return _fail("stopped; nothing was written", EXIT_INTERRUPTED)
    except SystemExit as stop:  # the parser has printed help or what is wrong with the options; or SIGTERM came
        return stop.code if isinstance(stop.code, int) else 0
    except BrokenPipeError:  # the reader of our output has gone: nothing is left to say, not even while exiting
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_USER_ERROR
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _fail(f"{name}{error.strerror or error}", EXIT_USER_ERROR)
    except (MemoryError, RuntimeError) as error:
        if not is_lack_of_memory(error):
            raise
        return _fail("not enough memory: ask for a smaller picture with --size", EXIT_USER_ERROR)
    finally:
        _on_termination(previous)
    return 0


def show_notes() -> None:
    """Warnings of the library become notes on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlainFormatter("likeness: note: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def say(line: str) -> None:
    """One line of result on stdout."""
    print(plain(line), flush=True)


def complain(line: str) -> None:
    """One line about what went wrong, on stderr."""
    print(f"likeness: {plain(' '.join(line.split()))}", file=sys.stderr, flush=True)


def plain(text: str) -> str:
    """The text with characters that steer a terminal as they are written in Python; lines and tabs stay."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout, as wide as the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in header:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(plain, row))
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else UNSEEN_WIDTH)
    console.print(table)


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


def _fail(message: str, code: int) -> int:
    complain(message)
    return code


def _stop(*_: object) -> NoReturn:
    raise SystemExit(EXIT_TERMINATED)


def _on_termination(handler: object) -> object:
    """Set what SIGTERM does and return what it did: a terminated run tidies up like an interrupted one."""
    try:
        return signal.signal(signal.SIGTERM, handler)  # type: ignore[arg-type]
    except ValueError:  # not in the main thread, where signals cannot be set
        return handler
