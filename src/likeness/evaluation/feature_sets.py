"""Features of a clip's pictures and of its short sequences, kept in a file per clip until all clips are measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from likeness.errors import InputError
from likeness.evaluation.keepers import TRUTH, Image
from likeness.files import atomic_output
from likeness.media.crop import resize

FeatureNetwork = Callable[[UInt8[np.ndarray, "H W 3"]], Float[np.ndarray, " D"]]
Rows = dict[str, list[np.ndarray]]  # by what they show


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoNetwork:
    """A network that sees some successive frames of one size."""

    frames: int
    side: int  # pixels
    features: Callable[[UInt8[np.ndarray, "T H W 3"]], Float[np.ndarray, " D"]]


@dataclass(slots=True)
class PictureFeatures:
    """Of the moments that are looked at closely."""

    network: FeatureNetwork
    rows: Rows = field(default_factory=dict)

    def keep(self, index: int, truth: Image | None, frames: Mapping[str, Image], *, is_close: bool = False) -> None:
        """Takes in one moment, if it is such a one."""
        for name, picture in _shown(truth, frames).items() if is_close else ():
            self.rows.setdefault(name, []).append(self.network(picture))

    def forget(self, name: str) -> None:
        """Drops a method."""
        self.rows.pop(name, None)


@dataclass(slots=True)
class VideoFeatures:
    """Of stretches of successive frames that do not overlap; a frame that is missing begins a new one."""

    network: VideoNetwork
    rows: Rows = field(default_factory=dict)
    held: dict[str, list[np.ndarray]] = field(default_factory=dict)  # the stretch so far
    latest: dict[str, int] = field(default_factory=dict)

    def keep(self, index: int, truth: Image | None, frames: Mapping[str, Image], *, is_close: bool = False) -> None:
        """Takes in one moment."""
        side = self.network.side
        for name, picture in _shown(truth, frames).items():
            stretch = self.held.setdefault(name, [])
            if self.latest.get(name) != index - 1:
                stretch.clear()
            self.latest[name] = index
            stretch.append(picture if picture.shape[:2] == (side, side) else resize(picture, side, side))
            if len(stretch) == self.network.frames:
                self.rows.setdefault(name, []).append(self.network.features(np.stack(stretch)))
                stretch.clear()

    def forget(self, name: str) -> None:
        """Drops a method."""
        for kept in (self.rows, self.held, self.latest):
            kept.pop(name, None)


def write_features(rows: Rows, path: Path) -> None:
    """Keeps them as `.npz`.

    Raises:
        OutputError: it cannot be written.
    """
    arrays = {f"of {name}": np.array(features, dtype=np.float32) for name, features in rows.items()}
    with atomic_output(path, overwrite=True) as partial:
        np.savez(partial, **arrays)


def read_features(paths: Sequence[Path]) -> dict[str, Float[np.ndarray, "N D"]]:
    """The features of many clips together; a file that is missing is passed over.

    Only clips that hold all of them count, so that every method is measured on the same ones.

    Raises:
        InputError: a file is damaged.
    """
    clips = []
    for path in paths:
        if path.is_file():
            try:
                with np.load(path, allow_pickle=False) as stored:
                    clips.append({name.removeprefix("of "): stored[name] for name in stored.files})
            except (OSError, ValueError) as error:
                raise InputError(f"{path} is damaged: delete it and measure again") from error
    names = dict.fromkeys(name for clip in clips for name in clip)
    whole = [clip for clip in clips if set(clip) == set(names)]
    return {name: np.concatenate([clip[name] for clip in whole]) for name in names} if whole else {}


def _shown(truth: Image | None, frames: Mapping[str, Image]) -> dict[str, Image]:
    return dict(frames) if truth is None else {**frames, TRUTH: truth}
