"""Distances of landmarks: AKD on the 68 of iBUG as other work reports it, and ours, in percent, by region of the face.

Landmarks are `[... 478 3]` in pixels; NaN means that no face was found, and such frames are left out.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from likeness.evaluation.face_measures import eye_distance
from likeness.heads.embedding import FACE_MESH_OF_68
from likeness.heads.landmark_sets import (
    EYE_LEFT_RING,
    EYE_RIGHT_RING,
    IRIS_LEFT,
    IRIS_RIGHT,
    LIPS_INNER,
    LIPS_OUTER,
    OVAL,
)

AKD_SIDE = 256.0  # pixels: AKD is given on pictures of this size
_BROWS = tuple(FACE_MESH_OF_68[17:27])
_NOSE = tuple(FACE_MESH_OF_68[27:36])
REGIONS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "outline": OVAL,
        "brows": _BROWS,
        "eyes": (*EYE_RIGHT_RING, *EYE_LEFT_RING),
        "irises": (*IRIS_RIGHT, *IRIS_LEFT),
        "nose": _NOSE,
        "mouth": (*LIPS_OUTER, *LIPS_INNER),
    }
)


def keypoint_distance(
    made: Float[np.ndarray, "T L 3"], real: Float[np.ndarray, "T L 3"], *, width: int, height: int
) -> Float[np.ndarray, " T"]:
    """AKD of each frame: mean absolute difference of the 136 coordinates, pixels of a picture 256 on its longer side.

    The coordinates are compared one by one; the Euclidean distance of a landmark is larger by up to a factor of two.
    """
    chosen = list(FACE_MESH_OF_68)
    gap = np.abs(made[:, chosen, :2] - real[:, chosen, :2])
    return np.asarray(gap.mean(axis=(1, 2)) * AKD_SIDE / max(width, height))


def region_errors(
    made: Float[np.ndarray, "T L 3"], real: Float[np.ndarray, "T L 3"]
) -> dict[str, Float[np.ndarray, " T"]]:
    """Root mean square distance of each region's landmarks, in percent of the real face's outer-eye distance."""
    unit = eye_distance(real)
    squared = ((made - real)[..., :2] ** 2).sum(axis=-1)
    return {name: 100.0 * np.sqrt(squared[:, list(chosen)].mean(axis=1)) / unit for name, chosen in REGIONS.items()}
