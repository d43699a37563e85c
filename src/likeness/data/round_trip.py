"""Synthetic pairs from a photo: rendered under a random motion it is the source, the photo itself is the target.

A network that is to give the photo back must undo what the renderer does wrong and invent what was hidden. The source
is tracked anew, as any source will be, and drawn with a head of another depth, so that errors of the geometry do not
cancel on the way back. The renderer is passed in: it lives above this package.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, UInt8

from likeness.data.align import align
from likeness.data.clip import ClipHeader, NewClip, encode_mask, encode_picture
from likeness.data.random_motion import MotionRange, random_moment
from likeness.data.square import clip_square, head_box, motion_in_square
from likeness.errors import NoFaceError
from likeness.heads.model import HeadModel
from likeness.media.crop import extract, resize
from likeness.motion.record import Motion, MotionFrame
from likeness.tracking.assemble import motion_from_readings
from likeness.tracking.landmarks import image_landmarks
from likeness.tracking.lips import person_seal
from likeness.tracking.person import Person, Reading, estimate_person, fit_frame, reading
from likeness.tracking.photo import portrait_from_image, with_touching_lips
from likeness.tracking.portrait import Portrait

FINENESS = 1.25  # pixels of the photo per pixel of the square at most; finer photos are reduced first
LEAST_SQUARE = 256  # pixels that the square keeps even so: the source is tracked at this resolution
CONTEXT = 1.6  # side of the part of the photo that is rendered / side of the square
LEAST_CONFIDENCE = 0.34  # of the source's tracking (see `track.WORST_RESIDUAL`)
FPS = 25.0  # nominal: the two frames are no sequence

# Pictures of a portrait at the given moments, each the size of its photo.
Render = Callable[[Portrait, Sequence[MotionFrame]], Iterable[UInt8[np.ndarray, "H W 3"]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundTripSettings:
    """How synthetic pairs are made."""

    size: int = 256  # pixels, side of the stored squares
    motion: MotionRange = field(default_factory=MotionRange)
    depth_scale: float = 1.25  # the head that renders is up to this much deeper or flatter than the fitted one
    is_aligned: bool = True  # targets are brought onto the geometry of the way back, by optical flow


def photo_portrait(image: UInt8[np.ndarray, "H W 3"], head: HeadModel, settings: RoundTripSettings) -> Portrait:
    """The fitted head in the part of a photo that is needed, at a resolution that fits the square.

    Raises:
        NoFaceError: no usable face.
    """
    portrait = portrait_from_image(image, head)
    box = head_box(head, portrait.shape, portrait.rest, portrait.camera)
    square = clip_square([box])
    reach = round(0.5 * (CONTEXT - 1.0) * square.size)
    height, width = image.shape[:2]
    left, top = max(square.left - reach, 0), max(square.top - reach, 0)
    right, bottom = min(square.left + square.size + reach, width), min(square.top + square.size + reach, height)
    scale = min(1.0, max(FINENESS * settings.size, LEAST_SQUARE) / square.size)
    part = image[top:bottom, left:right]
    reduced = resize(part, max(round(scale * (right - left)), 1), max(round(scale * (bottom - top)), 1))
    factors = np.array([reduced.shape[1] / (right - left), reduced.shape[0] / (bottom - top), scale])
    return replace(
        portrait,
        image=reduced,
        camera=portrait.camera.cropped(left, top, right - left, bottom - top).resized(
            reduced.shape[1], reduced.shape[0]
        ),
        landmarks=(portrait.landmarks - np.array([left, top, 0.0])) * factors,
    )


def round_trip(
    portrait: Portrait, name: str, *, render: Render, settings: RoundTripSettings, generator: np.random.Generator
) -> NewClip:
    """A clip of two frames: the rendered source, then the target with its draft, the source rendered back to it.

    Raises:
        NoFaceError: no face, or a badly fitting one, is seen in the rendered source.
    """
    head = portrait.head
    depth = float(np.exp(generator.uniform(-1.0, 1.0) * np.log(settings.depth_scale)))
    seal = person_seal(head, portrait.shape)
    moment = random_moment(portrait.rest, head, seal, settings.motion, generator)
    (source,) = render(replace(portrait, head=deepened(head, depth)), [moment])
    motion, points = track_two(source, portrait)
    boxes = [head_box(head, motion.shape, motion.frame(index), portrait.camera) for index in (0, 1)]
    window = clip_square(boxes)
    target = extract(portrait.image, window, settings.size)
    seen = replace(portrait, image=source, shape=motion.shape, rest=motion.frame(0), landmarks=points)
    (back,) = render(seen, [motion.frame(1)])
    draft = extract(back, window, settings.size)
    masks = {}
    if settings.is_aligned:
        aligned = align(target, draft)
        target, masks = aligned.image, {1: encode_mask(aligned.mask)}
    drafts = {1: encode_picture(draft)}
    header = ClipHeader(
        name=name, kind="round-trip", num_frames=2, size=settings.size, window=window,
        original_size=(portrait.camera.width, portrait.camera.height), sources=(0,), targets=(1,),
        masked=tuple(masks), drafts=tuple(drafts),
    )  # fmt: skip
    return NewClip(
        header=header,
        motion=motion_in_square(motion, window, settings.size),
        pictures=(encode_picture(extract(source, window, settings.size)), encode_picture(target)),
        masks=masks,
        drafts=drafts,
    )


def track_two(source: UInt8[np.ndarray, "H W 3"], portrait: Portrait) -> tuple[Motion, Float[np.ndarray, "478 3"]]:
    """The motion of the clip (source, photo) with one identity for both, and the source's landmarks [478 3].

    Raises:
        NoFaceError: the source shows no face that fits.
    """
    found = with_touching_lips(image_landmarks(source).points)
    person = estimate_person(portrait.head, portrait.camera, [found, portrait.landmarks])
    readings = [_read(person, points) for points in (found, portrait.landmarks)]
    if min(entry.confidence for entry in readings) < LEAST_CONFIDENCE:
        raise NoFaceError("the head fits the rendered face badly")
    motion = motion_from_readings(
        person, readings, np.array([0.0, 1.0 / FPS]), source="round trip", tracker="likeness photo"
    )
    return motion, found


def deepened(head: HeadModel, factor: float) -> HeadModel:
    """The head with all depths (head frame z) multiplied: nose and ears further apart, or closer together."""
    stretch = np.array([1.0, 1.0, factor])
    return replace(
        head,
        template=head.template * stretch,
        shape_basis=_stretched(head.shape_basis, stretch),
        expression_basis=_stretched(head.expression_basis, stretch),
        joint_positions=head.joint_positions * stretch,
        joint_shape_basis=_stretched(head.joint_shape_basis, stretch),
        joint_expression_basis=None if (basis := head.joint_expression_basis) is None else _stretched(basis, stretch),
        pose_basis=None if (basis := head.pose_basis) is None else _stretched(basis, stretch),
    )


def _stretched(basis: Float[np.ndarray, "N 3 K"], stretch: Float[np.ndarray, "3"]) -> Float[np.ndarray, "N 3 K"]:
    return (basis * stretch[:, None]).astype(basis.dtype)


def _read(person: Person, points: Float[np.ndarray, "478 3"]) -> Reading:
    return reading(person, points, fit_frame(person, points, None))
