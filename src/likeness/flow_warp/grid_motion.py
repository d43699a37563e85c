"""Where the nodes of the surroundings go in one frame: with the head, with the body, and with the expression near the
face.
"""

import numpy as np
from jaxtyping import Float, Float32, Int
from numba import njit

from likeness.face_rig.rig import CENTIMETRE
from likeness.flow_warp.surroundings import Surroundings
from likeness.geometry.camera import Camera
from likeness.geometry.transform import RigidTransform

FACE_PUSH = 6.0 * CENTIMETRE  # nodes under the face step back so that hair in front of them wins


def moved_pixels(
    grid: Surroundings,
    camera: Camera,
    *,
    T_cam_head: RigidTransform,
    body_shift: Float[np.ndarray, "2"],
    expression_shift: Float[np.ndarray, "468 2"],
    face_triangles: Int[np.ndarray, "F 3"],
    body_depth: float,
) -> Float32[np.ndarray, "N 3"]:
    """Target pixel and depth of each node.

    `body_shift` (pixels) is what the neck's base moves; `expression_shift` (pixels) is what the expression adds to the
    rigid motion of each face vertex.
    """
    corners = face_triangles[grid.face_triangle]
    on_face = np.einsum("kc,kcx->kx", grid.face_barycentrics, expression_shift[corners])
    moved = np.empty((len(grid.pixels), 3), np.float32)
    _move_nodes(
        grid.points_head,
        grid.pixels,
        grid.head_share,
        grid.body_share,
        grid.under_face,
        T_cam_head.rotation,
        T_cam_head.translation,
        camera.focal_pixels,
        camera.centre_pixels,
        body_shift,
        body_depth,
        moved,
    )
    known, free = grid.expression.known.ravel(), grid.expression.free.ravel()
    moved[known, :2] += on_face.astype(np.float32)
    moved[free, :2] += grid.expression.at_free(on_face).astype(np.float32)
    return moved


@njit(cache=True, nogil=True, error_model="numpy")
def _move_nodes(
    points, pixels, head_share, body_share, under_face, rotation, translation, focal, centre, shift, body_depth, moved
):
    """Rigid motion of the head and shift of the body, mixed by the shares; `moved` (N 3): pixel and depth."""
    for n in range(points.shape[0]):
        share, rest = head_share[n], 1.0 - head_share[n]
        x = rest * (pixels[n, 0] + body_share[n] * shift[0])
        y = rest * (pixels[n, 1] + body_share[n] * shift[1])
        depth = rest * body_depth
        if share > 0.0:
            p, q, r = points[n, 0], points[n, 1], points[n, 2]
            z = rotation[2, 0] * p + rotation[2, 1] * q + rotation[2, 2] * r + translation[2]
            u = rotation[0, 0] * p + rotation[0, 1] * q + rotation[0, 2] * r + translation[0]
            v = rotation[1, 0] * p + rotation[1, 1] * q + rotation[1, 2] * r + translation[1]
            x += share * (u / z * focal[0] + centre[0])
            y += share * (v / z * focal[1] + centre[1])
            depth += share * z
        moved[n, 0], moved[n, 1] = x, y
        moved[n, 2] = depth + FACE_PUSH if under_face[n] else depth
