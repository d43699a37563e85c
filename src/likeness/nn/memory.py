"""Running out of memory, on whatever device, told in one line that says what to do."""

from collections.abc import Iterator
from typing import TypeVar

from likeness.errors import InputError

_WORDS = ("out of memory", "not enough memory", "allocate memory", "DefaultCPUAllocator")
Item = TypeVar("Item")


def with_advice(items: Iterator[Item], advice: str) -> Iterator[Item]:
    """The items; running out of memory while they are made becomes that line.

    Raises:
        InputError: there is not enough memory.
    """
    try:
        yield from items
    except (RuntimeError, MemoryError) as error:
        raise advised(error, advice) from error


def advised(error: Exception, advice: str) -> Exception:
    """What is raised instead of an error: the advice for a lack of memory, anything else as it is."""
    return InputError(advice) if is_lack_of_memory(error) else error


def is_lack_of_memory(error: Exception) -> bool:
    """Whether an error means that memory has run out: Python's own, or torch's RuntimeErrors."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)
    )
