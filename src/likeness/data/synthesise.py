"""A folder of photos becomes synthetic pairs, and made heads join them: shards of clips, the same for the same seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from likeness.data.clip import NewClip, clip_name
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.round_trip import Render, RoundTripSettings, photo_portrait, round_trip
from likeness.data.seeds import check_seed
from likeness.data.shard import SUFFIX, write_shard
from likeness.data.shard_jobs import ShardJob, ShardOutcome, ShardsReport, make_shards, photos_of
from likeness.data.track import Skipped, Watch
from likeness.errors import InputError, NoFaceError
from likeness.heads.model import HeadModel
from likeness.media.images import read_image
from likeness.tracking.portrait import Portrait

SHARD_PAIRS = 64
SHARD_HEADS = 16
_TRIES = 4  # motions that are tried for a pair whose rendered face is not found again


@dataclass(frozen=True, kw_only=True, slots=True)
class SynthesisSettings:
    """What is made."""

    seed: int
    pairs: int  # round trips, spread evenly over the photos
    made_heads: int = 0  # people made up
    round_trips: RoundTripSettings = field(default_factory=RoundTripSettings)
    heads: MadeHeadSettings = field(default_factory=MadeHeadSettings)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.pairs < 0 or self.made_heads < 0 or self.pairs + self.made_heads < 1:
            raise InputError(f"{self.pairs} pairs and {self.made_heads} made heads were asked for: ask for some")


def synthesise(
    folder: Path | None,
    out: Path,
    head: HeadModel,
    *,
    render: Render,
    settings: SynthesisSettings,
    processes: int = 1,
    watch: Watch | None = None,
) -> ShardsReport:
    """Write round trips of the photos in `folder`, and made heads, as shards into `out`; a stopped run goes on.

    Pair number k is always made of the same photo with the same motion. With several processes `render` must be a
    function that can be named from outside. Photos that cannot be used are skipped and named in the report.

    Raises:
        InputError: there is no such folder, or no photo in it; an earlier run made clips of another size.
        OutputError: a shard cannot be written.
    """
    jobs = list(_jobs(folder, out, settings))
    make = partial(_make, head, render, settings)
    return make_shards(jobs, make, out, label="synthesis", processes=processes, watch=watch)


def _jobs(folder: Path | None, out: Path, settings: SynthesisSettings) -> Iterator[ShardJob]:
    """Shards of pairs, in which the photos follow each other so that each is opened once per shard; then heads."""
    photos: Sequence[Path] = ()
    if settings.pairs:
        photos = photos_of(folder, "pairs")
    for begin in range(0, settings.pairs, SHARD_PAIRS):
        numbers = range(begin, min(begin + SHARD_PAIRS, settings.pairs))
        chosen = tuple(photos[number * len(photos) // settings.pairs] for number in numbers)
        target = out / f"round-trips-{settings.seed}-{settings.pairs}-{begin // SHARD_PAIRS:05d}{SUFFIX}"
        yield ShardJob(target=target, numbers=numbers, photos=chosen, size=settings.round_trips.size)
    for begin in range(0, settings.made_heads, SHARD_HEADS):
        numbers = range(begin, min(begin + SHARD_HEADS, settings.made_heads))
        target = out / f"made-heads-{settings.seed}-{begin // SHARD_HEADS:05d}{SUFFIX}"
        yield ShardJob(target=target, numbers=numbers, photos=(), size=settings.heads.size)


def _make(head: HeadModel, render: Render, settings: SynthesisSettings, job: ShardJob) -> ShardOutcome:
    """Writes one shard; nothing where every photo of it is unusable."""
    skipped: dict[Path, Skipped] = {}
    if job.photos:
        clips = list(_pairs(head, render, settings, job, skipped))
    else:
        clips = [
            made_head(f"made-head-{settings.seed}-{number:06d}", head, settings=settings.heads,
                      generator=np.random.default_rng((settings.seed, 2, number)))
            for number in job.numbers
        ]  # fmt: skip
    if clips:
        write_shard(job.target, clips)
    return ShardOutcome(made=len(clips), skipped=tuple(skipped.values()))


def _pairs(
    head: HeadModel, render: Render, settings: SynthesisSettings, job: ShardJob, skipped: dict[Path, Skipped]
) -> Iterator[NewClip]:
    portraits: dict[Path, Portrait] = {}
    for number, photo in zip(job.numbers, job.photos, strict=True):
        if photo in skipped:
            continue
        try:
            if photo not in portraits:
                portraits = {photo: photo_portrait(read_image(photo), head, settings.round_trips)}
            name = clip_name(f"pair-{settings.seed}-{number:06d}-{photo.stem}")
            yield _pair(portraits[photo], name, number, render, settings)
        except InputError as error:  # a missing face included
            skipped[photo] = Skipped(name=str(photo), reason=str(error))


def _pair(portrait: Portrait, name: str, number: int, render: Render, settings: SynthesisSettings) -> NewClip:
    """Another motion is drawn where the rendered face is not found again."""
    for attempt in range(_TRIES):
        generator = np.random.default_rng((settings.seed, 1, number, attempt))
        try:
            return round_trip(portrait, name, render=render, settings=settings.round_trips, generator=generator)
        except NoFaceError:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("the last try returns or raises")
