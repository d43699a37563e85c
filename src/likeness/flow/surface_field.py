"""Surface fields (FG-Portrait, equation 4): where a point near the target-posed head lies near the source-posed head.

A point is bound to the nearest triangle T of the target. *Plane* rule: p_src = sum_i b_i a_i + h n, with the
barycentric coordinates b of p projected on T's plane (not clamped) and its height h above it. *Frame* rule: the closest
point q on T goes along, and the offset p - q turns with T. *Local* rule: the plane rule, but only triangles within
3 cm along the mesh of the one that the pixel shows may be nearest, so that no point jumps from one lip to the other.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int32

from likeness.flow.field_kernels import FRAME, FRAME_COLUMNS, PLANE, PLANE_COLUMNS, field_blocks, fit_field
from likeness.flow.sampling import RaySamples
from likeness.geometry.bands import run_bands
from likeness.geometry.camera import Camera
from likeness.geometry.closest import SurfaceIndex, closest_points
from likeness.geometry.closest_kernels import LANES
from likeness.geometry.transform import RigidTransform

Rule = Literal["plane", "frame"]

LOCAL_REACH = 0.03  # metres along the mesh within which the local rule looks for the nearest triangle
_BLOCK = 8  # packets per block; each block starts afresh, so the result does not depend on the threads
_TILE = 4  # pixels: neighbours that are searched together
_NO_NEIGHBOURS = (
    np.empty((0, 3), np.float32),
    np.empty((0, 3), np.int32),
    np.zeros(1, np.int32),
    np.empty(0, np.int32),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceField:
    """The target's triangles, searchable, and the two rules as affine maps of each.

    Flow at p, with the flow f of the three corners: `f_0 + plane (p - a_0)` (plane rule), or `sum_i b_i f_i + turn
    (p - q)` (frame rule).
    """

    index: SurfaceIndex  # of the target
    vertices: Float64[np.ndarray, "V 3"]  # of the target, camera frame
    flow: Float64[np.ndarray, "V 3"]  # metres
    plane: Float64[np.ndarray, "F 3 3"]
    turn: Float64[np.ndarray, "F 3 3"]


def surface_field(
    index: SurfaceIndex,
    target_vertices: Float[np.ndarray, "V 3"],
    source_vertices: Float[np.ndarray, "V 3"],
    *,
    T_source_target: RigidTransform | None = None,
) -> SurfaceField:
    """The field from a target to a source of the same faces; `index` is that of the target's vertices.

    Flow is measured in the frame of `source_vertices`; `T_source_target` leads there if that is not the target's.
    A triangle without area carries points along without turning them.
    """
    target = np.ascontiguousarray(target_vertices, dtype=np.float64)
    source = np.ascontiguousarray(source_vertices, dtype=np.float64)
    shown = target if T_source_target is None else T_source_target.apply(target)
    rotation = np.eye(3) if T_source_target is None else np.ascontiguousarray(T_source_target.rotation)
    flow = source - shown
    plane, turn = np.empty((2, len(index.faces), 3, 3))
    fit_field(target, source, flow, rotation, index.faces, plane, turn)
    return SurfaceField(index=index, vertices=target, flow=flow, plane=plane, turn=turn)


def field_at(
    field: SurfaceField, points: Float[np.ndarray, "N 3"], *, rule: Rule, threads: int = 1
) -> Float[np.ndarray, "N 3"]:
    """Flow (metres) at any points of the target's camera frame."""
    nearest = closest_points(field.index, points, threads=threads)
    corners = field.index.faces[nearest.face]  # [N 3]
    if rule == "plane":
        offset = points - field.vertices[corners[:, 0]]
        return field.flow[corners[:, 0]] + np.einsum("nxy,ny->nx", field.plane[nearest.face], offset)
    weights = nearest.barycentrics
    offset = points - np.einsum("nk,nkx->nx", weights, field.vertices[corners])
    carried = np.einsum("nk,nkx->nx", weights, field.flow[corners])
    return carried + np.einsum("nxy,ny->nx", field.turn[nearest.face], offset)


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldEncoding:
    """How a flow in metres becomes the numbers of a channel."""

    scale: float = 1.0  # metres of flow that become 1
    clip: float = np.inf  # largest absolute value
    fade: float = np.inf  # metres from the surface at which the flow has fallen to 1/e, as a Gaussian


