"""Exact closest points on a triangle mesh: a bounding-volume tree walked by packets of points (Ericson 2004, 5.1.5).

The tree is a complete binary tree over a median split of the triangles. Its shape depends on the topology alone: it is
built once, and only its boxes and triangle constants follow when the vertices move.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int32

from likeness.geometry.bands import run_bands
from likeness.geometry.closest_kernels import (
    COLUMNS,
    LANES,
    WIDE,
    fit_boxes,
    fit_triangles,
    query_blocks,
)

_BLOCK = 64 * LANES  # points per block; each block starts afresh, so the result does not depend on the threads
_MOST_FACES = 1 << 24  # the search keeps their numbers in float32
_TOLERANCE = 2.5e-7  # of the mesh's size: what the rounding of float32 may do to a distance


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceIndex:
    """A mesh prepared for `closest_points`; `refit` moves it to other vertices of the same topology."""

    faces: Int32[np.ndarray, "F 3"]
    num_vertices: int
    order: Int32[np.ndarray, " F"]  # face ids, leaf by leaf
    leaf_starts: Int32[np.ndarray, " leaves_plus_one"]  # positions in `order`
    centre: Float64[np.ndarray, "3"]  # subtracted before the change to float32
    triangles: Float32[np.ndarray, "F 25"]  # constants per triangle, in `order`
    boxes: Float32[np.ndarray, "leaves 48"]  # of what lies below each inner node, axis by axis; the root is node 1
    corners: Float32[np.ndarray, "leaves 72"]  # of the triangles of each leaf, axis by axis
    tolerance: float  # distances that differ by less count as equal

    @property
    def tree(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What the compiled search walks through."""
        return self.triangles, self.boxes, self.corners, self.leaf_starts


@dataclass(frozen=True, kw_only=True, slots=True)
class ClosestPoints:
    """The nearest surface point of each query.

    Distances are exact up to float32 rounding. Of several faces that agree so closely (those around an edge or a corner
    that is nearest) the one whose plane is farthest counts: its normal is the most parallel to the offset. Distances
    that agree by chance may let the point slide along the surface by a few thousandths of the distance.
    """

    face: Int32[np.ndarray, " N"]
    barycentrics: Float32[np.ndarray, "N 3"]  # weights of the face's corners, none negative, sum 1
    distance: Float32[np.ndarray, " N"]  # in the unit of the vertices


def build_surface_index(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> SurfaceIndex:
    """The tree of a mesh. Triangles without area are kept as the edges or the point that they are.

    Raises:
        ValueError: there are no faces, a face names a vertex that does not exist, or a vertex is not finite.
    """
    if not 0 < len(faces) <= _MOST_FACES:
        raise ValueError(f"a surface index needs at least one face and at most {_MOST_FACES}, got {len(faces)}")
    if int(faces.min()) < 0 or int(faces.max()) >= len(vertices):
        raise ValueError(f"faces must name vertices 0 to {len(vertices) - 1}, got {faces.min()} to {faces.max()}")
    order, leaf_starts = _median_split(vertices[faces].mean(axis=1))
    leaves = len(leaf_starts) - 1
    index = SurfaceIndex(
        faces=np.ascontiguousarray(faces, dtype=np.int32),
        num_vertices=len(vertices),
        order=order,
        leaf_starts=leaf_starts,
        centre=np.zeros(3),
        triangles=np.zeros((len(faces), COLUMNS), dtype=np.float32),
        boxes=np.zeros((leaves, 6 * WIDE), dtype=np.float32),
        corners=np.zeros((leaves, 9 * WIDE), dtype=np.float32),
        tolerance=0.0,
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
    corners = np.empty_like(index.corners)
    fit_triangles(centred, index.faces, index.order, triangles)
    fit_boxes(centred.astype(np.float32), index.faces, index.order, index.leaf_starts, boxes, corners)
    tolerance = _TOLERANCE * float(np.linalg.norm(np.ptp(centred, axis=0)))
    return replace(index, centre=centre, triangles=triangles, boxes=boxes, corners=corners, tolerance=tolerance)


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
        query_blocks(
            queries, index.centre, index.tree, index.order,
            np.float32(index.tolerance), _BLOCK, begin, end, face, barycentrics, distance,
        )  # fmt: skip

    run_bands(blocks, -(-count // _BLOCK), threads)
    return ClosestPoints(face=face, barycentrics=barycentrics, distance=distance)


def _median_split(
    centroids: Float[np.ndarray, "F 3"],
) -> tuple[Int32[np.ndarray, " F"], Int32[np.ndarray, " leaves_plus_one"]]:
    """Face ids leaf by leaf, halved along the longest side until no leaf holds more than `WIDE`."""
    order, starts = np.arange(len(centroids)), np.array([0, len(centroids)])
    while (sizes := np.diff(starts)).max() > WIDE:
        ordered, groups = centroids[order], np.repeat(np.arange(len(sizes)), sizes)
        sides = np.maximum.reduceat(ordered, starts[:-1]) - np.minimum.reduceat(ordered, starts[:-1])
        along = ordered[np.arange(len(order)), sides.argmax(axis=1)[groups]]
        order = order[np.lexsort((along, groups))]
        starts = np.concatenate([np.stack([starts[:-1], starts[:-1] + sizes // 2], axis=1).ravel(), starts[-1:]])
    return order.astype(np.int32), starts.astype(np.int32)
