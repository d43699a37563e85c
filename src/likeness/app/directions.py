"""Expression directions v1, v2, ... among the settings of an edit: they belong to a model, not to a head."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.app.options import Method
from likeness.errors import InputError

MOST = 10.0  # deviations: more is a slip of the hand
_NAME = re.compile(r"v([1-9][0-9]{0,3})")


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectionShifts:
    """How far to go along the directions of a model."""

    amounts: Mapping[int, float]  # by number, from 1; in units of the deviations
    parts: Float[np.ndarray, " T"] | None = None  # of that, at each frame; None: all of it everywhere


def split_settings(settings: Iterable[str], method: Method) -> tuple[tuple[str, ...], Mapping[int, float]]:
    """The settings that name controls of the head, and the directions (`v3=1.5`) by number.

    Raises:
        InputError: a direction's number cannot be used, or the renderer has no directions.
    """
    controls, amounts = [], {}
    for text in settings:
        name, _, number = text.partition("=")
        found = _NAME.fullmatch(name.strip())
        if found is None:
            controls.append(text)
            continue
        if method != "export3d":
            raise InputError(f"{name.strip()} is an expression direction of Export3D: add --method export3d")
        amounts[int(found[1])] = _amount(text, number)
    return tuple(controls), amounts


def dense_shift(amounts: Mapping[int, float], count: int) -> Float[np.ndarray, " directions"]:
    """One number per direction of a model that has that many.

    Raises:
        InputError: it does not have one of them.
    """
    shift = np.zeros(count)
    for number, amount in amounts.items():
        if number > count:
            known = f"v1 to v{count}" if count else "none (encoding direct)"
            raise InputError(f"there is no direction v{number}: these weights have {known}")
        shift[number - 1] = amount
    return shift


def _amount(text: str, number: str) -> float:
    try:
        amount = float(number)
    except ValueError:
        amount = math.nan
    if not abs(amount) <= MOST:
        raise InputError(f"cannot use the setting {text!r}: give -{MOST:g} to {MOST:g} deviations, for example v3=1.5")
    return amount
