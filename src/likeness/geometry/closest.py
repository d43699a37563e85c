"""Exact closest points on a triangle mesh: a bounding-volume tree walked by packets of points (Ericson 2004, 5.1.5).

The tree is a complete binary tree over a median split of the triangles. Its shape depends on the topology alone: it is
built once, and only its boxes and triangle constants follow when the vertices move.
"""

from dataclasses import dataclass, replace
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int32
from numba import njit

from likeness.geometry.bands import run_bands

_LEAF_SIZE = 8  # triangles per leaf at most
_LANES = 16  # points per packet, tested side by side
_BLOCK = 64  # packets per block; each block starts afresh, so the result does not depend on the threads
_SLIVER = 1e-10  # squared sine of a corner below which a triangle counts as its three edges
_POINT = 1e-30  # squared length below which an edge counts as a point

# Columns of the triangle table, in tree order. ab and ac are edges from the corner a; `dual` vectors give the weights
# of b and c of a point projected into the plane; `limit` is 1, or -1 for a triangle without area.
_AB, _AC, _DUAL_B, _DUAL_C, _AB_AB, _AB_AC, _AC_AC = 3, 6, 9, 12, 15, 16, 17
_INVERSE_AB, _INVERSE_AC, _INVERSE_BC, _LIMIT, _COLUMNS = 18, 19, 20, 21, 22


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceIndex:
    """A mesh prepared for `closest_points`; `refit` moves it to other vertices of the same topology."""

    faces: Int32[np.ndarray, "F 3"]
    num_vertices: int
    order: Int32[np.ndarray, " F"]  # face ids, leaf by leaf
    leaf_starts: Int32[np.ndarray, " leaves_plus_one"]  # positions in `order`
    centre: Float64[np.ndarray, "3"]  # subtracted before the change to float32
    triangles: Float32[np.ndarray, "F 22"]  # constants per triangle, in `order`
    boxes: Float32[np.ndarray, "nodes 6"]  # lower and upper corner; node n has the children 2n and 2n + 1, root 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ClosestPoints:
    """The nearest surface point of each query.

    Distances are exact up to float32 rounding. Faces whose distances agree that closely may stand for each other, so
    that the point itself may slide along the surface by up to about 3e-4 of the distance.
    """

    face: Int32[np.ndarray, " N"]
    barycentrics: Float32[np.ndarray, "N 3"]  # weights of the face's corners, none negative, sum 1
    distance: Float32[np.ndarray, " N"]  # in the unit of the vertices


