"""Training samples: number k of a data set is the same for one seed, whoever asks and in whatever order."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from likeness.data.augment import (
    Augmentation,
    change_colours,
    degraded,
    draw_colours,
    noisy_frame,
    rescaled,
    rescaled_matte,
)
from likeness.data.clip import Clip
from likeness.data.pairs import PairRule, draw_further_sources, draw_pair, draw_window, has_pair, has_window
from likeness.errors import InputError
from likeness.geometry.camera import Camera
from likeness.media.crop import resize
from likeness.motion.record import MotionFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """A picture of the head and all that is known about it."""

    image: UInt8[np.ndarray, "H W 3"]
    trust: Bool[np.ndarray, "H W"]  # where its pixels are true
    frame: MotionFrame
    camera: Camera  # of this picture
    draft: UInt8[np.ndarray, "H W 3"] | None = None  # what the default renderer makes of the source for it
    matte: Float32[np.ndarray, "H W"] | None = None  # how much of each pixel is the person, where that is known


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One source and what it is to become: one target in a pair, consecutive ones in a window."""

    clip: str
    shape: Float[np.ndarray, " S"]
    source: Shot
    targets: tuple[Shot, ...]
    is_mirrored: bool  # pictures and maps are to be mirrored together, once the maps are made
    more_sources: tuple[Shot, ...] = ()  # further pictures of the person; fewer than asked for where the clip has none


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleSettings:
    """What a sample looks like."""

    size: int  # pixels, side of the pictures
    window: int | None = None  # targets of a window; otherwise pairs
    sources: int = 1  # pictures of the person beside the targets
    pairs: PairRule = field(default_factory=PairRule)
    augmentation: Augmentation = field(default_factory=Augmentation)


def usable_clips(clips: Sequence[Clip], settings: SampleSettings) -> tuple[Clip, ...]:
    """The clips that have such samples.

    Raises:
        InputError: none has.
    """
    length = settings.window
    chosen = tuple(clip for clip in clips if (has_pair(clip) if length is None else has_window(clip, length)))
    if not chosen:
        wanted = "a source and a target" if length is None else f"{length} frames in a row with a face"
        raise InputError(f"none of the {len(clips)} clips has {wanted}: track other videos with `likeness data track`")
    return chosen


def draw_sample(clips: Sequence[Clip], settings: SampleSettings, *, seed: int, number: int) -> Sample:
    """Sample `number` of clips that are all usable: every clip once in a shuffled round, then the next round.

    Raises:
        InputError: a picture of the clip is damaged.
    """
    round_number, place = divmod(number, len(clips))
    order = np.random.default_rng((seed, 0, round_number)).permutation(len(clips))
    clip, generator = clips[order[place]], np.random.default_rng((seed, 1, number))
    if settings.window is None:
        source, target = draw_pair(clip, generator, settings.pairs)
        targets: tuple[int, ...] = (target,)
    else:
        source, targets = draw_window(clip, generator, settings.window)
    further: tuple[int, ...] = ()
    if settings.sources > 1:
        further = draw_further_sources(clip, generator, settings.sources - 1, (source, *targets))
    return _augmented(
        clip,
        tuple(shot_of(clip, index, settings.size) for index in (source, *further)),
        tuple(shot_of(clip, target, settings.size) for target in targets),
        settings.augmentation,
        generator,
    )


def shot_of(clip: Clip, index: int, size: int) -> Shot:
    """A frame of a clip at `size` x `size` pixels.

    Raises:
        InputError: the picture is damaged.
    """
    trust, matte = clip.trust(index), clip.matte(index)
    if size != clip.header.size:
        import cv2

        trust = cv2.resize(trust.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0.99
        matte = None if matte is None else cv2.resize(matte, (size, size), interpolation=cv2.INTER_AREA)
    draft = clip.draft(index)
    return Shot(
        image=resize(clip.picture(index), size, size),
        trust=trust,
        frame=clip.motion.frame(index),
        camera=clip.camera.resized(size, size),
        draft=None if draft is None else resize(draft, size, size),
        matte=matte,
    )


def _augmented(
    clip: Clip,
    sources: tuple[Shot, ...],
    targets: tuple[Shot, ...],
    options: Augmentation,
    generator: np.random.Generator,
) -> Sample:
    """Draws in a fixed order, so that one option never changes what another does."""
    colours = draw_colours(options, generator)
    scale = float(np.exp(generator.uniform(-1.0, 1.0) * np.log(options.source_scale)))
    is_mirrored = bool(generator.random() < options.mirrored_share)
    noise_seed, damage_seed = (int(value) for value in generator.integers(0, 2**63, 2))
    is_damaged = clip.header.kind == "round-trip"

    def shown(picture: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """The source, or what is drawn from it."""
        picture = change_colours(picture, colours)
        return degraded(picture, options, np.random.default_rng(damage_seed)) if is_damaged else picture

    noise = np.random.default_rng(noise_seed)

    def changed(source: Shot) -> Shot:
        image, trust, camera = rescaled(source.image, source.trust, source.camera, scale)
        return Shot(
            image=shown(image),
            trust=trust,
            frame=noisy_frame(source.frame, options, noise),
            camera=camera,
            matte=None if source.matte is None else rescaled_matte(source.matte, scale),
        )

    return Sample(
        clip=clip.header.name,
        shape=clip.motion.shape,
        source=changed(sources[0]),
        targets=tuple(
            replace(
                target,
                image=change_colours(target.image, colours),
                draft=None if target.draft is None else shown(target.draft),
                frame=noisy_frame(target.frame, options, noise),
            )
            for target in targets
        ),
        is_mirrored=is_mirrored,
        more_sources=tuple(changed(source) for source in sources[1:]),
    )
