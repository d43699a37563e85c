"""Smooth fields on a pixel grid: harmonic (Laplace) interpolation between known nodes."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Bool, Float
from scipy.sparse.linalg import SuperLU, splu

NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0))
OUTSIDE_PULL = 1.02  # diagonal growth of the damped solve: fields die out with distance


def _links(
    rows: np.ndarray, columns: np.ndarray, target: Bool[np.ndarray, "H W"], number: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For nodes given by row and column: (node, numbered neighbour) pairs inside `target`, and how many neighbours each
    node has inside the grid."""
    height, width = target.shape
    first, second = [], []
    inside_count = np.zeros(len(rows))
    for dy, dx in NEIGHBOURS:
        y, x = rows + dy, columns + dx
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        inside_count += inside
        y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        linked = inside & target[y, x]
        first.append(np.flatnonzero(linked))
        second.append(number[y[linked], x[linked]])
    return np.concatenate(first), np.concatenate(second), inside_count


@dataclass(frozen=True, kw_only=True, slots=True)
class HarmonicExtension:
    """Extends values on `known` nodes over `free` nodes so that each free node is the mean of its neighbours."""

    known: Bool[np.ndarray, "H W"]
    free: Bool[np.ndarray, "H W"]
    factors: SuperLU
    coupling: sparse.csr_matrix

    def __call__(self, values: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "H W C"]:
        """Field with the given values at the known nodes (row-major order) and zero outside known and free ones."""
        field = np.zeros((*self.known.shape, values.shape[1]))
        field[self.known] = values
        field[self.free] = self.at_free(values)
        return field

    def at_free(self, values: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "M C"]:
        """The field at the free nodes alone (row-major order)."""
        return np.asarray(self.factors.solve(self.coupling @ values))


def harmonic_extension(
    known: Bool[np.ndarray, "H W"], free: Bool[np.ndarray, "H W"], *, damped: bool
) -> HarmonicExtension:
    """Prepare a harmonic extension; `damped` counts neighbours outside both sets as zero and adds a slight decay."""
    rows, columns = np.nonzero(free)
    count = len(rows)
    number = np.full(known.shape, -1)
    number[free] = np.arange(count)
    known_number = np.full(known.shape, -1)
    known_number[known] = np.arange(int(known.sum()))
    node, other, inside = _links(rows, columns, free, number)
    rim_node, rim_other, _ = _links(rows, columns, known, known_number)
    if damped:
        diagonal = np.full(count, len(NEIGHBOURS) * OUTSIDE_PULL)
    else:
        diagonal = np.maximum(inside, 1.0)
    links = sparse.coo_matrix((np.ones(len(node)), (node, other)), shape=(count, count))
    coupling = sparse.coo_matrix((np.ones(len(rim_node)), (rim_node, rim_other)), shape=(count, int(known.sum())))
    return HarmonicExtension(
        known=known,
        free=free,
        factors=splu(
            (sparse.diags(diagonal) - links).tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
        ),
        coupling=coupling.tocsr(),
    )


def harmonic_fill(known: Bool[np.ndarray, "H W"], values: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Values at the known nodes, the smoothest membrane between them elsewhere."""
    if known.all():
        return values.astype(np.float64)
    extension = harmonic_extension(known, ~known, damped=False)
    return extension(values[known].astype(np.float64)[:, None])[..., 0]
