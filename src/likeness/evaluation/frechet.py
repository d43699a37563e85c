"""The Fréchet distance of two sets of features, each taken for a normal distribution: FID (Heusel et al. 2017), FVD.

It falls with the size of the sets: only sets of one size compare, and the tables state theirs.
"""

import numpy as np
from jaxtyping import Float

LEAST_SAMPLES = 64  # pictures or sequences; fewer say nothing of a distribution


def frechet_distance(first: Float[np.ndarray, "N D"], second: Float[np.ndarray, "M D"]) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2), in float64; the root is taken in the span of the first set.

    Raises:
        ValueError: a set has fewer than two rows.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"a distribution needs two samples or more, got {len(first)} and {len(second)}")
    first, second = first.astype(np.float64), second.astype(np.float64)
    shift = first.mean(axis=0) - second.mean(axis=0)
    centred = [(each - each.mean(axis=0)) / np.sqrt(len(each) - 1) for each in (first, second)]
    # The singular values of A B^T, with C1 = A^T A and C2 = B^T B, are the roots of the eigenvalues of C1 C2.
    roots = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False)
    traces = sum(float((each**2).sum()) for each in centred)
    return float(shift @ shift + traces - 2.0 * roots.sum())
