"""The log of a run: one JSON object per line, of which none stays that a continued run writes again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likeness.errors import OutputError
from likeness.files import atomic_output

NAME = "metrics.jsonl"


def append_line(folder: Path, entries: Mapping[str, Any]) -> None:
    """Add a line to the run's log.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with (folder / NAME).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entries, allow_nan=True) + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {folder / NAME}: {error.strerror or error}") from error


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """The log's lines; a last one that was cut off is left out."""
    path = folder / NAME
    lines: list[dict[str, Any]] = []
    if path.is_file():
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                continue
    return lines


def cut_back(folder: Path, step: int) -> None:
    """Forget what was logged after `step` steps.

    Raises:
        OutputError: the log cannot be written.
    """
    if not (folder / NAME).is_file():
        return
    kept = [line for line in read_lines(folder) if line.get("step", 0) <= step]
    with atomic_output(folder / NAME, overwrite=True) as partial:
        partial.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
