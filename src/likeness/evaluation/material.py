"""The measuring material: where it lies, the fixed choice of portraits and clips, and how their frames are read.

The material is a folder of third-party photographs and clips that is no part of the project; only numbers come out.
"""

import csv
import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from likeness.errors import InputError
from likeness.evaluation.results import Item, Row
from likeness.media.crop import resize
from likeness.media.images import read_image
from likeness.media.video_reader import read_frames

FOLDER_VARIABLE = "LIKENESS_DATA"

# Twenty portraits looked at and chosen to differ: dark skin (p008 p036 p154 p189 p242), glasses (p027 p050 p154 p196),
# beards (p050 p054 p207 p248 p319), long hair over the cheeks (p036 p066 p180 p193 p315), open or talking mouths (p008
# p020 p030), wide smiles (p036 p066 p154 p239), three-quarter views (p020 p030 p125 p207 p248), older faces (p020 p027
# p196 p242 p319).
PORTRAITS = (
    "p008", "p020", "p027", "p030", "p036", "p050", "p054", "p066", "p125", "p154",
    "p180", "p189", "p193", "p196", "p207", "p239", "p242", "p248", "p315", "p319",
)  # fmt: skip

# Five drivers: talking with head turns, begins in mid-word (v009); strong expressions, steady (v016); three-quarter,
# much gaze (v047); strong expressions, gaze, begins at rest (v065); gaze and lids, mouth mostly shut (v066).
CROSS_CLIPS = ("v009", "v016", "v047", "v065", "v066")

# The first-frame test repeats every clip from ten starts, so it takes fewer portraits.
FIRST_FRAME_PORTRAITS = ("p054", "p066", "p125", "p189")

MAX_MANIFEST_ROWS = 100_000
PHOTO_SIDE = 640  # pixels; longer photographs are reduced to it first, which keeps a full run practical


def material_folder(folder: Path | None) -> Path:
    """`folder`, else the environment variable LIKENESS_DATA, else `../shared/data` beside a checkout of the project.

    Raises:
        InputError: it does not hold the material.
    """
    if folder is None:
        beside = Path(__file__).parents[4] / "shared" / "data"
        folder = Path(os.environ.get(FOLDER_VARIABLE, beside))
    if not (folder / "manifest.csv").is_file():
        raise InputError(
            f"{folder} holds no measuring material (manifest.csv): name its folder with --data or {FOLDER_VARIABLE}"
        )
    return folder


def clip_paths(folder: Path, names: Sequence[str] = ()) -> tuple[Path, ...]:
    """The named clips, or all of them in order.

    Raises:
        InputError: one is missing.
    """
    if not names:
        return tuple(sorted((folder / "videos").glob("*.mp4")))
    return tuple(_existing(folder / "videos" / f"{name}.mp4") for name in names)


def portrait_paths(folder: Path, names: Sequence[str] = ()) -> tuple[Path, ...]:
    """The named portraits, or all of them in order.

    Raises:
        InputError: one is missing.
    """
    if not names:
        return tuple(sorted((folder / "portraits").glob("*.jpg")))
    return tuple(_existing(folder / "portraits" / f"{name}.jpg") for name in names)


def sample_indices(count: int, most: int, start: int = 0) -> tuple[int, ...]:
    """At most `most` indices from `start` to `count`, evenly spaced by a whole stride."""
    stride = max(1, -(-(count - start) // most))
    return tuple(range(start, count, stride))


def sample_pairs(count: int, most: int) -> tuple[int, ...]:
    """Indices in neighbouring pairs (i, i + 1), for measures of change: about `most`, spread over the clip."""
    stride = max(2, -(-2 * count // most))
    return tuple(index for first in range(0, count - 1, stride) for index in (first, first + 1))


def read_clip(path: Path, indices: Sequence[int] | None = None) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    """Frames of a clip in order, decoded one at a time: those of the increasing `indices`, or all.

    Raises:
        InputError: the clip cannot be decoded, or ends before the last index.
    """
    if indices is None:
        yield from (frame.image for frame in read_frames(path))
        return
    wanted = iter(indices)
    following = next(wanted, None)
    if following is None:
        return
    for number, frame in enumerate(read_frames(path)):
        if number == following:
            yield frame.image
            following = next(wanted, None)
            if following is None:
                return
    raise InputError(f"{path} ends before frame {following}: replace it with a complete copy")


def missing_items(folder: Path, kind: str, found: Sequence[Path], *, is_cut: bool) -> list[Item]:
    """An item that fails for every file of a kind (`videos`, `portraits`) that the manifest names and is not there.

    Args:
        is_cut: only the first files are looked at: none is missed.
    """
    if is_cut:
        return []
    have = {path.name for path in found}
    with (folder / "manifest.csv").open(encoding="utf-8", errors="replace", newline="") as file:
        named = [Path(row.get("file") or "") for row in islice(csv.DictReader(file), MAX_MANIFEST_ROWS)]
    missing = [path for path in named if path.parent.name == kind and path.name not in have]
    return [Item(name=path.stem, measure=partial(_refuse, folder / path)) for path in dict.fromkeys(missing)]


def _refuse(path: Path) -> Row:
    raise InputError(f"{path} is named by manifest.csv and is not there: copy it, or take it out of the manifest")


def count_frames(path: Path) -> int:
    """Number of frames that decode."""
    return sum(1 for _ in read_frames(path))


def read_photo(path: Path, longest_side: int = PHOTO_SIDE) -> UInt8[np.ndarray, "H W 3"]:
    """A picture as RGB, reduced so that its longer side is at most `longest_side` pixels.

    Raises:
        InputError: it cannot be decoded.
    """
    image = read_image(path)
    scale = longest_side / max(image.shape[:2])
    if scale >= 1.0:
        return image
    return resize(image, round(image.shape[1] * scale), round(image.shape[0] * scale))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path} is missing from the measuring material")
    return path
