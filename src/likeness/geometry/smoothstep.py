"""The smooth step: a threshold without a corner."""

import numpy as np
from jaxtyping import Float


def smoothstep(value: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """0 below 0, 1 above 1, with flat ends."""
    clipped = np.clip(value, 0.0, 1.0)
    return np.asarray(clipped * clipped * (3.0 - 2.0 * clipped))
