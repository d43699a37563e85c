"""A data set: a folder of shards, in the order of their names."""

from pathlib import Path

from likeness.data.clip import Clip
from likeness.data.shard import SUFFIX, read_shard
from likeness.errors import InputError
from likeness.heads.model import HeadModel


def shard_paths(folder: Path) -> tuple[Path, ...]:
    """The shards of a folder, by name.

    Raises:
        InputError: there is no such folder, or no shard in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give the folder that `likeness data` has written")
    paths = tuple(sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX) and path.name[0] != "."))
    if not paths:
        raise InputError(
            f"{folder} holds no clips (*{SUFFIX}): make some with `likeness data track`, `synthesise` or `people`"
        )
    return paths


def open_clips(folder: Path, head: HeadModel | None = None) -> tuple[Clip, ...]:
    """All clips of a folder; pictures stay on the disk. With `head`, they must belong to that model.

    Raises:
        InputError, MotionFileError: no clips, or one that is damaged or belongs to another head model.
    """
    return tuple(clip for path in shard_paths(folder) for clip in read_shard(path, head))
