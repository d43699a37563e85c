"""Mesh helpers: normals, edges, boundary loops, a graph Laplacian and the solves built on it, the mirror map."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Bool, Float, Int
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

_SHORTEST_EDGE = 1e-3  # of the median length; shorter edges weigh no more than one of this length


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphLaplacian:
    """`degree` on the diagonal, minus the weight 1 / length beside it for every edge; the rows sum to zero."""

    matrix: sparse.csr_matrix  # [V V], 1 / metres
    degree: Float[np.ndarray, " V"]  # sum of the weights at each vertex; zero where no edge ends


def face_normals(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Float[np.ndarray, "F 3"]:
    """Outward normals of counter-clockwise faces, as long as twice the area."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    return np.cross(b - a, c - a)


def vertex_normals(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Float[np.ndarray, "V 3"]:
    """Outward unit normals, weighted by area; zero for a vertex without a face that has area."""
    corners = faces.ravel()
    weights = np.repeat(face_normals(vertices, faces), 3, axis=0)
    total = np.stack([np.bincount(corners, weights[:, axis], len(vertices)) for axis in range(3)], axis=-1)
    length = np.linalg.norm(total, axis=-1, keepdims=True)
    return np.divide(total, length, out=np.zeros_like(total), where=length > 0.0)


def unique_edges(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "N 2"]:
    """Undirected edges, each once, as (smaller, larger) vertex, in ascending order."""
    directed = _directed_edges(faces)
    return np.unique(np.sort(directed[directed[:, 0] != directed[:, 1]], axis=1), axis=0)


def orient_alike(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "F 3"]:
    """The faces, turned so that neighbours agree across every shared edge, starting from the first face of each
    connected piece.

    Raises:
        ValueError: no turning makes all neighbours agree (a one-sided surface, or an edge of three faces).
    """
    owners: dict[tuple[int, int], list[int]] = {}
    for number, face in enumerate(faces.tolist()):
        for corner in range(3):
            edge = (face[corner], face[(corner + 1) % 3])
            owners.setdefault((min(edge), max(edge)), []).append(number)
    result = faces.copy()
    seen = np.zeros(len(faces), dtype=bool)
    for seed in range(len(faces)):
        queue = [] if seen[seed] else [seed]
        seen[seed] = True
        while queue:
            number = queue.pop()
            face = result[number].tolist()
            for corner in range(3):
                first, second = face[corner], face[(corner + 1) % 3]
                for other in owners[(min(first, second), max(first, second))]:
                    if other == number:
                        continue
                    rolled = result[other].tolist()
                    agrees = (second, first) in zip(rolled, rolled[1:] + rolled[:1], strict=True)
                    if not agrees and seen[other]:
                        raise ValueError(f"faces {number} and {other} cannot be oriented alike")
                    if not seen[other]:
                        seen[other] = True
                        if not agrees:
                            result[other] = result[other][[0, 2, 1]]
                        queue.append(other)
    return result


def boundary_loops(faces: Int[np.ndarray, "F 3"]) -> tuple[Int[np.ndarray, " N"], ...]:
    """Closed loops of vertices around the holes, longest first, each in the direction of its faces.

    Seen from outside, the surface lies to the left of the walk. Where two loops touch, they may be joined.

    Raises:
        ValueError: neighbouring faces have opposite orientation, so the boundary does not close.
    """
    directed = {(int(a), int(b)) for a, b in _directed_edges(faces) if a != b}
    following: dict[int, list[int]] = {}
    for a, b in sorted(directed):
        if (b, a) not in directed:
            following.setdefault(a, []).append(b)
    loops = []
    for first in sorted(following):
        while following[first]:
            loop = [first]
            vertex = following[first].pop()
            while vertex != first:
                loop.append(vertex)
                if not following.get(vertex):
                    raise ValueError(f"the boundary ends at vertex {vertex}: orient all faces alike")
                vertex = following[vertex].pop()
            loops.append(np.array(loop))
    return tuple(sorted(loops, key=len, reverse=True))


def graph_laplacian(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> GraphLaplacian:
    """Laplacian of the edge graph with weights 1 / length (no cotangents: open and poor triangles are harmless)."""
    edges = unique_edges(faces)
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=-1)
    shortest = _SHORTEST_EDGE * float(np.median(length)) if len(length) else 0.0
    weight = 1.0 / np.maximum(length, max(shortest, 1e-12))
    size = len(vertices)
    one_way = sparse.csr_matrix((weight, (edges[:, 0], edges[:, 1])), shape=(size, size))
    adjacency = one_way + one_way.T
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    return GraphLaplacian(matrix=(sparse.diags(degree) - adjacency).tocsr(), degree=degree)


def bilaplacian_interpolate(
    laplacian: GraphLaplacian,
    handles: Mapping[int, Float[np.ndarray, "3"] | tuple[float, float, float]],
    fixed: Int[np.ndarray, " K"] | list[int],
) -> Float[np.ndarray, "V 3"]:
    """The smooth displacement field that meets `handles` (vertex: displacement) and is zero at `fixed` vertices.

    It minimises x^T L^T D^-1 L x. A vertex in both keeps its handle. Vertices with no path to a constrained one do
    not move.

    Raises:
        ValueError: there is no handle, or a vertex does not exist.
    """
    size = len(laplacian.degree)
    if not handles:
        raise ValueError("expected at least one handle, got none")
    constrained = np.array(sorted({*handles, *(int(vertex) for vertex in fixed)}))
    if constrained[0] < 0 or constrained[-1] >= size:
        raise ValueError(
            f"handles and fixed must name vertices 0 to {size - 1}, got {constrained[0]} to {constrained[-1]}"
        )
    field = np.zeros((size, 3))
    for vertex, displacement in handles.items():
        field[vertex] = displacement
    known = np.zeros(size, dtype=bool)
    known[constrained] = True
    inverse_degree = np.divide(1.0, laplacian.degree, out=np.zeros(size), where=laplacian.degree > 0.0)
    operator = laplacian.matrix.T @ sparse.diags(inverse_degree) @ laplacian.matrix
    return _solve_unknown(operator.tocsr(), field, known, _reachable(laplacian, known))


def harmonic_fill(
    laplacian: GraphLaplacian, values: Float[np.ndarray, "V C"], known: Bool[np.ndarray, " V"]
) -> Float[np.ndarray, "V C"]:
    """`values` where `known`; elsewhere each vertex is the weighted mean of its neighbours.

    What `values` holds at unknown vertices is ignored (it may be NaN). Vertices with no path to a known one take the
    mean of the known values.

    Raises:
        ValueError: no vertex is known.
    """
    if not known.any():
        raise ValueError("expected at least one known vertex, got none")
    field = np.where(known[:, None], values, values[known].mean(axis=0))
    return _solve_unknown(laplacian.matrix, field, known, _reachable(laplacian, known))


def mirror_map(vertices: Float[np.ndarray, "V 3"]) -> Int[np.ndarray, " V"]:
    """For each vertex the one nearest to its mirror image (x to -x); vertices on the midline map to themselves.

    Raises:
        ValueError: the partners are not one-to-one: the mesh is not symmetric, or has coinciding vertices.
    """
    _, partner = cKDTree(vertices).query(vertices * np.array([-1.0, 1.0, 1.0]))
    wrong = np.flatnonzero(partner[partner] != np.arange(len(vertices)))
    if len(wrong):
        raise ValueError(f"mirror partners are not one-to-one for {len(wrong)} vertices, the first is {wrong[0]}")
    return partner


def _directed_edges(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "N 2"]:
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def _reachable(laplacian: GraphLaplacian, known: Bool[np.ndarray, " V"]) -> Bool[np.ndarray, " V"]:
    """Vertices connected to a known one."""
    count, component = connected_components(laplacian.matrix, directed=False)
    return np.bincount(component[known], minlength=count)[component] > 0


def _solve_unknown(
    operator: sparse.csr_matrix,
    field: Float[np.ndarray, "V C"],
    known: Bool[np.ndarray, " V"],
    reachable: Bool[np.ndarray, " V"],
) -> Float[np.ndarray, "V C"]:
    """The field with operator @ field = 0 at reachable unknown vertices; all others stay as they are."""
    unknown = np.flatnonzero(reachable & ~known)
    if len(unknown) == 0:
        return field
    rows = operator[unknown]
    right = -(rows[:, known] @ field[known])
    solved = field.copy()
    solved[unknown] = splu(rows[:, unknown].tocsc(), permc_spec="MMD_AT_PLUS_A").solve(np.asarray(right))
    return solved
