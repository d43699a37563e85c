"""FID: the Fréchet distance of two sets of features, each taken for a normal distribution (Heusel et al. 2017).

It falls with the number of pictures: only sets of one size compare, and the tables state theirs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from likeness.errors import InputError
from likeness.evaluation.moments import TRUTH
from likeness.files import atomic_output

LEAST_PICTURES = 64  # fewer say nothing of a distribution
FeatureNetwork = Callable[[UInt8[np.ndarray, "H W 3"]], Float[np.ndarray, " D"]]


def frechet_distance(first: Float[np.ndarray, "N D"], second: Float[np.ndarray, "M D"]) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2), in float64; the root is taken in the span of the first set.

    Raises:
        ValueError: a set has fewer than two rows.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"a distribution needs two pictures or more, got {len(first)} and {len(second)}")
    first, second = first.astype(np.float64), second.astype(np.float64)
    shift = first.mean(axis=0) - second.mean(axis=0)
    centred = [(each - each.mean(axis=0)) / np.sqrt(len(each) - 1) for each in (first, second)]
    # The singular values of A B^T, with C1 = A^T A and C2 = B^T B, are the roots of the eigenvalues of C1 C2.
    roots = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False)
    traces = sum(float((each**2).sum()) for each in centred)
    return float(shift @ shift + traces - 2.0 * roots.sum())


@dataclass(slots=True)
class Features:
    """Features of a clip's pictures, by what they show: the truth, and methods under the suffix of their measures."""

    network: FeatureNetwork
    rows: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def look(self, truth: UInt8[np.ndarray, "H W 3"] | None, frames: Mapping[str, UInt8[np.ndarray, "H W 3"]]) -> None:
        """Takes in one moment."""
        for name, picture in frames.items():
            self.rows.setdefault(name, []).append(self.network(picture))
        if truth is not None:
            self.rows.setdefault(TRUTH, []).append(self.network(truth))

    def write(self, path: Path) -> None:
        """Keeps them as `.npz`.

        Raises:
            OutputError: it cannot be written.
        """
        arrays = {f"of {name}": np.array(rows, dtype=np.float32) for name, rows in self.rows.items()}
        with atomic_output(path, overwrite=True) as partial:
            np.savez(partial, **arrays)


def read_features(paths: list[Path]) -> dict[str, Float[np.ndarray, "N D"]]:
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
