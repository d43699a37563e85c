"""Export3D as a renderer: the stem reads the square around a head once, an expression gives a tri-plane, a camera gives
the picture, which is laid back into the photo.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from likeness.data.head_square import HeadSquare, head_square, laid_back, matte_in_square
from likeness.data.sample import Shot
from likeness.data.square import inside_original
from likeness.export3d.batches import picture_array
from likeness.export3d.cameras import camera_of_frame, check_camera, frame_of_camera
from likeness.export3d.directions import direction_deviations, moved_expression
from likeness.export3d.fine_detail import FinePhoto, sharpened
from likeness.export3d.model import Content, Export3dModel
from likeness.export3d.subject import Subject, read_subject
from likeness.face_rig.photo_features import PhotoFeatures, add_features, read_features
from likeness.geometry.rotation import axis_angle_from_matrix
from likeness.motion.record import MotionFrame
from likeness.nn.memory import advised, with_advice
from likeness.tracking.portrait import Portrait

OUT_OF_MEMORY = "not enough memory for this model: close other programs, or use weights of a smaller model"
LARGEST = 1024  # pixels, side of the square that is drawn: of larger photos it is enlarged
Shift: TypeAlias = Float[np.ndarray, " directions"]  # along v1..vn, in units of their deviations


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A portrait, its model, and everything about it that depends neither on expression nor on camera."""

    portrait: Portrait
    square: HeadSquare  # what is drawn, at the size at which it comes back
    photo: FinePhoto | None  # for a model with fine detail
    subject: Subject
    features: PhotoFeatures | None  # where they are drawn
    deviations: Float[Tensor, " directions"] | None  # of the coefficients; None: the encoding has no directions


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One picture to draw: the expression of a frame, seen by a camera."""

    frame: MotionFrame  # its pose does not count
    camera: Float32[np.ndarray, "25"]
    shift: Shift | None = None
    turn: Float[np.ndarray, "3"] | None = None  # of the head against the body since the photo; None: it turns along


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """What a camera sees of a head."""

    camera: Float32[np.ndarray, "25"]
    image: UInt8[np.ndarray, "H W 3"]
    depth: Float[Tensor, "1 r r"]  # world units along the ray
    opacity: Float[Tensor, "1 r r"]


@torch.no_grad()
def prepare(portrait: Portrait, *, model: Export3dModel) -> Prepared:
    """Cut the square around the head and read it once.

    Raises:
        InputError: there is not enough memory.
    """
    size = model.config.image_size
    small = head_square(portrait, size)
    shot = Shot(
        image=small.image,
        trust=inside_original(small.window, (portrait.camera.width, portrait.camera.height), size),
        frame=portrait.rest,
        camera=small.camera,
        matte=matte_in_square(portrait.image, small.window, size) if model.config.needs_matte else None,
    )
    try:
        subject = read_subject(model, portrait.head, portrait.shape, shot)
    except (RuntimeError, MemoryError) as error:
        raise advised(error, OUT_OF_MEMORY) from error
    is_finer = model.config.fine_detail and small.window.size > size
    square = head_square(portrait, min(small.window.size, LARGEST)) if is_finer else small
    has_directions = model.config.expression.encoding != "direct"
    return Prepared(
        portrait=portrait,
        square=square,
        photo=FinePhoto(full=square.image, small=small.image) if is_finer else None,
        subject=subject,
        features=read_features(portrait) if model.config.drawn_mouth or model.config.drawn_eyes else None,
        deviations=direction_deviations(model.expression) if has_directions else None,
    )


def render(
    prepared: Prepared, frames: Iterable[MotionFrame], *, shift_of: Callable[[int], Shift | None] | None = None
) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    """Whole photos in the order of the frames, one at a time.

    Args:
        shift_of: the shift of a frame by its number; None: no frame has one.

    Raises:
        InputError: a frame is of another head, or so near that the camera stands inside it, or memory is short.
    """
    views = (
        View(
            frame=frame,
            camera=camera_in_square(prepared, frame),
            shift=None if shift_of is None else shift_of(number),
            turn=turn_since(prepared.portrait.rest, frame) if prepared.subject.model.config.still_body else None,
        )
        for number, frame in enumerate(frames)
    )
    for drawn in draw(prepared, views):
        yield laid_back(prepared.portrait.image, prepared.square, drawn.image)


def draw(prepared: Prepared, views: Iterable[View]) -> Iterator[Drawn]:
    """Squares in the order of the views, one at a time; the tri-plane is kept while expression and turn stay the same.

    Raises:
        InputError: a frame is of another head, a camera has no picture of it, or memory is short.
    """
    yield from with_advice(_drawn(prepared, views), OUT_OF_MEMORY)


def turn_since(rest: MotionFrame, frame: MotionFrame) -> Float[np.ndarray, "3"]:
    """How the head has turned between two frames, axis-angle in its own axes, radians."""
    return axis_angle_from_matrix(rest.T_cam_head.rotation.T @ frame.T_cam_head.rotation)


def camera_in_square(prepared: Prepared, frame: MotionFrame) -> Float32[np.ndarray, "25"]:
    """The square's camera, around the head as the frame poses it.

    Raises:
        InputError: it stands inside the head.
    """
    return camera_of_frame(frame, prepared.square.camera, pose_mode=prepared.subject.model.config.pose_mode)


@torch.no_grad()
def content_of(
    prepared: Prepared, frame: MotionFrame, shift: Shift | None = None, *, turn: Float[np.ndarray, "3"] | None = None
) -> Content:
    """The head with the expression of a frame.

    Args:
        turn: of the head against the body since the photo, axis-angle; otherwise the body turns along.

    Raises:
        InputError: the frame is of another head.
        ValueError: a shift is given, but the encoding has no directions.
    """
    subject = prepared.subject
    if shift is None:
        return subject.content(frame, turn=turn)
    if prepared.deviations is None:
        raise ValueError("a model whose encoding has no directions cannot move along them")
    inputs = subject.inputs(frame)
    offsets = torch.from_numpy(shift.astype(np.float32))[None].to(inputs.device) * prepared.deviations
    return subject.content(frame, moved_expression(subject.model.expression, inputs, offsets), turn=turn)


def _drawn(prepared: Prepared, views: Iterable[View]) -> Iterator[Drawn]:
    drawn_key, content = None, None
    for view in views:
        check_camera(view.camera.astype(np.float64))
        shift, turn = (b"" if moved is None else moved.tobytes() for moved in (view.shift, view.turn))
        key = prepared.subject.key(view.frame), shift, turn
        if content is None or key != drawn_key:
            drawn_key, content = key, content_of(prepared, view.frame, view.shift, turn=view.turn)
        yield _seen(prepared, content, view)


@torch.no_grad()
def _seen(prepared: Prepared, content: Content, view: View) -> Drawn:
    picture = prepared.subject.seen(content, torch.from_numpy(view.camera))
    image = picture_array(picture.image[0])
    if prepared.photo is not None:
        image = sharpened(image, picture.photo_shares, prepared.photo)
    if prepared.features is not None:
        size, config = len(image), prepared.subject.model.config
        T_cam_head, camera = frame_of_camera(view.camera, width=size, height=size)
        image = np.ascontiguousarray(image)
        add_features(
            image, prepared.features, view.frame, T_cam_head=T_cam_head, camera=camera,
            eyes=config.drawn_eyes, mouth=config.drawn_mouth,
        )  # fmt: skip
    return Drawn(camera=view.camera, image=image, depth=picture.depth[0], opacity=picture.opacity[0])
