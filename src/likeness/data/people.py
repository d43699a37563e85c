"""People seen from many sides, of a folder of photos and made up: shards of clips, the same for the same seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from likeness.data.clip import NewClip, clip_name
from likeness.data.made_head import MadeHeadSettings
from likeness.data.made_person import VIEWS, made_person
from likeness.data.photo_views import PhotoViewsSettings, photo_views
from likeness.data.round_trip import Render, RoundTripSettings, photo_portrait
from likeness.data.seeds import check_seed
from likeness.data.shard import SUFFIX, write_shard
from likeness.data.shard_jobs import ShardJob, ShardOutcome, ShardsReport, make_shards, photos_of
from likeness.data.track import Skipped, Watch
from likeness.errors import InputError
from likeness.heads.model import HeadModel
from likeness.media.images import read_image

SHARD_PEOPLE = 16
VIEW_LIMITS = (2, 1000)


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleSettings:
    """What is made."""

    seed: int
    photos: int  # people of photos; where there are fewer photos, they are used in turn with other views
    made: int = 0  # people made up
    photo_views: PhotoViewsSettings = field(default_factory=PhotoViewsSettings)
    heads: MadeHeadSettings = field(default_factory=lambda: MadeHeadSettings(motion=VIEWS))

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if min(self.photos, self.made) < 0 or self.photos + self.made < 1:
            raise InputError(f"{self.photos} people of photos and {self.made} made ones were asked for: ask for some")
        low, high = VIEW_LIMITS
        for views in (self.photo_views.views, self.heads.poses):
            if not low <= views <= high:
                raise InputError(f"--views must be {low} to {high}, got {views}")


def make_people(
    folder: Path | None,
    out: Path,
    head: HeadModel,
    *,
    render: Render,
    settings: PeopleSettings,
    processes: int = 1,
    watch: Watch | None = None,
) -> ShardsReport:
    """Write people of the photos in `folder`, and made ones, as shards into `out`; a stopped run goes on.

    With several processes `render` must be a function that can be named from outside. Photos that cannot be used are
    skipped and named in the report.

    Raises:
        InputError: there is no such folder, or no photo in it; an earlier run made clips of another size.
        OutputError: a shard cannot be written.
    """
    jobs = list(_jobs(folder, out, settings))
    make = partial(_make, head, render, settings)
    return make_shards(jobs, make, out, label="people", processes=processes, watch=watch)


def _jobs(folder: Path | None, out: Path, settings: PeopleSettings) -> Iterator[ShardJob]:
    photos: Sequence[Path] = ()
    if settings.photos:
        photos = photos_of(folder, "people of photos")
    for kind, count, size in (
        ("photo", settings.photos, settings.photo_views.size),
        ("made", settings.made, settings.heads.size),
    ):
        for numbers in _shard_numbers(out, f"{kind}-people-{settings.seed}", count):
            target = out / f"{kind}-people-{settings.seed}-{numbers[0]:06d}-{numbers[-1]:06d}{SUFFIX}"
            chosen = tuple(photos[number % len(photos)] for number in numbers) if kind == "photo" else ()
            yield ShardJob(target=target, numbers=numbers, photos=chosen, size=size)


def _shard_numbers(out: Path, stem: str, count: int) -> Iterator[range]:
    """The shards of an earlier run, however many people it was to make, then new ones for those that are missing."""
    begin = 0
    for path in sorted(out.glob(f"{stem}-*{SUFFIX}")):
        first, _, last = path.name.removeprefix(f"{stem}-").removesuffix(SUFFIX).partition("-")
        if first.isdecimal() and last.isdecimal() and int(first) == begin <= int(last) < count:
            yield range(begin, int(last) + 1)
            begin = int(last) + 1
    while begin < count:
        yield range(begin, min(begin + SHARD_PEOPLE, count))
        begin += SHARD_PEOPLE


def _make(head: HeadModel, render: Render, settings: PeopleSettings, job: ShardJob) -> ShardOutcome:
    """Writes one shard; nothing where every photo of it is unusable."""
    skipped: dict[Path, Skipped] = {}
    people = _of_photos(head, render, settings, job, skipped) if job.photos else _made(head, settings, job)
    clips = list(people)
    if clips:
        write_shard(job.target, clips)
    return ShardOutcome(made=len(clips), skipped=tuple(skipped.values()))


def _made(head: HeadModel, settings: PeopleSettings, job: ShardJob) -> Iterator[NewClip]:
    for number in job.numbers:
        generator = np.random.default_rng((settings.seed, 4, number))
        name = f"made-person-{settings.seed}-{number:06d}"
        yield made_person(name, head, settings=settings.heads, generator=generator)


def _of_photos(
    head: HeadModel, render: Render, settings: PeopleSettings, job: ShardJob, skipped: dict[Path, Skipped]
) -> Iterator[NewClip]:
    cut = RoundTripSettings(size=settings.photo_views.size)
    for number, photo in zip(job.numbers, job.photos, strict=True):
        generator = np.random.default_rng((settings.seed, 3, number))
        name = clip_name(f"photo-person-{settings.seed}-{number:06d}-{photo.stem}")
        try:
            portrait = photo_portrait(read_image(photo), head, cut)
            yield photo_views(portrait, name, render=render, settings=settings.photo_views, generator=generator)
        except InputError as error:  # a missing face included
            skipped[photo] = Skipped(name=str(photo), reason=str(error))
