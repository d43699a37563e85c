"""Ctrl-C and SIGTERM during a training: work that changes no weights ends at once, a change of weights is finished."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The user wants the training to end; like KeyboardInterrupt, no handler of errors may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Interruption:
    """Listens while it is entered; only the main thread can."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._is_held = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal within the block is answered at its end."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._number is not None:
            raise Interrupted(self._number)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        is_known, self._number = self._number is not None, number
        if not self._is_held and not is_known:  # once is enough: a second one must not disturb the tidying up
            raise Interrupted(number)
