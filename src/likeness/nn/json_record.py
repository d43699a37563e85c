"""Frozen dataclasses to JSON values and back; reading rejects unknown names, missing names and wrong types."""

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def record_to_json(record: Any) -> Any:
    """Dictionaries, lists, numbers, strings and None; every field is written, defaults too."""
    if is_dataclass(record) and not isinstance(record, type):
        return {entry.name: record_to_json(getattr(record, entry.name)) for entry in fields(record)}
    if isinstance(record, tuple | list):
        return [record_to_json(value) for value in record]
    if isinstance(record, dict):
        return {str(key): record_to_json(value) for key, value in record.items()}
    if record is None or isinstance(record, bool | int | float | str):
        return record
    raise ValueError(f"{type(record).__name__} has no JSON form here")


def record_from_json(kind: type[Record], value: Any, *, where: str) -> Record:
    """The record that `record_to_json` wrote.

    Args:
        where: what the value is called in error messages.

    Raises:
        ValueError: a name is unknown or missing, or a value has another type than the field.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be a table of names and values")
    hints = get_type_hints(kind)
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise ValueError(f"{where} has the unknown entry {unknown[0]!r}")
    required = {name for name, entry in known.items() if entry.default is MISSING and entry.default_factory is MISSING}
    missing = sorted(required - set(value))
    if missing:
        raise ValueError(f"{where} lacks the entry {missing[0]!r}")
    return kind(**{name: _read(hints[name], entry, f"{where}.{name}") for name, entry in value.items()})


def _read(hint: Any, value: Any, where: str) -> Any:
    """One field's value as its annotation says."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return record_from_json(hint, value, where=where)  # type: ignore[arg-type]
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{where} is {value!r}; it must be one of {', '.join(map(str, arguments))}")
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _read(next(argument for argument in arguments if argument is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where} must be a list")
        repeated = len(arguments) == 2 and arguments[1] is Ellipsis
        if not repeated and len(value) != len(arguments):
            raise ValueError(f"{where} needs {len(arguments)} entries, got {len(value)}")
        kinds = [arguments[0]] * len(value) if repeated else list(arguments)
        return tuple(_read(kind, entry, where) for kind, entry in zip(kinds, value, strict=True))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (bool, int, float, str) and type(value) is hint:
        return value
    raise ValueError(f"{where} is {value!r}, which is no {getattr(hint, '__name__', hint)}")
