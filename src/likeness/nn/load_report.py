"""Strict loading of foreign tensors into a network: every name must fit or stand in a list of known exceptions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from likeness.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """What became of the tensors of one file."""

    part: str
    loaded: int
    missing: tuple[str, ...]  # of the network, and not in the file; they keep their values
    unexpected: tuple[str, ...]  # in the file, and not of the network
    reshaped: int  # 1 x 1 convolutions stored as matrices, or the other way round

    @property
    def line(self) -> str:
        """The report in one line."""
        return (
            f"{self.part}: {self.loaded} loaded, {len(self.missing)} missing, {len(self.unexpected)} unexpected, "
            f"{self.reshaped} reshaped"
        )


def tensors_of(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of a network by name, to be loaded into."""
    return dict(network.state_dict(keep_vars=True))


def load_tensors(
    targets: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    *,
    part: str,
    may_miss: Sequence[str] = (),
    may_exceed: Sequence[str] = (),
) -> LoadReport:
    """Copy tensors into parameters and buffers of the same names, in their precision.

    Args:
        targets: what a network has; see `tensors_of`.
        part: what the tensors are called in messages.
        may_miss: regular expressions, matched from the start, for names that the file may lack.
        may_exceed: the same for names that the network may lack.

    Raises:
        InputError: other names are missing or unexpected, or a shape or a number is wrong; the network is unchanged.
    """
    missing = tuple(sorted(set(targets) - set(tensors)))
    unexpected = tuple(sorted(set(tensors) - set(targets)))
    _refuse(part, "lacks", [name for name in missing if not _matches(name, may_miss)])
    _refuse(part, "has the unknown tensor", [name for name in unexpected if not _matches(name, may_exceed)])
    shaped, reshaped = {}, 0
    for name in sorted(set(targets) & set(tensors)):
        value, wanted = tensors[name], targets[name].shape
        if value.shape != wanted:
            if _without_ones(value.shape) != _without_ones(wanted):
                raise InputError(
                    f"{part}: {name} has shape {tuple(value.shape)}, but {tuple(wanted)} is expected: "
                    "these weights belong to a model of other sizes"
                )
            value, reshaped = value.reshape(wanted), reshaped + 1
        if targets[name].is_floating_point() and not value.is_floating_point():
            raise InputError(f"{part}: {name} holds {str(value.dtype).removeprefix('torch.')}: the file is damaged")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InputError(f"{part}: {name} holds numbers that are not finite: the file is damaged")
        shaped[name] = value
    with torch.no_grad():
        for name, value in shaped.items():
            targets[name].copy_(value)
    return LoadReport(part=part, loaded=len(shaped), missing=missing, unexpected=unexpected, reshaped=reshaped)


def _refuse(part: str, verb: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise InputError(f"{part} {verb} {names[0]}{more}: these are the weights of another model")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(re.match(pattern, name) for pattern in patterns)


def _without_ones(shape: torch.Size) -> tuple[int, ...]:
    """Shape of a matrix and of the 1 x 1 convolution that does the same."""
    return tuple(shape[:2]) if len(shape) == 4 and tuple(shape[2:]) == (1, 1) else tuple(shape)
