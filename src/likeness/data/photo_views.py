"""The person of a photo from other sides and with other expressions: the photo is the first frame, renderings follow.

Renderings are trusted only where the photo saw the surface of the fitted head well, so that what the renderer invents
or tears is never learned. The renderer is passed in: it lives above this package.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from likeness.data.clip import ClipHeader, NewClip, encode_mask, encode_matte, encode_picture
from likeness.data.head_square import matte_in_square
from likeness.data.made_person import FREQUENT
from likeness.data.random_motion import MotionRange, random_moment, uncrossed_lips
from likeness.data.round_trip import FPS, Render
from likeness.data.square import clip_square, head_box, motion_in_square
from likeness.data.statistics import SURFACE_TOLERANCE
from likeness.errors import NoFaceError
from likeness.flow.surface import source_lookup
from likeness.geometry.camera import Camera
from likeness.geometry.mesh import vertex_normals
from likeness.geometry.raster import interpolate, rasterise
from likeness.geometry.rotation import geodesic_angle
from likeness.heads.model import HeadModel
from likeness.heads.show import INSIDE, inside_depths
from likeness.heads.skinning import posed_vertices
from likeness.media.crop import extract
from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame
from likeness.tracking.lips import person_seal
from likeness.tracking.portrait import Portrait

LEAST_CONFIDENCE = 0.34  # of the photo's fit (see `track.WORST_RESIDUAL`)
LEAST_COSINE = 0.25  # of the angle under which the photo saw a surface: flatter ones are smeared when they turn
BODY_TURN = np.radians(10.0)  # up to which hair, neck and shoulders, which have no mesh, are where they should be
HAIR_TURN = np.radians(22.0)  # likewise hair that is close to the head
HAIR_REACH = 0.10  # how far beyond the head that is, as a share of the square's side
SURELY_NOT = 0.1  # mattes below this show the background alone
EDGE = 0.012  # share of the square's side beside the edge of a person or a surface that is not trusted


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoViewsSettings:
    """How the views of a photo's person are made."""

    size: int = 256  # pixels, side of the stored squares
    views: int = 8  # the photo included
    motion: MotionRange = field(
        default_factory=lambda: MotionRange(
            yaw=30.0, pitch=15.0, roll=8.0, small_share=0.3, small_part=0.3, closing_share=0.5, blink_share=0.3,
            expressions=2, frequent=FREQUENT,
        )
    )  # fmt: skip


def photo_views(
    portrait: Portrait, name: str, *, render: Render, settings: PhotoViewsSettings, generator: np.random.Generator
) -> NewClip:
    """A clip of the photo and of views that are rendered from it; each may be source or target.

    `portrait`: as `round_trip.photo_portrait` cuts it out.

    Raises:
        NoFaceError: the head fits the face badly.
    """
    if portrait.confidence < LEAST_CONFIDENCE:
        raise NoFaceError("the head fits the face badly")
    head, shape, camera = portrait.head, portrait.shape, portrait.camera
    seal = person_seal(head, shape)
    frames = [portrait.rest] + [
        uncrossed_lips(random_moment(portrait.rest, head, seal, settings.motion, generator), seal)
        for _ in range(settings.views - 1)
    ]
    pictures = [portrait.image, *render(portrait, frames[1:])]
    window = clip_square([head_box(head, shape, portrait.rest, camera)])
    motion = motion_in_square(_motion(portrait, frames), window, settings.size)
    square = Camera(intrinsics=motion.intrinsics, width=settings.size, height=settings.size)
    mattes = [matte_in_square(picture, window, settings.size) for picture in pictures]
    masks = {
        index: encode_mask(
            true_pixels(head, shape, portrait.rest, frames[index], square, mattes=(mattes[0], mattes[index]))
        )
        for index in range(1, len(frames))
    }
    everything = tuple(range(len(frames)))
    header = ClipHeader(
        name=name, kind="photo-views", num_frames=len(frames), size=settings.size, window=window,
        original_size=(camera.width, camera.height), sources=everything, targets=everything, masked=everything[1:],
        matted=everything,
    )  # fmt: skip
    return NewClip(
        header=header,
        motion=motion,
        pictures=tuple(encode_picture(extract(picture, window, settings.size)) for picture in pictures),
        masks=masks,
        mattes={index: encode_matte(matte) for index, matte in enumerate(mattes)},
    )


