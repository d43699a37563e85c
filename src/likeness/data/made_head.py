"""Made heads: random people of a head model in random poses, whose motion, depth and flow are exact.

Drawn with four samples per pixel from procedural colours under a random light, before a still background
(FG-Portrait's synthetic head set).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int, UInt8

from likeness.data.clip import ClipHeader, NewClip, encode_picture
from likeness.data.made_surface import (
    PAINTS,
    Light,
    Person,
    albedo,
    lit,
    paint_layers,
    random_background,
    random_light,
    random_person,
)
from likeness.data.made_wear import Wear, worn_colours
from likeness.data.random_motion import MotionRange, random_moment, uncrossed_lips
from likeness.data.square import clip_square, head_box
from likeness.geometry.camera import Camera, default_camera
from likeness.geometry.mesh import vertex_normals
from likeness.geometry.raster import interpolate, rasterise
from likeness.geometry.rotation import axis_angle_from_matrix
from likeness.heads.lids import lid_apertures, open_lids
from likeness.heads.model import HeadModel
from likeness.heads.show import inside_depths
from likeness.heads.skinning import posed_vertices
from likeness.media.crop import CropWindow, resize
from likeness.motion.pose import FRONTAL
from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame
from likeness.tracking.lips import person_seal

SUPERSAMPLING = 2  # samples per pixel along each axis
FPS = 25.0  # nominal: the poses are no sequence
GAMMA = 2.2
START_DISTANCE = 1.0  # m


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeHeadSettings:
    """How made heads are drawn."""

    size: int = 256  # pixels, side of the pictures
    poses: int = 8  # pictures of one person
    motion: MotionRange = field(default_factory=lambda: MotionRange(yaw=35.0, pitch=15.0, small_share=0.1))
    identity: float = 0.7  # size of the identity coefficients, in deviations
    focal_ratios: tuple[float, float] = (1.8, 4.5)  # focal length / side, between
    shift: float = 0.03  # of the head from the middle, as a share of the side, root mean square


def made_head(name: str, head: HeadModel, *, settings: MadeHeadSettings, generator: np.random.Generator) -> NewClip:
    """A clip of one made-up person; each pose may be source or target."""
    shape = settings.identity * head.shape_deviations * generator.standard_normal(head.num_shape)
    low, high = np.log(settings.focal_ratios)
    camera = default_camera(settings.size, settings.size, float(np.exp(generator.uniform(low, high))))
    rest = rest_frame(head, shape, camera)
    seal = person_seal(head, shape)
    frames = []
    for _ in range(settings.poses):
        moved = uncrossed_lips(random_moment(rest, head, seal, settings.motion, generator), seal)
        frames.append(placed(exact_lids(moved, rest, head, shape), camera, settings.shift, generator))
    person, light = random_person(generator), random_light(generator)
    background = random_background(SUPERSAMPLING * settings.size, generator)
    pictures = tuple(
        encode_picture(draw_person(head, shape, frame, camera, person=person, light=light, background=background)[0])
        for frame in frames
    )
    everything = tuple(range(settings.poses))
    header = ClipHeader(
        name=name, kind="made-head", num_frames=settings.poses, size=settings.size,
        window=CropWindow(left=0, top=0, size=settings.size), original_size=(settings.size, settings.size),
        sources=everything, targets=everything, masked=(),
    )  # fmt: skip
    return NewClip(header=header, motion=exact_motion(head, shape, camera, frames), pictures=pictures, masks={})


def draw_person(
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    frame: MotionFrame,
    camera: Camera,
    *,
    person: Person,
    light: Light,
    background: Float[np.ndarray, "h w 3"],
    wear: Wear | None = None,
) -> tuple[UInt8[np.ndarray, "H W 3"], Float[np.ndarray, "H W"]]:
    """A person at one moment, and the matte; the background (linear light) has `SUPERSAMPLING` times the camera's size.

    Colours belong to places on the template, so every point of the surface keeps its own in all poses.
    """
    fine = camera.resized(SUPERSAMPLING * camera.width, SUPERSAMPLING * camera.height)
    paints = paint_layers(head, person)
    mesh = _Drawn.of(head, with_beard(head, person, posed_vertices(head, shape, frame.expression, frame.joints)), wear)
    points = frame.T_cam_head.apply(mesh.vertices)
    raster = rasterise(
        fine.project(points), points[:, 2] + mesh.depths, mesh.faces, width=fine.width, height=fine.height
    )
    covered = raster.face >= 0
    layers = np.zeros((len(points), paints.shape[1]))
    layers[: len(paints)] = paints
    if wear is not None:
        layers[:, PAINTS.index("cloth")] = 0.0  # the neck is bare above what is worn
    table = np.concatenate(
        [mesh.places, mesh.vertices, mesh.shade[:, None], vertex_normals(points, mesh.faces), points, layers], axis=1
    )
    values = interpolate(raster, mesh.faces, table)[covered].astype(np.float64)  # [N ...]
    places, rigid, shade, normals, seen, paint = np.split(values, [3, 6, 7, 10, 13], axis=1)
    views = -seen / np.linalg.norm(seen, axis=1, keepdims=True)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    normals = np.where(np.einsum("nx,nx->n", normals, views)[:, None] < 0.0, -normals, normals)
    face = raster.face[covered]
    on_head = face < len(head.faces)
    colour = np.empty((len(face), 3))
    colour[on_head] = albedo(person, head, places[on_head], paint[on_head], head.face_parts[face[on_head]])
    if wear is not None:
        colour[~on_head] = worn_colours(
            person, wear, points=rigid[~on_head], places=places[~on_head], shade=shade[~on_head, 0],
            kinds=wear.mesh.kinds[face[~on_head] - len(head.faces)],
        )  # fmt: skip
    picture = np.array(background, dtype=np.float64)
    picture[covered] = lit(colour, normals, views, light)
    levels = np.rint(255.0 * np.clip(picture, 0.0, 1.0) ** (1.0 / GAMMA)).astype(np.uint8)
    matte = resize(np.repeat(np.uint8(255) * covered[..., None], 3, axis=2), camera.width, camera.height)
    return resize(levels, camera.width, camera.height), matte[..., 0] / 255.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawn:
    """All triangles of a picture: those of the head, then those worn."""

    vertices: Float[np.ndarray, "N 3"]  # head frame, m
    places: Float[np.ndarray, "N 3"]  # where patterns are looked up
    shade: Float[np.ndarray, " N"]
    depths: Float[np.ndarray, " N"]  # by how much each is drawn further away
    faces: Int[np.ndarray, "M 3"]

    @staticmethod
    def of(head: HeadModel, vertices: Float[np.ndarray, "V 3"], wear: Wear | None) -> "_Drawn":
        own, inside = np.ones(len(vertices)), inside_depths(head)
        if wear is None:
            return _Drawn(vertices=vertices, places=head.template, shade=own, depths=inside, faces=head.faces)
        worn = wear.mesh
        return _Drawn(
            vertices=np.concatenate([vertices, worn.vertices]),
            places=np.concatenate([head.template, worn.places]),
            shade=np.concatenate([own, worn.shade]),
            depths=np.concatenate([inside, np.zeros(len(worn.vertices))]),
            faces=np.concatenate([head.faces, worn.faces + len(vertices)]),
        )


def with_beard(head: HeadModel, person: Person, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """The surface of a beard stands out from the skin."""
    if person.beard * person.beard_length == 0.0:
        return vertices
    grown = paint_layers(head, person)[:, PAINTS.index("beard")] * person.beard_length
    return vertices + grown[:, None] * vertex_normals(vertices, head.faces)


def exact_lids(frame: MotionFrame, rest: MotionFrame, head: HeadModel, shape: Float[np.ndarray, " S"]) -> MotionFrame:
    """The frame with its lids' opening done by the head's own blink shapes, and the apertures that come of it.

    Both eyes open alike at rest: random identities alone would give one eye half closed.
    """
    wanted = rest.lids.mean() * frame.lids / np.maximum(rest.lids, 1e-6)
    expression = open_lids(head, shape, frame.expression, frame.joints, wanted)
    if expression is frame.expression:
        return frame
    return replace(
        frame, expression=expression, lids=lid_apertures(head, posed_vertices(head, shape, expression, frame.joints))
    )


def rest_frame(head: HeadModel, shape: Float[np.ndarray, " S"], camera: Camera) -> MotionFrame:
    """The neutral person looking into the camera, as large as in a tracked clip's square."""
    still = np.zeros(head.num_expression)
    vertices = posed_vertices(head, shape, still, np.zeros((5, 3)))
    frame = MotionFrame(
        rotation=axis_angle_from_matrix(FRONTAL), translation=np.array([0.0, 0.0, START_DISTANCE]), neck=np.zeros(3),
        jaw=np.zeros(3), eye_left=np.zeros(3), eye_right=np.zeros(3), expression=still,
        lids=lid_apertures(head, vertices),
    )  # fmt: skip
    side = clip_square([head_box(head, shape, frame, camera)]).size
    return replace(frame, translation=np.array([0.0, 0.0, START_DISTANCE * side / camera.width]))


def placed(frame: MotionFrame, camera: Camera, shift: float, generator: np.random.Generator) -> MotionFrame:
    """The head moved beside the middle and a little nearer or farther."""
    depth = float(frame.translation[2])
    aside = shift * generator.standard_normal(2) * camera.width / camera.focal_pixels * depth
    nearer = depth * (float(np.exp(0.5 * shift * generator.standard_normal())) - 1.0)
    return replace(frame, translation=frame.translation + np.array([*aside, nearer]))


def exact_motion(
    head: HeadModel, shape: Float[np.ndarray, " S"], camera: Camera, frames: Sequence[MotionFrame]
) -> Motion:
    """The motion of pictures that were drawn with these frames."""
    return Motion(
        head_name=head.name,
        head_version=head.version,
        expression_names=tuple(head.expression_names),
        source="made head",
        tracker="exact",
        fps=FPS,
        times=np.arange(len(frames)) / FPS,
        **{name: np.stack([getattr(frame, name) for frame in frames]) for name in FRAME_FIELDS},
        confidence=np.ones(len(frames)),
        valid=np.ones(len(frames), dtype=bool),
        shape=shape,
        intrinsics=camera.intrinsics,
        image_size=(camera.width, camera.height),
        reference=0,
    )
