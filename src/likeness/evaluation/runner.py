"""What is measured, as functions: the pieces of one renderer, and the few ways in which the protocols run them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from likeness.evaluation.networks import NO_NETWORKS, Networks
from likeness.evaluation.outside import Outside
from likeness.evaluation.results import MeasureItems, Value, one_by_one
from likeness.motion.edit import HeadEdit, apply_edit
from likeness.motion.record import Motion, MotionFrame
from likeness.tracking.portrait import Portrait

Image = UInt8[np.ndarray, "_ _ 3"]
Mode = Literal[
    "default", "absolute"
]  # expression above each person's neutral and relative pose; or all as the driver's


@dataclass(frozen=True, kw_only=True, slots=True)
class Pieces:
    """The functions of one renderer; a test puts in others, e.g. one that copies the photo."""

    portrait_from_image: Callable[[np.ndarray], Portrait]
    track_video: Callable[[Path, int], Motion]  # the clip from that frame on, as if it began there
    retarget: Callable[[Motion, Portrait, Mode], Motion]
    prepare: Callable[[Portrait], Any]
    render: Callable[[Any, Iterable[MotionFrame]], Iterator[np.ndarray]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What a protocol runs on."""

    pieces: Pieces
    data: Path  # folder of the measuring material
    limit: int | None = None  # only the first items: clips or portraits
    frames: int = 120  # of each clip at most
    controls: Pieces | None = None  # the default renderer's, to be scored beside; may be `pieces` itself
    renderer: Mapping[str, Value] = field(default_factory=dict)  # what draws: rows of different ones are kept apart
    outside: tuple[Outside, ...] = ()  # what others produced for the same protocol
    networks: Networks = NO_NETWORKS
    absolute: bool = False  # another person's pose and expression are taken as they are, as papers do
    measure_items: MeasureItems = one_by_one  # here, or in several processes

    @property
    def name(self) -> str:
        """What the renderer is called in tables."""
        return str(self.renderer.get("method", "likeness"))

    @property
    def settings(self) -> dict[str, Value]:
        """What decides about a row."""
        outside = {f"outside {method.name}": str(method.folder.resolve()) for method in self.outside}
        motion = {"motion": "absolute"} if self.absolute else {}
        return {"frames": self.frames, "networks": self.networks.names, **outside, **motion, **self.renderer}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A photo made ready once."""

    image: Image  # what the renderer starts from; the size of its results
    portrait: Portrait
    prepared: Any


def open_subject(pieces: Pieces, image: Image) -> Subject:
    """Finds the face, fits the head, prepares the renderer.

    Raises:
        NoFaceError: the photo shows no usable face.
    """
    portrait = pieces.portrait_from_image(image)
    return Subject(image=portrait.image, portrait=portrait, prepared=pieces.prepare(portrait))


def render_clip(
    pieces: Pieces, subject: Subject, motion: Motion, *, mode: Mode, indices: Sequence[int]
) -> Iterator[Image]:
    """The photo driven by those moments of a tracked clip, one frame at a time."""
    carried = pieces.retarget(motion, subject.portrait, mode)
    return pieces.render(subject.prepared, (carried.frame(index) for index in indices))


def render_edits(pieces: Pieces, subject: Subject, edits: Iterable[HeadEdit]) -> Iterator[Image]:
    """The photo under each edit."""
    portrait = subject.portrait
    return pieces.render(subject.prepared, (apply_edit(portrait.rest, edit, portrait.head) for edit in edits))


def render_rest(pieces: Pieces, subject: Subject) -> Image:
    """The photo under zero motion."""
    return next(iter(pieces.render(subject.prepared, [subject.portrait.rest])))
