"""Rows of measurements, kept line by line in a file, so that a long run that was stopped goes on where it ended."""

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import likeness
from likeness.errors import InputError, LikenessError, OutputError

log = logging.getLogger(__name__)

Value = float | int | str | None
Row = dict[str, Value]  # measure -> number (None: could not be measured); "item" and "error" are text


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One thing to measure, e.g. a clip: its name and the function that gives its row."""

    name: str
    measure: Callable[[], Row]


def quietly(items: Iterable[Any], label: str, total: int | None) -> Iterable[Any]:
    """The items, without a progress bar."""
    return items


Watch = Callable[[Iterable[Any], str, int | None], Iterable[Any]]
MeasureItems = Callable[[Sequence[Item], str], Iterator[Row]]  # rows as they are ready; the text names the list


def one_by_one(items: Sequence[Item], label: str) -> Iterator[Row]:
    """The rows of the items, measured here."""
    return map(measured, items)


def run_items(
    items: Sequence[Item],
    path: Path,
    settings: Mapping[str, Value],
    watch: Watch = quietly,
    measure: MeasureItems = one_by_one,
) -> list[Row]:
    """Measures every item that the file at `path` does not hold yet, appending its row at once; returns all, in order.

    A file made by another version of the code is begun anew. An item that fails with a message
    for the user becomes a row with `error` and is tried again next time.

    Args:
        measure: gives the rows of items; the name of the file, without its suffix, is that of their list.

    Raises:
        InputError: the file holds rows that were measured with other settings.
        OutputError: the file cannot be written.
    """
    header = {"settings": dict(settings) | {"code": code_fingerprint()}}
    rows = _kept_rows(path, header)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for line in (header, *rows.values()):
                file.write(json.dumps(line) + "\n")
            missing = [item for item in items if item.name not in rows]
            for row in watch(measure(missing, path.stem) if missing else (), path.stem, len(missing)):
                if "error" in row:
                    log.warning("%s: %s", row["item"], row["error"])
                rows[row["item"]] = row
                file.write(json.dumps(row, allow_nan=False) + "\n")
                file.flush()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return [rows[item.name] for item in items]


def code_fingerprint() -> str:
    """Changes with any Python file of the package: results of one version are never mixed with another's."""
    digest = hashlib.sha256()
    root = Path(likeness.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def numbers(rows: Sequence[Row], key: str) -> list[float]:
    """The finite values of one measure."""
    return [float(value) for row in rows if isinstance(value := row.get(key), (int, float))]


def measured(item: Item) -> Row:
    """The row of an item; a failure with a message for the user is a row with that."""
    try:
        row = item.measure()
    except LikenessError as error:
        return failed(item.name, str(error))
    return {"item": item.name} | {key: _finite(value) for key, value in row.items()}


def failed(name: str, message: str) -> Row:
    """The row of an item that could not be measured."""
    return {"item": name, "error": message}


def _finite(value: Value) -> Value:
    if value is None or isinstance(value, str):
        return value
    return round(float(value), 6) if math.isfinite(value) else None


def _kept_rows(path: Path, header: dict[str, Any]) -> dict[str, Row]:
    """Rows of an earlier run with the same header; a last line cut off by a stop is dropped, failed items too."""
    if not path.is_file():
        return {}
    lines: list[Any] = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    if not lines or lines[0] != header:
        _check_settings(path, lines[0] if lines else None, header["settings"])
        return {}
    return {row["item"]: row for row in lines[1:] if isinstance(row, dict) and "item" in row and "error" not in row}


def _check_settings(path: Path, first: Any, asked: Mapping[str, Value]) -> None:
    """Rows that would be lost were measured as is asked now, by another version of the code."""
    stored = first.get("settings") if isinstance(first, dict) else None
    if not isinstance(stored, dict):
        return
    for name in sorted((set(stored) | set(asked)) - {"code"}):
        if stored.get(name) != asked.get(name):
            was, now = (str(values.get(name, "not set"))[:80] for values in (stored, asked))
            raise InputError(
                f"{path} holds results of other settings ({name}: {was}, now {now}): choose another --out, or delete it"
            )
