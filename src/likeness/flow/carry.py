"""Points around a posed head, carried to where they were on the source by the 3D flow (FG-Portrait's surface field, in
the head's own frame): what a volume renderer needs to look a point up in the source's picture.

Near the surface a point goes with its nearest triangle (frame rule). With the distance the expression's part of the
flow fades, so that hair and shoulders follow the head alone.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from likeness.flow.carry_kernels import carry_points
from likeness.flow.depth import SeenSurface, render_depth, seen_surface, visible_points
from likeness.flow.posed import PosedHead
from likeness.flow.posture import bent, straightened
from likeness.flow.surface_field import SurfaceField, surface_field
from likeness.geometry.bands import run_bands
from likeness.geometry.camera import Camera
from likeness.geometry.closest import ClosestPoints, SurfaceIndex, build_surface_index, closest_points, refit
from likeness.geometry.mesh import face_normals, vertex_normals
from likeness.geometry.transform import RigidTransform

FADE = 0.03  # metres from the surface at which the expression's flow has fallen to 1/e, as a Gaussian
NEAREST = 0.01  # metres before the source's camera: what comes nearer has no place in its picture
_STRAIGHT = 0.9  # cosine to the normal from which a point lies below the skin itself, and not behind an opening of it
_WALL = 0.006  # metres: how thick teeth and the wall of the mouth are
_CELL = 0.02  # metres: points are looked up cell by cell, neighbours together
_CELLS = 1 << 10  # along an axis


@dataclass(frozen=True, kw_only=True, slots=True)
class CarrySource:
    """The head as the source's picture shows it, prepared once for all targets."""

    head: PosedHead
    at_rest: Float[np.ndarray, "V 3"]  # its vertices in the head's frame
    index: SurfaceIndex  # of them
    skin: SurfaceIndex  # of them, without eyeballs, teeth and mouth; its faces are numbered by `skin_faces`
    skin_faces: Int[np.ndarray, " S"]
    is_skin: Bool[np.ndarray, " F"]
    is_mouth: Bool[np.ndarray, " F"]  # teeth and inner mouth
    is_rim: Bool[np.ndarray, " F"]  # faces with an edge at an opening, or at the end of a row of teeth
    seen: SeenSurface
    normals: Float[np.ndarray, "V 3"]  # of its vertices, camera frame: smooth over the surface


@dataclass(frozen=True, kw_only=True, slots=True)
class Carrier:
    """The way from one target to its source."""

    source: CarrySource
    field: SurfaceField  # between both in the head's frame
    skin: SurfaceIndex  # of the target
    normals: Float[np.ndarray, "F 3"]  # of the target, unit length
    smooth_normals: Float[np.ndarray, "V 3"]  # of its vertices: which side a point is on, at edges and corners too
    turn: Float[np.ndarray, "3"]  # of the head against the body since the photo, see `posture.py`


@dataclass(frozen=True, kw_only=True, slots=True)
class CarriedPoints:
    """What the flow tells about points."""

    positions: Float32[np.ndarray, "N 2"]  # in the source's picture, 0 to 1 across it; may lie outside
    height: Float32[np.ndarray, " N"]  # metres above the target's surface, negative within
    is_seen: Bool[np.ndarray, " N"]  # whether the source's picture shows the place of the surface that is nearest
    facing: Float32[np.ndarray, " N"]  # cosine between that place's smooth normal and the way to the source's camera
    is_mouth: Bool[np.ndarray, " N"]  # whether that place is of the teeth or the inner mouth


def carry_source(head: PosedHead, *, resolution: int, like: CarrySource | None = None, threads: int = 1) -> CarrySource:
    """Prepare the head of a picture of that many pixels a side.

    Args:
        like: of any pose of the same faces; saves building what is the same.
    """
    at_rest = head.T_cam_head.inverse().apply(head.vertices)
    is_skin = head.inside[head.faces[:, 0]] == 0.0
    skin_faces = np.flatnonzero(is_skin)
    return CarrySource(
        head=head,
        at_rest=at_rest,
        index=build_surface_index(at_rest, head.faces) if like is None else refit(like.index, at_rest),
        skin=build_surface_index(at_rest, head.faces[skin_faces]) if like is None else refit(like.skin, at_rest),
        skin_faces=skin_faces,
        is_skin=is_skin,
        is_mouth=~is_skin & (head.eye_of_face < 0),
        is_rim=_rim_faces(head.faces, is_skin) if like is None else like.is_rim,
        seen=seen_surface(head, resolution=resolution, threads=threads),
        normals=vertex_normals(head.vertices, head.faces),
    )


