"""Small JSON files that people write: read with a limit, and checked name by name and number by number."""

import json
from pathlib import Path
from typing import Any

from likeness.errors import InputError


def read_json(path: Path, kind: str, *, most_bytes: int) -> object:
    """What a file holds.

    Args:
        kind: what it is to be, in one word or two, for messages.

    Raises:
        InputError: it cannot be read, is too large, or is not JSON.
    """
    try:
        if path.stat().st_size > most_bytes:
            raise InputError(f"{path} is larger than {most_bytes >> 20} MB: that is no {kind}")
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the {kind} {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON text ({error}): see the documentation for an example") from error
    return content


def json_record(content: object, where: str, *, required: set[str], optional: set[str]) -> dict[str, Any]:
    """An object that has these names and no others.

    Raises:
        InputError: it is none.
    """
    if not isinstance(content, dict):
        raise InputError(f"{where} must be a JSON object")
    missing, unknown = required - set(content), set(content) - required - optional
    if missing or unknown:
        parts = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        parts += [f"has unknown {', '.join(sorted(unknown))[:80]}"] if unknown else []
        raise InputError(f"{where} {' and '.join(parts)}; it takes {', '.join(sorted(required | optional))}")
    return content


def json_number(value: object, where: str, low: float, high: float) -> float:
    """A number in a range.

    Raises:
        InputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{where} is {str(value)[:40]}: give a number from {low:g} to {high:g}")
    return float(value)
