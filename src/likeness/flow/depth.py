"""What a camera sees of a posed head: the nearest surface at each pixel, and which of its points are not hidden."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from likeness.flow.posed import NEAREST, PosedHead
from likeness.geometry.camera import Camera
from likeness.geometry.mesh import face_normals
from likeness.geometry.raster import Raster, rasterise

VISIBLE_WITHIN = 0.005  # metres behind the nearest surface at which a point still counts as seen
SMALLEST_VIEW = 256  # pixels per side: a coarser picture could not tell lips, lids and nostrils apart


def render_depth(head: PosedHead, camera: Camera, *, threads: int = 1) -> Raster:
    """Depth (z, metres) and face at each pixel; the whole mesh with neck and eyeballs, from both sides of its faces.

    Eyeballs, teeth and mouth count as a little further away than they are: they show through openings, never through
    the skin. Their depth is the true one all the same.
    """
    raster = rasterise(
        camera.project(head.vertices),
        head.vertices[:, 2] + head.inside,
        head.faces,
        width=camera.width,
        height=camera.height,
        threads=threads,
    )
    shift = np.where(raster.face >= 0, head.inside[head.faces[:, 0]][raster.face], 0.0)
    return replace(raster, depth=(raster.depth - shift).astype(np.float32))


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenSurface:
    """What a head's camera sees of it, prepared for asking which points are hidden."""

    camera: Camera  # at the resolution of `in_front`
    in_front: Int[np.ndarray, "H W"]  # face, or -1
    planes: Float32[np.ndarray, "F 6"]  # unnormalised normal, level, least and largest depth of each face
    push: Float32[np.ndarray, " F"]  # metres by which a face counts as further away


def seen_surface(head: PosedHead, *, resolution: int, threads: int = 1) -> SeenSurface:
    """The head as its camera sees it, with at least `resolution` pixels a side."""
    size = max(resolution, SMALLEST_VIEW)
    camera = head.camera.resized(size, size)
    normals, corners = face_normals(head.vertices, head.faces), head.vertices[head.faces]
    level = np.einsum("fx,fx->f", normals, corners[:, 0])  # negative: the face is turned to the camera
    planes = np.column_stack([normals, level, corners[..., 2].min(axis=1), corners[..., 2].max(axis=1)])
    return SeenSurface(
        camera=camera,
        in_front=render_depth(head, camera, threads=threads).face,
        planes=planes.astype(np.float32),
        push=head.inside[head.faces[:, 0]].astype(np.float32),
    )


def visible_points(
    surface: SeenSurface, face: Int[np.ndarray, " N"], points: Float[np.ndarray, "N 3"]
) -> Bool[np.ndarray, " N"]:
    """Which points on the given faces of a head its camera sees: in the picture, facing it, nothing in front.

    A point is compared with the plane of the face that the camera sees at the nearest pixel, not with the depth of
    that pixel's centre: on a cheek that turns away, they differ by millimetres. 5 mm behind it are still seen, but
    not of eyeballs, teeth and mouth behind the skin.
    """
    camera, push = surface.camera, surface.push
    depth = np.maximum(points[:, 2], NEAREST)
    ray_x, ray_y = points[:, 0] / depth, points[:, 1] / depth
    column = (ray_x * camera.focal_pixels[0] + camera.centre_pixels[0]).astype(np.float32)
    row = (ray_y * camera.focal_pixels[1] + camera.centre_pixels[1]).astype(np.float32)
    inside = (points[:, 2] >= NEAREST) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    in_front = surface.in_front[np.where(inside, row, 0).astype(np.int32), np.where(inside, column, 0).astype(np.int32)]
    x, y, z, offset, low, high = surface.planes[in_front].T
    toward = x * ray_x + y * ray_y + z
    seen = np.clip(offset / np.where(toward == 0.0, np.float32(1e-30), toward), low, high)
    allowed = np.where((push[face] > 0.0) & (push[in_front] == 0.0), 0.0, VISIBLE_WITHIN)
    is_free = (in_front < 0) | (points[:, 2] + push[face] <= seen + push[in_front] + allowed)
    return inside & (surface.planes[face, 3] < 0.0) & is_free
