"""Clips with drafts: one frame of a video or of a made person is the source, others are targets, each with what the
default renderer makes of the source for it.

The targets are true pictures, with turned heads, mouths and lids that no round trip of a photo holds. Every picture is
tracked anew, as those of a real source and driver will be, with one identity for all. The renderer is passed in: it
lives above this package.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from likeness.data.clip import Clip, NewClip, clip_name, encode_mask, encode_picture
from likeness.data.folder import open_clips, shard_paths
from likeness.data.round_trip import FPS, LEAST_CONFIDENCE, Render
from likeness.data.seeds import check_seed
from likeness.data.shard import read_shard, write_shard
from likeness.data.shard_jobs import ShardJob, ShardOutcome, ShardsReport, make_shards
from likeness.data.track import Skipped, Watch
from likeness.errors import InputError, NoFaceError
from likeness.heads.landmark_sets import CHIN
from likeness.heads.model import HeadModel
from likeness.motion.pose import frontal_angles
from likeness.tracking.assemble import motion_from_readings
from likeness.tracking.landmarks import image_landmarks
from likeness.tracking.person import Person, Reading, estimate_person, fit_frame, reading
from likeness.tracking.photo import with_touching_lips
from likeness.tracking.portrait import Portrait

TRUE_KINDS = (
    "video",
    "made-head",
)  # of which every frame is a picture of the same person that nobody drew from another
DEFAULT_RENDERER = "flow-warp"
_LIMITS = (1, 100)
_SOME = 0.02  # of a pixel


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftSettings:
    """What is taken of each clip."""

    seed: int = 0
    sources: int = 2  # frames that become the source of a clip with drafts
    targets: int = 8  # other frames, of each of these
    renderer: str = DEFAULT_RENDERER  # that draws the drafts, as file names tell it
    consecutive: bool = False  # the targets are a piece of the video, in its order: for windows of temporal layers

    def __post_init__(self) -> None:
        check_seed(self.seed)
        low, high = _LIMITS
        for name, count in (("sources", self.sources), ("targets", self.targets)):
            if not low <= count <= high:
                raise InputError(f"--{name} must be {low} to {high}, got {count}")


def add_drafts(
    folder: Path,
    out: Path,
    head: HeadModel,
    *,
    render: Render,
    settings: DraftSettings,
    processes: int = 1,
    watch: Watch | None = None,
) -> ShardsReport:
    """Write clips with drafts, of the videos and made people in `folder`, into `out`; a stopped run goes on.

    With several processes `render` must be a function that can be named from outside. Clips that cannot be used are
    skipped and named in the report.

    Raises:
        InputError: there are no clips, or one is damaged; an earlier run made clips of another size.
        OutputError: a shard cannot be written.
    """
    if out.resolve() == folder.resolve():
        raise InputError(f"{out} holds the clips that drafts are made of: give --out another folder")
    size = open_clips(folder, head)[0].header.size
    counts = f"{settings.seed}-{settings.sources}-{settings.targets}{'-consecutive' * settings.consecutive}"
    if settings.renderer != DEFAULT_RENDERER:
        counts = f"{settings.renderer}-{counts}"
    jobs = [
        ShardJob(target=out / f"drafts-{counts}-{path.name}", numbers=range(0), photos=(path,), size=size)
        for path in shard_paths(folder)
    ]
    make = partial(_make, head, render, settings)
    return make_shards(jobs, make, out, label="drafts", processes=processes, watch=watch)


def _make(head: HeadModel, render: Render, settings: DraftSettings, job: ShardJob) -> ShardOutcome:
    """Writes one shard; nothing where no clip of it can be used."""
    made: list[NewClip] = []
    skipped: list[Skipped] = []
    for number, clip in enumerate(read_shard(job.photos[0], head)):
        try:
            made += drafted(clip, head, render=render, settings=settings, number=number)
        except InputError as error:  # a missing face included
            skipped.append(Skipped(name=clip.header.name, reason=str(error)))
    if made:
        write_shard(job.target, made)
    return ShardOutcome(made=len(made), skipped=tuple(skipped))


def drafted(clip: Clip, head: HeadModel, *, render: Render, settings: DraftSettings, number: int = 0) -> list[NewClip]:
    """A clip for each source: the source first, then its targets with their drafts.

    Sources are those of the drawn frames that face the camera most, as photos do; for consecutive targets, those of the
    frames outside the piece.

    Args:
        number: of the clip; with the seed it decides which frames are drawn.

    Raises:
        InputError: the clip is damaged, or its frames are no true pictures of one person.
        NoFaceError: fewer than two frames show a face that fits.
    """
    if clip.header.kind not in TRUE_KINDS:
        raise InputError(f"its frames are of the kind {clip.header.kind}: drafts are for videos and made people")
    generator = np.random.default_rng((settings.seed, 5, number))
    usable = sorted(set(clip.header.sources) & set(clip.header.targets))
    if len(usable) < 2:
        raise InputError("it has no two frames that can each be source and target")
    piece = _piece(usable, settings, generator) if settings.consecutive else []
    others = sorted(set(usable) - set(piece))
    wanted = settings.sources if piece else settings.sources + settings.targets
    drawn = generator.choice(others, min(len(others), wanted), replace=False).tolist()
    person, shown = _tracked(clip, head, [*drawn, *piece])
    sources = sorted((each for each in shown if each.index not in piece), key=lambda each: each.turn)
    targets = [each for each in shown if each.index in piece] if piece else sources
    if not sources or len(targets) < len(piece):
        raise NoFaceError("the head does not fit all frames of the piece, or none beside it")
    return [
        _from(clip, person, [source, *[each for each in targets if each is not source][: settings.targets]], render)
        for source in sources[: settings.sources]
    ]


def _piece(usable: Sequence[int], settings: DraftSettings, generator: np.random.Generator) -> list[int]:
    """Frames that follow each other, and leave some to be sources.

    Raises:
        InputError: no so many frames follow each other, or none is left.
    """
    count = settings.targets
    starts = [start for start in range(len(usable) - count) if usable[start + count - 1] - usable[start] == count - 1]
    if not starts:
        raise InputError(f"no {count} frames follow each other beside one that can be their source")
    start = int(generator.choice(starts))
    return list(usable[start : start + count])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """A frame that shows a face which the head fits."""

    index: int  # in the clip
    points: Float[np.ndarray, "478 3"]
    reading: Reading

    @property
    def turn(self) -> float:
        """Radians away from the camera."""
        return float(np.hypot(*frontal_angles(self.reading.frame.rotation)[:2]))

    @property
    def chin(self) -> float:
        """Its row in the square, pixels."""
        return float(self.points[CHIN, 1])


def _tracked(clip: Clip, head: HeadModel, chosen: Iterable[int]) -> tuple[Person, list[_Shown]]:
    """Those of the chosen frames that can be used."""
    found = {}
    for index in chosen:
        with suppress(NoFaceError):
            found[index] = with_touching_lips(image_landmarks(clip.picture(index)).points)
    if not found:
        raise NoFaceError("none of its frames shows a face")
    person = estimate_person(head, clip.camera, list(found.values()))
    read = {index: reading(person, points, fit_frame(person, points, None)) for index, points in found.items()}
    shown = [
        _Shown(index=index, points=points, reading=read[index])
        for index, points in found.items()
        if read[index].confidence >= LEAST_CONFIDENCE
    ]
    if len(shown) < 2:
        raise NoFaceError("the head fits fewer than two of its frames")
    return person, shown


def _from(clip: Clip, person: Person, shown: Sequence[_Shown], render: Render) -> NewClip:
    """A clip of these frames, the first of which is the source."""
    first, count = shown[0], len(shown)
    motion = motion_from_readings(
        person, [each.reading for each in shown], np.arange(count) / FPS, source="drafts", tracker="likeness photo"
    )
    portrait = Portrait(
        image=clip.picture(first.index), head=person.head, camera=clip.camera, shape=motion.shape, rest=motion.frame(0),
        landmarks=first.points, confidence=first.reading.confidence,
    )  # fmt: skip
    pictures = render(portrait, [motion.frame(number) for number in range(1, count)])
    drafts = {number: encode_picture(picture) for number, picture in enumerate(pictures, start=1)}
    mattes = {number: clip.mattes[each.index].read() for number, each in enumerate(shown) if each.index in clip.mattes}
    masks = {number: encode_mask(_trust(clip, first, each)) for number, each in enumerate(shown) if number}
    header = replace(
        clip.header, name=clip_name(f"{clip.header.name[:100]}-from-{first.index:05d}"), num_frames=count,
        sources=(0,), targets=tuple(drafts), masked=tuple(masks), drafts=tuple(drafts), matted=tuple(mattes),
    )  # fmt: skip
    return NewClip(
        header=header,
        motion=motion,
        pictures=tuple(clip.pictures[each.index].read() for each in shown),
        masks=masks,
        drafts=drafts,
        mattes=mattes,
    )


def _trust(clip: Clip, source: _Shown, target: _Shown) -> Bool[np.ndarray, "H W"]:
    """Where a target is true and of use. In clips with mattes the person turns as a whole; drivers turn their heads, so
    what is below the chin counts for nothing where either frame shows the person.
    """
    trust = clip.trust(target.index)
    mattes = [matte for each in (source, target) if (matte := clip.matte(each.index)) is not None]
    if mattes:
        below = np.arange(len(trust))[:, None] + 0.5 > target.chin
        trust &= ~(below & (np.max(mattes, axis=0) > _SOME))
    return trust
