"""Scenes: what is asked of a model on clips that it has not seen, one source picture and one moment at a time.

Same person: source and moment come from one clip, whose picture of that moment is the truth. Another person: the source
is given the numbers of somebody else's moment, and no truth exists.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.data.clip import Clip
from likeness.data.held_out import person_of
from likeness.data.pairs import PairRule, draw_pair, has_pair
from likeness.data.sample import Sample, Shot, shot_of
from likeness.heads.model import HeadModel
from likeness.motion.retarget import retarget

SEED = 20_260_100
TURNED = PairRule(turned_share=1.0)  # heads more than 10 degrees apart, where a clip has them


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    """Another person at the moment that a scene follows."""

    shape: Float[np.ndarray, " S"]
    shot: Shot


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One picture to be drawn: `sample` has one target, and the source's camera sees it."""

    name: str
    sample: Sample  # without a driver the target's picture is the truth; with one it is the driver's
    driver: Driver | None

    @property
    def target(self) -> Shot:
        """The moment that is asked for."""
        return self.sample.targets[0]


def self_scenes(clips: Sequence[Clip], *, size: int, count: int) -> tuple[Scene, ...]:
    """Scenes of one person each, spread over the clips; clips of a single frame have none."""
    usable = [clip for clip in clips if clip.header.num_frames > 1 and has_pair(clip)]
    if not usable:
        return ()
    scenes = []
    for number in range(count):
        clip = usable[_place(number, count, len(usable))]
        source, target = draw_pair(clip, np.random.default_rng((SEED, 0, number)), TURNED)
        scenes.append(
            Scene(
                name=f"self {number} {clip.header.name} {source} {target}",
                sample=_sample(clip, shot_of(clip, source, size), shot_of(clip, target, size)),
                driver=None,
            )
        )
    return tuple(scenes)


def cross_scenes(clips: Sequence[Clip], head: HeadModel, *, size: int, count: int) -> tuple[Scene, ...]:
    """Scenes of a source driven by another person: the driver's own numbers, placed where the source's head is.

    None where all clips show one person.
    """
    usable = [clip for clip in clips if has_pair(clip)]
    people = [person_of(clip) for clip in usable]
    if len(set(people)) < 2:
        return ()
    scenes = []
    for number in range(count):
        generator = np.random.default_rng((SEED, 1, number))
        place = _place(number, count, len(usable))
        others = [index for index, person in enumerate(people) if person != people[place]]
        clip, driving = usable[place], usable[others[int(generator.integers(len(others)))]]
        source, _ = draw_pair(clip, generator, TURNED)
        _, moment = draw_pair(driving, generator, TURNED)
        shot, driver = shot_of(clip, source, size), shot_of(driving, moment, size)
        carried = retarget(driving.motion, shot.frame, head, shape=clip.motion.shape, mode="absolute")
        target = Shot(image=driver.image, trust=driver.trust, frame=carried.frame(moment), camera=shot.camera)
        scenes.append(
            Scene(
                name=f"cross {number} {clip.header.name} {source} {driving.header.name} {moment}",
                sample=_sample(clip, shot, target),
                driver=Driver(shape=driving.motion.shape, shot=driver),
            )
        )
    return tuple(scenes)


def scenes_digest(scenes: Sequence[Scene]) -> str:
    """Changes with the choice of scenes and with their pictures."""
    digest = hashlib.sha256()
    for scene in scenes:
        digest.update(scene.name.encode())
        digest.update(scene.sample.source.image.tobytes())
        digest.update(scene.target.image.tobytes())
    return digest.hexdigest()[:16]


def _place(number: int, count: int, num_clips: int) -> int:
    """Fewer scenes than clips are spread over them; more go round."""
    return number * num_clips // count if count < num_clips else number % num_clips


def _sample(clip: Clip, source: Shot, target: Shot) -> Sample:
    return Sample(clip=clip.header.name, shape=clip.motion.shape, source=source, targets=(target,), is_mirrored=False)
