"""What looks at pictures as they pass by and keeps something of them: moments for sheets, features for distances."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

TRUTH = "clip"  # the name of the true frames; methods go by the suffix of their measures

Image = UInt8[np.ndarray, "_ _ 3"]


@runtime_checkable
class Keeper(Protocol):
    """Is shown every moment of a clip in order."""

    def keep(self, index: int, truth: Image | None, frames: Mapping[str, Image], *, is_close: bool = False) -> None:
        """One moment: its number in the clip, the true frame where it is to be kept, and what methods made of it.

        Args:
            is_close: the moment is one of the few that are looked at closely.
        """

    def forget(self, name: str) -> None:
        """Drops what one method made: it could not be shown to its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Renamed:
    """Shows a keeper a single method, under another name than its own, without the truth."""

    keeper: Keeper
    name: str

    def keep(self, index: int, truth: Image | None, frames: Mapping[str, Image], *, is_close: bool = False) -> None:
        """One moment."""
        self.keeper.keep(index, None, {self.name: frames[""]}, is_close=is_close)

    def forget(self, name: str) -> None:
        """Drops the method."""
        self.keeper.forget(self.name)


def passing(frames: Iterator[Image], indices: Sequence[int], keepers: Sequence[Keeper], name: str) -> Iterator[Image]:
    """The frames, at these indices of the clip, as they pass by keepers that know them by that name."""
    for index, frame in zip(indices, frames, strict=True):
        for keeper in keepers:
            keeper.keep(index, None, {name: frame})
        yield frame
