"""Shards made one job at a time: of the photos of a folder or of nothing, in several processes, again where stopped."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from likeness.data.jobs import run_jobs
from likeness.data.shard import check_size
from likeness.data.track import PHOTO_SUFFIXES, Skipped, Watch, media_files
from likeness.errors import InputError
from likeness.files import made_folder


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardJob:
    """One shard: the numbers of its clips, and the photo of each."""

    target: Path
    numbers: range
    photos: tuple[Path, ...]  # empty: they are made of nothing
    size: int  # pixels, side of the squares


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardOutcome:
    """What became of one shard."""

    made: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardsReport:
    """What was made."""

    made: int  # clips written by this run
    present: int  # shards that an earlier run had written
    skipped: tuple[Skipped, ...]  # photos without a usable face


def make_shards(
    jobs: Sequence[ShardJob],
    make: Callable[[ShardJob], ShardOutcome],
    out: Path,
    *,
    label: str,
    processes: int,
    watch: Watch | None,
) -> ShardsReport:
    """Run the jobs whose shard does not exist yet. With several processes, `make` must be picklable.

    Raises:
        InputError: an earlier run made clips of another size.
        OutputError: the folder or a shard cannot be written.
    """
    waiting = [job for job in jobs if not job.target.exists()]
    for job in jobs:
        if job.target.exists():
            check_size(job.target, job.size)
    made_folder(out)
    outcomes: Iterable[ShardOutcome] = run_jobs(make, waiting, processes)
    if watch is not None:
        outcomes = watch(outcomes, label, len(waiting))
    finished = list(outcomes)
    skipped = {entry.name: entry for outcome in finished for entry in outcome.skipped}
    return ShardsReport(
        made=sum(outcome.made for outcome in finished),
        present=len(jobs) - len(waiting),
        skipped=tuple(skipped[name] for name in sorted(skipped)),
    )


def photos_of(folder: Path | None, what: str) -> Sequence[Path]:
    """The photos of a folder.

    Args:
        what: what they are needed for, in messages.

    Raises:
        InputError: there is no folder, or no photo in it.
    """
    if folder is None:
        raise InputError(f"{what} need a folder with photos: name it, or ask for made heads alone")
    photos = [path for path in media_files(folder) if path.suffix.lower() in PHOTO_SUFFIXES]
    if not photos:
        raise InputError(f"{folder} holds no photo: give a folder that does")
    return photos
