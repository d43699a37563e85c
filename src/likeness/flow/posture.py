"""How shoulders stay while the head turns: space is twisted about the neck, not at all at the head, and below the
collar by as much as the head has turned.
"""

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.geometry.smoothstep import smoothstep

PIVOT = np.array([0.0, -0.035, -0.045])  # metres, head frame: what the head turns about
BEGINS, ENDS = 0.085, 0.175  # metres below the head frame's origin between which the neck gives way
TILT = 0.35  # and by how much of a point's depth before the pivot it begins lower: chins turn with the head
_ROUNDS = 25  # of the search for where a point comes to lie


def body_share(points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " N"]:
    """How far points of the head's frame (metres) belong to the body: 0 at the head, 1 below the collar."""
    below = -points[:, 1] - TILT * (points[:, 2] - PIVOT[2])
    return smoothstep((below - BEGINS) / (ENDS - BEGINS))


def straightened(points: Float[np.ndarray, "N 3"], turn: Float[np.ndarray, "3"]) -> Float[np.ndarray, "N 3"]:
    """Points of the turned head's frame (metres) to where they were before it turned and the body stayed."""
    return _twisted(points, body_share(points), turn)


def bent(points: Float[np.ndarray, "N 3"], turn: Float[np.ndarray, "3"]) -> Float[np.ndarray, "N 3"]:
    """The inverse of `straightened`, as far as it has one (tested to 34 degrees of yaw, 17 of pitch)."""
    found = points
    for _ in range(_ROUNDS):
        found = _twisted(points, body_share(found), -turn)
    return found


def _twisted(
    points: Float[np.ndarray, "N 3"], share: Float[np.ndarray, " N"], turn: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "N 3"]:
    """Points turned about the pivot, each by its share."""
    out = points.copy()
    moved = np.flatnonzero(share)
    rotations = matrix_from_axis_angle(share[moved, None] * turn)
    out[moved] = np.einsum("nij,nj->ni", rotations, points[moved] - PIVOT) + PIVOT
    return out