def carrier(
    source: CarrySource, target: Float[np.ndarray, "V 3"], *, turn: Float[np.ndarray, "3"] | None = None
) -> Carrier:
    """The way from a target, the same mesh in the head's frame (metres), to the source.

    Args:
        turn: of the head against the body since the photo, axis-angle; otherwise the body turns along.

    Raises:
        ValueError: it is another mesh, or a vertex is not finite.
    """
    field = surface_field(refit(source.index, target), target, source.at_rest)
    normals = face_normals(target, source.head.faces)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    skin = refit(source.skin, target)
    return Carrier(
        source=source,
        field=field,
        skin=skin,
        normals=normals / np.maximum(lengths, 1e-12),
        smooth_normals=vertex_normals(target, source.head.faces),
        turn=np.zeros(3) if turn is None else turn,
    )


def before_turning(carrier: Carrier, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Points around the head (its frame, metres) where they were before it turned and the body stayed."""
    return straightened(points, carrier.turn) if carrier.turn.any() else points


def carry(carrier: Carrier, points: Float[np.ndarray, "N 3"], *, threads: int = 1) -> CarriedPoints:
    """Carry points of the head's frame, metres, as they are before the head turns; fast in any order.

    Raises:
        ValueError: a point is not finite.
    """
    order = _by_cell(points)
    ordered = np.ascontiguousarray(points[order], dtype=np.float64)
    carried = _carried(carrier, ordered, threads)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return CarriedPoints(
        positions=carried.positions[back],
        height=carried.height[back],
        is_seen=carried.is_seen[back],
        facing=carried.facing[back],
        is_mouth=carried.is_mouth[back],
    )


def seen_from(
    carrier: Carrier, points: Float[np.ndarray, "N 3"], eye: Float[np.ndarray, "3"]
) -> Float[np.ndarray, " N"]:
    """Cosines between the smooth normals of the target's places nearest to points and the way to an eye; all in the
    head's frame, metres.
    """
    nearest = closest_points(carrier.field.index, points)
    normals = nearest.barycentrics[..., None] * carrier.smooth_normals[carrier.field.index.faces[nearest.face]]
    normal, way = normals.sum(axis=1), eye - points
    lengths = np.linalg.norm(normal, axis=1) * np.linalg.norm(way, axis=1)
    return np.asarray((normal * way).sum(axis=1) / np.maximum(lengths, 1e-12))


def target_surface(
    carrier: Carrier, T_cam_head: RigidTransform, camera: Camera, *, threads: int = 1
) -> Float32[np.ndarray, "N 3"]:
    """The place of the target's surface that each pixel of a camera shows, row by row, head's frame (metres); NaN where
    it shows none.
    """
    vertices = carrier.field.vertices
    if carrier.turn.any():
        vertices = bent(vertices, carrier.turn)
    seen = replace(carrier.source.head, vertices=T_cam_head.apply(vertices))
    raster = render_depth(seen, camera, threads=threads)
    depth = np.where(raster.face >= 0, raster.depth, np.float32(np.nan))
    rows, columns = np.indices(depth.shape)
    pixels = np.stack([columns, rows], axis=-1) + 0.5
    rays = (pixels - camera.centre_pixels) / camera.focal_pixels
    places = np.concatenate([rays * depth[..., None], depth[..., None]], axis=-1).reshape(-1, 3)
    return T_cam_head.inverse().apply(places).astype(np.float32)


def _carried(carrier: Carrier, points: Float[np.ndarray, "N 3"], threads: int) -> CarriedPoints:
    """The same, in this order."""
    field, source, count = carrier.field, carrier.source, len(points)
    nearest = _bound(carrier, points, threads)
    corners = field.index.faces[nearest.face]
    camera, T_cam_head = source.head.camera, source.head.T_cam_head
    size = np.array([camera.width, camera.height])
    positions, feet = np.empty((count, 2), np.float32), np.empty((count, 3))
    height, facing = np.empty(count, np.float32), np.empty(count, np.float32)
    kernel = partial(
        carry_points,
        points,
        (corners, nearest.face, nearest.barycentrics, nearest.distance),
        field.vertices,
        field.flow,
        field.turn,
        carrier.smooth_normals,
        source.head.vertices,
        source.normals,
        (np.ascontiguousarray(T_cam_head.rotation), np.ascontiguousarray(T_cam_head.translation)),
        np.concatenate([camera.focal_pixels / size, camera.centre_pixels / size]),
        FADE,
        NEAREST,
    )
    run_bands(lambda begin, end: kernel(begin, end, positions, height, facing, feet), count, threads)
    return CarriedPoints(
        positions=positions,
        height=np.where(_before_an_opening(carrier, points, nearest), nearest.distance, height),
        is_seen=visible_points(source.seen, nearest.face, feet),
        facing=facing,
        is_mouth=source.is_mouth[nearest.face],
    )


def _bound(carrier: Carrier, points: Float[np.ndarray, "N 3"], threads: int) -> ClosestPoints:
    """The place of the surface that each point goes with.

    The head is solid: between the skin and the eyeballs, teeth and mouth behind it there is no air, so points straight
    below the skin go with it, even if an inner part is nearer. So do points well behind the wall of the mouth, which a
    camera below the chin would see, and points in the air that see the back of that wall beside wide-open lips.
    """
    nearest = closest_points(carrier.field.index, points, threads=threads)
    face, weights, distance = nearest.face.copy(), nearest.barycentrics.copy(), nearest.distance.copy()
    inner = np.flatnonzero(~carrier.source.is_skin[face])
    on_skin = closest_points(carrier.skin, points[inner], threads=threads)
    skin_face = carrier.source.skin_faces[on_skin.face]
    outwards = _outwards(carrier, points[inner], skin_face, on_skin.barycentrics)
    own = _outwards(carrier, points[inner], face[inner], weights[inner])
    behind = (own < -np.maximum(_WALL, _STRAIGHT * distance[inner])) | ((own < 0.0) & (distance[inner] > 2 * _WALL))
    below = np.flatnonzero((outwards < -_STRAIGHT * on_skin.distance) | (behind & carrier.source.is_mouth[face[inner]]))
    face[inner[below]], weights[inner[below]] = skin_face[below], on_skin.barycentrics[below]
    distance[inner[below]] = on_skin.distance[below]
    return ClosestPoints(face=face, barycentrics=weights, distance=distance)


def _before_an_opening(
    carrier: Carrier, points: Float[np.ndarray, "N 3"], nearest: ClosestPoints
) -> Bool[np.ndarray, " N"]:
    """Which points lie beside the rim of mouth, eyes, neck or teeth, not straight above or below it: in the air."""
    chosen = np.flatnonzero(carrier.source.is_rim[nearest.face])
    outwards = _outwards(carrier, points[chosen], nearest.face[chosen], nearest.barycentrics[chosen])
    is_before = np.zeros(len(points), dtype=bool)
    is_before[chosen] = np.abs(outwards) < _STRAIGHT * nearest.distance[chosen]
    return is_before


def _outwards(
    carrier: Carrier,
    points: Float[np.ndarray, "N 3"],
    face: Int[np.ndarray, " N"],
    barycentrics: Float[np.ndarray, "N 3"],
) -> Float[np.ndarray, " N"]:
    """How far points lie along the normals of places of the target's surface, metres."""
    corners = carrier.field.vertices[carrier.field.index.faces[face]]
    offset = points - (barycentrics[..., None] * corners).sum(axis=1)
    return np.asarray((offset * carrier.normals[face]).sum(axis=1))


def _rim_faces(faces: Int[np.ndarray, "F 3"], is_skin: Bool[np.ndarray, " F"]) -> Bool[np.ndarray, " F"]:
    """Faces with an edge that no other face has, of the skin alone or of the inner parts alone."""
    is_rim = np.zeros(len(faces), dtype=bool)
    for chosen in (is_skin, ~is_skin):
        edges = np.sort(faces[chosen][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1).astype(np.int64)
        _, place, count = np.unique(edges[:, 0] << 32 | edges[:, 1], return_inverse=True, return_counts=True)
        is_rim[chosen] = (count[place].reshape(-1, 3) == 1).any(axis=1)
    return is_rim


def _by_cell(points: Float[np.ndarray, "N 3"]) -> Int[np.ndarray, " N"]:
    """The points' numbers, one small cube of space after the other."""
    if len(points) == 0:
        return np.empty(0, dtype=np.int64)
    cells = np.clip((points - points.min(axis=0)) / _CELL, 0.0, _CELLS - 1.0).astype(np.int64)
    return np.argsort((cells[:, 0] * _CELLS + cells[:, 1]) * _CELLS + cells[:, 2], kind="stable")
