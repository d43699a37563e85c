"""What the contrastive stage sees: K frames of one video, well apart in time, as face crops and expression numbers.

Sample number k of a data set is the same for one seed, whoever asks and in whatever order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from likeness.data.clip import Clip
from likeness.data.face_places import similarity
from likeness.errors import InputError
from likeness.export3d.config import ExpressionSettings
from likeness.export3d.expression import inputs_of_frame
from likeness.export3d.face_crops import (
    BOTH_EYES,
    INNER_FACE,
    CropPlace,
    Jitter,
    change_light,
    cut_crop,
    draw_place,
    five_points,
    seen_points,
    standard_points,
)
from likeness.heads.model import HeadModel


@dataclass(frozen=True, kw_only=True)
class ContrastSamples:
    """How frames are drawn."""

    frames: int = 16  # K, of one video
    gap_seconds: float = 0.2  # between any two of them: near-duplicates would be false negatives
    size: int = 128  # pixels, width of a crop
    quiet_share: float = 0.1  # of the videos, those whose expression varies least, that are left out
    jitter: Jitter = field(default_factory=Jitter)

    def __post_init__(self) -> None:
        if self.frames < 2 or self.size < 16 or self.gap_seconds < 0.0 or not 0.0 <= self.quiet_share < 1.0:
            raise ValueError(
                f"2 frames, 16 pixels, a gap of 0 seconds and a share below 1 are the least; got {self.frames}, "
                f"{self.size}, {self.gap_seconds} and {self.quiet_share}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceClip:
    """A clip as the contrastive stage reads it."""

    clip: Clip
    frames: Int[np.ndarray, " N"]  # of the clip that are tracked well
    times: Float[np.ndarray, " N"]  # seconds
    inputs: Float32[np.ndarray, "N inputs"]  # what the expression encoder takes
    points: Float[np.ndarray, "5 3"]  # of the head at rest, see `face_crops.five_points`

    @property
    def name(self) -> str:
        """What the clip is called."""
        return self.clip.header.name


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameSet:
    """Frames of one video: crops of the inner face, of the eyes where the gaze counts, and the numbers."""

    faces: UInt8[np.ndarray, "K h w 3"]
    eyes: UInt8[np.ndarray, "K e w 3"] | None
    inputs: Float32[np.ndarray, "K inputs"]


def face_clip(clip: Clip, head: HeadModel, settings: ExpressionSettings) -> FaceClip:
    """The clip's frames that may be a target and show a face; there may be none.

    Raises:
        InputError: the model reads another head's expression.
    """
    frames = np.array(sorted(set(clip.header.targets) & set(np.flatnonzero(clip.motion.valid).tolist())), dtype=int)
    numbers = [inputs_of_frame(settings, head, clip.motion.frame(int(index))) for index in frames]
    return FaceClip(
        clip=clip,
        frames=frames,
        # Poses of made people are no sequence: each is a moment of its own.
        times=clip.motion.times[frames] if clip.header.kind == "video" else np.arange(len(frames), dtype=float),
        inputs=np.stack(numbers) if numbers else np.zeros((0, settings.inputs), np.float32),
        points=five_points(head, clip.motion.shape),
    )


def frames_apart(times: Float[np.ndarray, " N"], gap_seconds: float) -> int:
    """The fewest frames from one to a later one that always span the gap; N where none does."""
    for step in range(1, len(times)):
        if (times[step:] - times[:-step]).min() >= gap_seconds - 1e-6:
            return step
    return len(times)


def has_frames(clip: FaceClip, samples: ContrastSamples) -> bool:
    """Whether so many frames can be drawn that far apart."""
    needed = (samples.frames - 1) * frames_apart(clip.times, samples.gap_seconds) + 1
    return len(clip.frames) >= max(needed, samples.frames)


def usable_clips(clips: Sequence[FaceClip], samples: ContrastSamples) -> tuple[FaceClip, ...]:
    """The clips that are long enough, without the share of them whose expression varies least.

    Raises:
        InputError: none is long enough.
    """
    long = [clip for clip in clips if has_frames(clip, samples)]
    if not long:
        seconds = (samples.frames - 1) * samples.gap_seconds
        raise InputError(
            f"none of the {len(clips)} clips shows a face in {samples.frames} frames over {seconds:.1f} seconds: "
            "track longer videos with `likeness data track`"
        )
    ranges = expression_ranges(long)
    least = np.quantile(ranges, samples.quiet_share)
    return tuple(clip for clip, size in zip(long, ranges, strict=True) if size >= least)


def expression_ranges(clips: Sequence[FaceClip]) -> Float[np.ndarray, " N"]:
    """How much the expression varies within each clip: the mean standard deviation of its standardised numbers."""
    _, deviation = input_statistics(clips)
    return np.array([float((clip.inputs / deviation).std(axis=0).mean()) for clip in clips])


def input_statistics(
    clips: Sequence[FaceClip],
) -> tuple[Float[np.ndarray, " inputs"], Float[np.ndarray, " inputs"]]:
    """Mean and standard deviation of each number; every clip counts alike, however long."""
    mean = np.mean([clip.inputs.mean(axis=0, dtype=np.float64) for clip in clips], axis=0)
    square = np.mean([np.square(clip.inputs - mean).mean(axis=0) for clip in clips], axis=0)
    return mean, np.maximum(np.sqrt(square), 1e-6)


def draw_places(clip: FaceClip, samples: ContrastSamples, generator: np.random.Generator) -> Int[np.ndarray, " K"]:
    """K places in the clip's list of frames, in order, far enough apart; all such choices are equally likely.

    Raises:
        ValueError: the clip has not so many.
    """
    step, count = frames_apart(clip.times, samples.gap_seconds), samples.frames
    room = len(clip.frames) - (count - 1) * (step - 1)
    if room < count:
        raise ValueError(f"the clip {clip.name} has no {count} frames that are {samples.gap_seconds} s apart")
    chosen = np.sort(generator.choice(room, count, replace=False))
    return chosen + (step - 1) * np.arange(count)


def draw_frame_set(
    clips: Sequence[FaceClip],
    head: HeadModel,
    settings: ExpressionSettings,
    samples: ContrastSamples,
    *,
    seed: int,
    number: int,
) -> FrameSet:
    """Sample `number` of clips that are all usable: every clip once in a shuffled round, then the next round.

    Raises:
        InputError: a picture of the clip is damaged.
    """
    round_number, place = divmod(number, len(clips))
    order = np.random.default_rng((seed, 0, round_number)).permutation(len(clips))
    clip, generator = clips[order[place]], np.random.default_rng((seed, 1, number))
    places = draw_places(clip, samples, generator)
    return frame_set(clip, places, head, settings, size=samples.size, jitter=samples.jitter, generator=generator)


def frame_set(
    clip: FaceClip,
    places: Int[np.ndarray, " K"],
    head: HeadModel,
    settings: ExpressionSettings,
    *,
    size: int,
    jitter: Jitter | None = None,
    generator: np.random.Generator | None = None,
) -> FrameSet:
    """Chosen frames of a clip; changed where `jitter` and a generator are given.

    Raises:
        InputError: a picture is damaged.
    """
    kinds = (INNER_FACE, BOTH_EYES) if settings.gaze else (INNER_FACE,)
    standards = [size * standard_points(head, kind) for kind in kinds]
    crops: list[list[UInt8[np.ndarray, "h w 3"]]] = [[] for _ in kinds]
    for place in places:
        index = int(clip.frames[place])
        picture = clip.clip.picture(index)
        seen = seen_points(head, clip.clip.motion.shape, clip.points, clip.clip.motion.frame(index), clip.clip.camera)
        for kind, standard, made in zip(kinds, standards, crops, strict=True):
            made.append(_crop(picture, similarity(seen, standard), kind, size, jitter, generator))
    return FrameSet(
        faces=np.stack(crops[0]),
        eyes=np.stack(crops[1]) if settings.gaze else None,
        inputs=clip.inputs[places],
    )


def _crop(
    picture: UInt8[np.ndarray, "H W 3"],
    matrix: Float[np.ndarray, "2 3"],
    kind: CropPlace,
    size: int,
    jitter: Jitter | None,
    generator: np.random.Generator | None,
) -> UInt8[np.ndarray, "h w 3"]:
    width, height = kind.pixels(size)
    if jitter is None or generator is None:
        return cut_crop(picture, matrix, width, height)
    crop = cut_crop(picture, draw_place(matrix, jitter, width, height, generator), width, height)
    return change_light(crop, jitter, generator)