def build_surface_index(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> SurfaceIndex:
    """The tree of a mesh. Triangles without area are kept as the edges or the point that they are.

    Raises:
        ValueError: there are no faces, a face names a vertex that does not exist, or a vertex is not finite.
    """
    if len(faces) == 0:
        raise ValueError("a surface index needs at least one face, got 0")
    if int(faces.min()) < 0 or int(faces.max()) >= len(vertices):
        raise ValueError(f"faces must name vertices 0 to {len(vertices) - 1}, got {faces.min()} to {faces.max()}")
    order, leaf_starts = _median_split(vertices[faces].mean(axis=1))
    index = SurfaceIndex(
        faces=np.ascontiguousarray(faces, dtype=np.int32),
        num_vertices=len(vertices),
        order=order,
        leaf_starts=leaf_starts,
        centre=np.zeros(3),
        triangles=np.zeros((len(faces), _COLUMNS), dtype=np.float32),
        boxes=np.zeros((2 * (len(leaf_starts) - 1), 6), dtype=np.float32),
    )
    return refit(index, vertices)


def refit(index: SurfaceIndex, vertices: Float[np.ndarray, "V 3"]) -> SurfaceIndex:
    """The same tree around moved vertices; the given index stays as it is.

    Raises:
        ValueError: the number of vertices differs, or one is not finite.
    """
    if len(vertices) != index.num_vertices:
        raise ValueError(f"expected {index.num_vertices} vertices, got {len(vertices)}")
    if not np.isfinite(vertices).all():
        raise ValueError(f"vertices must be finite, got {int((~np.isfinite(vertices)).any(axis=1).sum())} that are not")
    centre = (vertices.min(axis=0) + vertices.max(axis=0)).astype(np.float64) / 2.0
    centred = np.ascontiguousarray(vertices - centre, dtype=np.float64)
    triangles, boxes = np.empty_like(index.triangles), np.empty_like(index.boxes)
    _fit_triangles(centred, index.faces, index.order, triangles)
    _fit_boxes(centred.astype(np.float32), index.faces, index.order, index.leaf_starts, boxes)
    return replace(index, centre=centre, triangles=triangles, boxes=boxes)


def closest_points(index: SurfaceIndex, points: Float[np.ndarray, "N 3"], *, threads: int = 1) -> ClosestPoints:
    """The nearest point of the surface for each point, exact up to float32 rounding.

    Fast when neighbours in the list are neighbours in space: 16 consecutive points walk the tree together.
    The result does not depend on `threads`.

    Raises:
        ValueError: a point is not finite.
    """
    if not np.isfinite(points).all():
        raise ValueError(f"points must be finite, got {int((~np.isfinite(points)).any(axis=1).sum())} that are not")
    count = len(points)
    queries = np.ascontiguousarray(points)
    face = np.empty(count, dtype=np.int32)
    barycentrics = np.empty((count, 3), dtype=np.float32)
    distance = np.empty(count, dtype=np.float32)

    def blocks(begin: int, end: int) -> None:
        _query_blocks(
            queries, index.centre, index.triangles, index.boxes, index.leaf_starts, index.order,
            begin, end, face, barycentrics, distance,
        )  # fmt: skip

    run_bands(blocks, -(-count // (_LANES * _BLOCK)), threads)
    return ClosestPoints(face=face, barycentrics=barycentrics, distance=distance)


def _median_split(
    centroids: Float[np.ndarray, "F 3"],
) -> tuple[Int32[np.ndarray, " F"], Int32[np.ndarray, " leaves_plus_one"]]:
    """Face ids leaf by leaf, halved along the longest side until no leaf holds more than `_LEAF_SIZE`."""
    groups = [np.arange(len(centroids))]
    while max(len(group) for group in groups) > _LEAF_SIZE:
        halves = []
        for group in groups:
            axis = int(np.argmax(np.ptp(centroids[group], axis=0)))
            ordered = group[np.argsort(centroids[group, axis], kind="stable")]
            halves += [ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]]
        groups = halves
    starts = np.cumsum([0, *(len(group) for group in groups)])
    return np.concatenate(groups).astype(np.int32), starts.astype(np.int32)


# The kernels carry no annotations: compiled code takes its types from the arguments, and stays outside the type check.
@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _fit_triangles(vertices, faces, order, triangles):
    """Constants of each triangle, computed in float64 and stored in float32."""
    for slot in range(order.shape[0]):
        row = triangles[slot]
        a, b, c = faces[order[slot], 0], faces[order[slot], 1], faces[order[slot], 2]
        ab_ab = ab_ac = ac_ac = 0.0
        for axis in range(3):
            ab, ac = vertices[b, axis] - vertices[a, axis], vertices[c, axis] - vertices[a, axis]
            row[axis], row[_AB + axis], row[_AC + axis] = vertices[a, axis], ab, ac
            ab_ab += ab * ab
            ab_ac += ab * ac
            ac_ac += ac * ac
        bc_bc = ab_ab + ac_ac - 2.0 * ab_ac
        determinant = ab_ab * ac_ac - ab_ac * ab_ac  # |ab|^2 |ac|^2 sin^2
        flat = determinant <= _SLIVER * ab_ab * ac_ac
        scale = 0.0 if flat else 1.0 / determinant
        for axis in range(3):
            ab, ac = vertices[b, axis] - vertices[a, axis], vertices[c, axis] - vertices[a, axis]
            row[_DUAL_B + axis] = (ab * ac_ac - ac * ab_ac) * scale
            row[_DUAL_C + axis] = (ac * ab_ab - ab * ab_ac) * scale
        row[_AB_AB], row[_AB_AC], row[_AC_AC] = ab_ab, ab_ac, ac_ac
        row[_INVERSE_AB] = 1.0 / ab_ab if ab_ab > _POINT else 0.0
        row[_INVERSE_AC] = 1.0 / ac_ac if ac_ac > _POINT else 0.0
        row[_INVERSE_BC] = 1.0 / bc_bc if bc_bc > _POINT else 0.0
        row[_LIMIT] = -1.0 if flat else 1.0


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _fit_boxes(vertices, faces, order, leaf_starts, boxes):
    """Boxes of the leaves from their triangles, then of each parent from its children."""
    leaves = leaf_starts.shape[0] - 1
    boxes[0] = 0.0  # unused
    for leaf in range(leaves):
        node = leaves + leaf
        boxes[node, :3] = np.inf
        boxes[node, 3:] = -np.inf
        for slot in range(leaf_starts[leaf], leaf_starts[leaf + 1]):
            for corner in range(3):
                vertex = faces[order[slot], corner]
                for axis in range(3):
                    boxes[node, axis] = min(boxes[node, axis], vertices[vertex, axis])
                    boxes[node, 3 + axis] = max(boxes[node, 3 + axis], vertices[vertex, axis])
    for node in range(leaves - 1, 0, -1):
        for axis in range(3):
            boxes[node, axis] = min(boxes[2 * node, axis], boxes[2 * node + 1, axis])
            boxes[node, 3 + axis] = max(boxes[2 * node, 3 + axis], boxes[2 * node + 1, 3 + axis])


_FAST = {"contract", "nsz", "nnan", "ninf", "arcp"}  # the points and the vertices were checked to be finite


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
@no_type_check
def _test_triangle(triangles, slot, px, py, pz, best, best_slot, best_b, best_c):
    """Keep this triangle in every lane where it is nearer than the best so far."""
    row = triangles[slot]
    ax, ay, az = row[0], row[1], row[2]
    ab_x, ab_y, ab_z, ac_x, ac_y, ac_z = row[3], row[4], row[5], row[6], row[7], row[8]
    db_x, db_y, db_z, dc_x, dc_y, dc_z = row[9], row[10], row[11], row[12], row[13], row[14]
    ab_ab, ab_ac, ac_ac = row[_AB_AB], row[_AB_AC], row[_AC_AC]
    inverse_ab, inverse_ac, inverse_bc, limit = row[_INVERSE_AB], row[_INVERSE_AC], row[_INVERSE_BC], row[_LIMIT]
    zero, one, two = np.float32(0.0), np.float32(1.0), np.float32(2.0)
    for lane in range(_LANES):
        x, y, z = px[lane] - ax, py[lane] - ay, pz[lane] - az
        along_ab = ab_x * x + ab_y * y + ab_z * z
        along_ac = ac_x * x + ac_y * y + ac_z * z
        # nearest points on the three edges, compared by squared distance minus |point - a|^2
        s = min(max(along_ab * inverse_ab, zero), one)
        on_ab = s * (s * ab_ab - two * along_ab)
        t = min(max(along_ac * inverse_ac, zero), one)
        on_ac = t * (t * ac_ac - two * along_ac)
        c_bc = min(max((along_ac - along_ab + ab_ab - ab_ac) * inverse_bc, zero), one)
        b_bc = one - c_bc
        on_bc = (
            b_bc * (b_bc * ab_ab - two * along_ab) + c_bc * (c_bc * ac_ac - two * along_ac) + two * b_bc * c_bc * ab_ac
        )
        is_ac = on_ac < on_ab
        is_bc = on_bc < min(on_ab, on_ac)
        edge_b = b_bc if is_bc else zero if is_ac else s
        edge_c = c_bc if is_bc else t if is_ac else zero
        b = db_x * x + db_y * y + db_z * z
        c = dc_x * x + dc_y * y + dc_z * z
        inside = (b >= zero) & (c >= zero) & (b + c <= limit)
        b = b if inside else edge_b
        c = c if inside else edge_c
        dx, dy, dz = x - b * ab_x - c * ac_x, y - b * ab_y - c * ac_y, z - b * ab_z - c * ac_z
        squared = dx * dx + dy * dy + dz * dz
        nearer = squared < best[lane]
        best[lane] = squared if nearer else best[lane]
        best_slot[lane] = np.int32(slot) if nearer else best_slot[lane]
        best_b[lane] = b if nearer else best_b[lane]
        best_c[lane] = c if nearer else best_c[lane]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
@no_type_check
def _box_squared_distance(boxes, node, x, y, z):
    zero = np.float32(0.0)
    dx = max(max(boxes[node, 0] - x, x - boxes[node, 3]), zero)
    dy = max(max(boxes[node, 1] - y, y - boxes[node, 4]), zero)
    dz = max(max(boxes[node, 2] - z, z - boxes[node, 5]), zero)
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
@no_type_check
def _box_may_be_nearer(boxes, node, px, py, pz, best):
    """Whether the box is nearer than the best so far in any lane; exact, lane by lane."""
    lower_x, lower_y, lower_z = boxes[node, 0], boxes[node, 1], boxes[node, 2]
    upper_x, upper_y, upper_z = boxes[node, 3], boxes[node, 4], boxes[node, 5]
    zero = np.float32(0.0)
    count = np.int32(0)
    for lane in range(_LANES):
        dx = max(max(lower_x - px[lane], px[lane] - upper_x), zero)
        dy = max(max(lower_y - py[lane], py[lane] - upper_y), zero)
        dz = max(max(lower_z - pz[lane], pz[lane] - upper_z), zero)
        count += np.int32(1) if dx * dx + dy * dy + dz * dz < best[lane] else np.int32(0)
    return count > 0


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
@no_type_check
def _query_packet(triangles, boxes, leaf_starts, stack, px, py, pz, best, best_slot, best_b, best_c):
    """Depth-first walk, the child nearer to the middle of the packet first; `best` already holds a bound."""
    leaves = leaf_starts.shape[0] - 1
    half = np.float32(0.5)
    x, y, z = (px[0] + px[-1]) * half, (py[0] + py[-1]) * half, (pz[0] + pz[-1]) * half
    stack[0] = 1
    size = 1
    while size > 0:
        size -= 1
        node = stack[size]
        if not _box_may_be_nearer(boxes, node, px, py, pz, best):
            continue
        if node >= leaves:
            for slot in range(leaf_starts[node - leaves], leaf_starts[node - leaves + 1]):
                _test_triangle(triangles, slot, px, py, pz, best, best_slot, best_b, best_c)
            continue
        first, second = 2 * node, 2 * node + 1
        if _box_squared_distance(boxes, second, x, y, z) < _box_squared_distance(boxes, first, x, y, z):
            first, second = second, first
        stack[size] = second
        stack[size + 1] = first
        size += 2


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
@no_type_check
def _query_blocks(
    points, centre, triangles, boxes, leaf_starts, order, block_begin, block_end, face, barycentrics, distance
):
    px, py, pz = np.empty(_LANES, np.float32), np.empty(_LANES, np.float32), np.empty(_LANES, np.float32)
    best, best_slot = np.empty(_LANES, np.float32), np.zeros(_LANES, np.int32)
    best_b, best_c = np.empty(_LANES, np.float32), np.empty(_LANES, np.float32)
    stack = np.empty(64, np.int32)
    count = points.shape[0]
    for block in range(block_begin, block_end):
        seed_first = seed_last = np.int32(0)
        for start in range(block * _BLOCK * _LANES, min((block + 1) * _BLOCK * _LANES, count), _LANES):
            for lane in range(_LANES):
                point = min(start + lane, count - 1)
                px[lane] = np.float32(points[point, 0] - centre[0])
                py[lane] = np.float32(points[point, 1] - centre[1])
                pz[lane] = np.float32(points[point, 2] - centre[2])
            best[:] = np.float32(1e38)
            _test_triangle(triangles, seed_first, px, py, pz, best, best_slot, best_b, best_c)
            if seed_last != seed_first:
                _test_triangle(triangles, seed_last, px, py, pz, best, best_slot, best_b, best_c)
            _query_packet(triangles, boxes, leaf_starts, stack, px, py, pz, best, best_slot, best_b, best_c)
            seed_first, seed_last = best_slot[0], best_slot[_LANES - 1]
            for lane in range(min(_LANES, count - start)):
                point = start + lane
                face[point] = order[best_slot[lane]]
                barycentrics[point, 0] = np.float32(1.0) - best_b[lane] - best_c[lane]
                barycentrics[point, 1] = best_b[lane]
                barycentrics[point, 2] = best_c[lane]
                distance[point] = np.sqrt(best[lane])
