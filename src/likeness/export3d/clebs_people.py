"""What the acceptance of an expression encoder measures on the pictures of people whom it has not seen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from likeness.data.clip import Clip
from likeness.data.held_out import person_of
from likeness.errors import InputError
from likeness.evaluation.face_measures import eye_opening, mouth_opening
from likeness.evaluation.landmark_reader import LandmarkReader
from likeness.export3d.clebs_battery import Retrieval, retrieval
from likeness.export3d.clebs_data import FaceClip, face_clip, frame_set
from likeness.export3d.clebs_weights import Clebs
from likeness.export3d.image_encoder import ImageEncoder, picture_tensor
from likeness.heads.model import HeadModel

LEAST_FRAMES, LEAST_PEOPLE = 40, 2
CANDIDATES = 40  # frames among which one is looked for
_CHUNK = 64  # pictures at a time

Watch = Callable[[Iterable[Any], str, int | None], Iterable[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptanceOptions:
    """How much is measured."""

    frames: int = 120  # of each clip at most, evenly spread
    limit: int | None = None  # only the first clips


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenClip:
    """What is measured on one clip."""

    name: str
    person: str
    times: Float[np.ndarray, " K"]
    inputs: Float[np.ndarray, "K inputs"]
    openings: Float[np.ndarray, "K 2"]  # mouth and eyes, seen by the landmark network; NaN where it saw no face
    found: Retrieval
    gazes_found: Retrieval | None


def read_people(
    clebs: Clebs, clips: Sequence[Clip], head: HeadModel, *, options: AcceptanceOptions, watch: Watch
) -> tuple[SeenClip, ...]:
    """Everything that is measured on pictures; people of the training and short clips are left out.

    Raises:
        InputError: fewer than two people are left, or a picture is damaged.
    """
    fresh = [clip for clip in clips if person_of(clip) not in clebs.persons]
    read = [face_clip(clip, head, clebs.recipe.expression) for clip in fresh]
    long = [clip for clip in read if len(clip.frames) >= LEAST_FRAMES][: options.limit]
    people = {person_of(clip.clip) for clip in long}
    if len(people) < LEAST_PEOPLE:
        raise InputError(
            f"{len(people)} people are left of {len(clips)} clips, without those of the training and clips of fewer "
            f"than {LEAST_FRAMES} frames: give clips of other people with --data"
        )
    with LandmarkReader() as reader:
        return tuple(_seen(clebs, clip, head, reader, options.frames) for clip in watch(long, "reading", len(long)))


def spread(count: int, most: int) -> Int[np.ndarray, " K"]:
    """Evenly spread places."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def _seen(clebs: Clebs, clip: FaceClip, head: HeadModel, reader: LandmarkReader, most: int) -> SeenClip:
    settings, size = clebs.recipe.expression, clebs.recipe.samples.size
    places = spread(len(clip.frames), most)
    looked = spread(len(clip.frames), CANDIDATES)
    frames = frame_set(clip, looked, head, settings, size=size)
    with torch.no_grad():
        expressions, gazes = clebs.expression.groups(torch.from_numpy(frames.inputs))
    gazes_found = None
    if gazes is not None and frames.eyes is not None and clebs.eyes is not None:
        gazes_found = retrieval(_embedded(clebs.eyes, frames.eyes), gazes.double().numpy())
    reader.start()
    landmarks = np.stack([reader.read(clip.clip.picture(int(index))) for index in clip.frames[places]])
    return SeenClip(
        name=clip.name,
        person=person_of(clip.clip),
        times=clip.times[places],
        inputs=clip.inputs[places].astype(np.float64),
        openings=np.stack([mouth_opening(landmarks), eye_opening(landmarks)], axis=1),
        found=retrieval(_embedded(clebs.faces, frames.faces), expressions.double().numpy()),
        gazes_found=gazes_found,
    )


@torch.no_grad()
def _embedded(encoder: ImageEncoder, images: UInt8[np.ndarray, "K h w 3"]) -> Float[np.ndarray, "K d"]:
    parts = [encoder(picture_tensor(part)) for part in torch.from_numpy(images).split(_CHUNK)]
    return torch.cat(parts).double().numpy()