def field_along_rays(
    field: SurfaceField,
    camera: Camera,
    samples: RaySamples,
    pixels: Bool[np.ndarray, "H W"],
    *,
    rule: Rule,
    out: Float32[np.ndarray, "channels H W"],
    encoding: FieldEncoding = FieldEncoding(),
    faces: Int32[np.ndarray, "H W"] | None = None,
    threads: int = 1,
) -> None:
    """Encoded flow of all samples of the chosen pixels, written into `out`: x, y, z of the nearest sample first.

    Exact: each sample finds its own nearest triangle. The result does not depend on `threads`.

    Args:
        faces: what each pixel shows; if given, only triangles within `LOCAL_REACH` along the mesh of it may be nearest.
    """
    index = field.index
    height, width = pixels.shape
    order = _tile_order(height, width)
    order = order[pixels.ravel()[order]]
    slot_of_face = np.empty(len(index.faces), dtype=np.int32)
    slot_of_face[index.order] = np.arange(len(index.order), dtype=np.int32)
    if faces is None:
        starts = np.append(np.arange(0, len(order), LANES), len(order)).astype(np.int32)
        slots = np.full(len(starts) - 1, -1, dtype=np.int32)
    else:
        slot = slot_of_face[faces.ravel()[order]]
        by_slot = np.argsort(slot, kind="stable")
        order, slot = order[by_slot], slot[by_slot]
        group_starts = np.append(np.flatnonzero(np.diff(slot, prepend=-1)), len(order))
        groups = zip(group_starts[:-1], group_starts[1:], strict=True)
        starts = np.concatenate([*(np.arange(a, b, LANES) for a, b in groups), [len(order)]]).astype(np.int32)
        slots = slot[starts[:-1]]
    focal, centre = camera.focal_pixels, camera.centre_pixels
    first, step = np.ascontiguousarray(samples.first).ravel(), np.ascontiguousarray(samples.step).ravel()
    rays = (first, step, 1.0 / focal[0], 1.0 / focal[1], centre[0], centre[1], width)
    fading = np.float32(1.0 / encoding.fade**2)
    factors = (np.float32(1.0 / encoding.scale), np.float32(min(encoding.clip, 1e30)), fading)
    table = _table(field, rule)
    neighbours = _NO_NEIGHBOURS if faces is None else _neighbours(field, slot_of_face)
    flat = out.reshape(len(out), -1)
    pixel_size = float(np.median(samples.first.ravel()[order])) / float(focal[0]) if len(order) else 0.0
    longest = float(step[order].max(initial=0.0))
    plan = (LANES * longest < 2 * _TILE * pixel_size, longest < _TILE * pixel_size)
    number = FRAME if rule == "frame" else PLANE

    def blocks(begin: int, end: int) -> None:
        field_blocks(
            order, starts, slots, plan, rays, index.centre, index.tree, np.float32(index.tolerance), table, number,
            factors, neighbours, np.float32(LOCAL_REACH), _BLOCK, begin, end, flat,
        )  # fmt: skip

    run_bands(blocks, -(-len(slots) // _BLOCK), threads)


def _table(field: SurfaceField, rule: Rule) -> Float32[np.ndarray, "F columns"]:
    """The numbers of a rule, triangle by triangle, in the order of the tree."""
    order = field.index.order
    flow = field.flow[field.index.faces[order]]  # [F 3 3]
    maps = field.plane if rule == "plane" else field.turn
    table = np.empty((len(order), PLANE_COLUMNS if rule == "plane" else FRAME_COLUMNS), dtype=np.float32)
    table[:, :3] = flow[:, 0]
    table[:, -9:] = maps[order].reshape(-1, 9)
    if rule == "frame":
        table[:, 3:6], table[:, 6:9] = flow[:, 1] - flow[:, 0], flow[:, 2] - flow[:, 0]
    return table


def _neighbours(
    field: SurfaceField, slot_of_face: Int32[np.ndarray, " F"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, corners of each slot, and the slots around each vertex: where they start, and their numbers."""
    index = field.index
    corners = index.faces.ravel()
    by_vertex = np.argsort(corners, kind="stable")
    starts = np.zeros(index.num_vertices + 1, dtype=np.int32)
    np.cumsum(np.bincount(corners, minlength=index.num_vertices), out=starts[1:])
    return field.vertices.astype(np.float32), index.faces[index.order], starts, slot_of_face[by_vertex // 3]


def _tile_order(height: int, width: int) -> Int32[np.ndarray, " pixels"]:
    """Flat pixel numbers, small square tiles one after the other."""
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    numbers = np.full((rows * _TILE, columns * _TILE), -1, dtype=np.int32)
    numbers[:height, :width] = np.arange(height * width, dtype=np.int32).reshape(height, width)
    order = numbers.reshape(rows, _TILE, columns, _TILE).transpose(0, 2, 1, 3).ravel()
    return order[order >= 0]
