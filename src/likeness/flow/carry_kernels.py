"""Compiled arithmetic of carried points, once their nearest places are known."""

from typing import no_type_check

import numpy as np
from numba import njit


# The kernel carries no annotations: compiled code takes its types from the arguments, and stays outside the type check.
@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def carry_points(
    points, nearest, target, flow, turn, normals, source, source_normals, pose, lens, fade, nearest_depth, begin, end,
    positions, height, facing, feet,
):  # fmt: skip
    """Fill rows begin to end of `positions` (0 to 1 across the picture), `height`, `facing` and `feet` (the places of
    the source's surface, camera frame).

    Args:
        nearest: corners [N 3] of each point's triangle, its number, weights of the corners, distance.
        target, flow, turn: of the surface field, in the head's frame; `turn` by triangle.
        source: vertices in the camera's frame; `source_normals` by vertex, any length.
        pose: rotation and translation from the head's frame to the camera's.
        lens: focal lengths, then centre, shares of the picture.
    """
    corners, faces, weights, distance = nearest
    rotation, translation = pose
    offset, moved, seen, foot = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for n in range(begin, end):
        face = faces[n]
        fading = np.exp(-((distance[n] / fade) ** 2))
        outwards = 0.0
        for axis in range(3):
            place = normal = 0.0
            foot[axis] = 0.0
            for corner in range(3):
                place += weights[n, corner] * target[corners[n, corner], axis]
                foot[axis] += weights[n, corner] * source[corners[n, corner], axis]
                normal += weights[n, corner] * normals[corners[n, corner], axis]
            offset[axis] = points[n, axis] - place
            outwards += offset[axis] * normal
        for axis in range(3):
            change = 0.0
            for corner in range(3):
                change += (
                    weights[n, corner] * flow[corners[n, corner], axis] + turn[face, axis, corner] * offset[corner]
                )
            moved[axis] = points[n, axis] + fading * change
        ahead = across = along = 0.0
        for axis in range(3):
            seen[axis] = translation[axis]
            for other in range(3):
                seen[axis] += rotation[axis, other] * moved[other]
            normal = 0.0
            for corner in range(3):
                normal += weights[n, corner] * source_normals[corners[n, corner], axis]
            ahead -= normal * foot[axis]
            across += normal**2
            along += foot[axis] ** 2
            feet[n, axis] = foot[axis]
        depth = max(seen[2], nearest_depth)
        positions[n, 0] = seen[0] / depth * lens[0] + lens[2]
        positions[n, 1] = seen[1] / depth * lens[1] + lens[3]
        height[n] = -distance[n] if outwards < 0.0 else distance[n]
        facing[n] = ahead / max(np.sqrt(across * along), 1e-12)