def true_pixels(
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    photo: MotionFrame,
    view: MotionFrame,
    camera: Camera,
    *,
    mattes: tuple[Float[np.ndarray, "H W"], Float[np.ndarray, "H W"]],
) -> Bool[np.ndarray, "H W"]:
    """Which pixels of a rendered view are as they would be: seen surface of the head, what is near it in small turns,
    and background that neither photo nor view hides. `mattes`: of photo and view.
    """
    import cv2

    on_head, is_seen = _seen_head(head, shape, photo, view, camera)
    turn = float(geodesic_angle(photo.T_cam_head.rotation[None], view.T_cam_head.rotation[None])[0])
    edge = max(round(EDGE * camera.width), 1)
    border = np.ones((2 * edge + 1, 2 * edge + 1), np.uint8)
    empty = cv2.erode((np.maximum(*mattes) < SURELY_NOT).astype(np.uint8), border) > 0
    person = cv2.erode((mattes[1] > 1.0 - SURELY_NOT).astype(np.uint8), border) > 0
    result = (empty & ~on_head) | (is_seen & on_head)
    if turn < HAIR_TURN:
        distance = cv2.distanceTransform((~on_head).astype(np.uint8), cv2.DIST_L2, 5)
        near = np.inf if turn < BODY_TURN else HAIR_REACH * camera.width
        result |= person & ~on_head & (distance < near)
    return result


def _seen_head(
    head: HeadModel, shape: Float[np.ndarray, " S"], photo: MotionFrame, view: MotionFrame, camera: Camera
) -> tuple[Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]:
    """Pixels of the view on the head without its neck, and those whose surface faces the photo's camera unhidden.

    The view's expression is looked at from both sides: lids that close and lips that open are drawn as they are meant.
    """
    import cv2

    faces = head.part_faces(*(name for name in head.part_names if name != "neck"))
    vertices = posed_vertices(head, shape, view.expression, view.joints)
    inside = inside_depths(head)
    posed = [frame.T_cam_head.apply(vertices) for frame in (photo, view)]
    rasters = [
        rasterise(camera.project(points), points[:, 2] + inside, faces, width=camera.width, height=camera.height)
        for points in posed
    ]
    normals = vertex_normals(posed[0], faces)
    facing = -np.einsum("vx,vx->v", normals, posed[0]) / np.linalg.norm(posed[0], axis=1)
    facing[np.unique(faces[_is_inner(head, faces)])] = 1.0  # inner surfaces are drawn, never turned
    cosine = interpolate(rasters[1], faces, facing[:, None])[..., 0]
    lookup = source_lookup(rasters[1], faces, posed[0], camera)
    nearest = cv2.remap(
        np.where(np.isfinite(rasters[0].depth), rasters[0].depth, np.float32(-1.0)),
        np.nan_to_num(lookup.pixels, nan=-9.0).astype(np.float32) - np.float32(0.5),
        None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    is_behind = np.nan_to_num(lookup.depth, nan=np.inf) > nearest + SURFACE_TOLERANCE
    on_head = rasters[1].face >= 0
    inner = on_head & _is_inner(head, faces)[np.maximum(rasters[1].face, 0)]
    return on_head, on_head & (cosine > LEAST_COSINE) & (~is_behind | inner)


def _is_inner(head: HeadModel, faces: np.ndarray) -> Bool[np.ndarray, " F"]:
    """Triangles of eyes, mouth and teeth."""
    names = [name for name in INSIDE if name in head.part_names]
    inner = np.zeros(len(head.template), dtype=bool)
    inner[np.unique(head.part_faces(*names))] = True
    return inner[faces].all(axis=1)


def _motion(portrait: Portrait, frames: list[MotionFrame]) -> Motion:
    count = len(frames)
    return Motion(
        head_name=portrait.head.name,
        head_version=portrait.head.version,
        expression_names=tuple(portrait.head.expression_names),
        source="photo",
        tracker="likeness photo",
        fps=FPS,
        times=np.arange(count) / FPS,
        **{name: np.stack([getattr(frame, name) for frame in frames]) for name in FRAME_FIELDS},
        confidence=np.full(count, portrait.confidence),
        valid=np.ones(count, dtype=bool),
        shape=portrait.shape,
        intrinsics=portrait.camera.intrinsics,
        image_size=(portrait.camera.width, portrait.camera.height),
        reference=0,
    )
