"""3D flow between two posed heads: from a point of the target's surface back to the same surface point of the source.

Every flow here is a backward look-up, source minus target (FG-Portrait, equations 4 and 5), so each target point has a
value. Both heads are given in one frame, usually the camera's, so that the pose is part of the flow.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from likeness.geometry.camera import Camera
from likeness.geometry.closest import SurfaceIndex, closest_points
from likeness.geometry.raster import Raster


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceLookup:
    """Where each target pixel comes from in the source image. NaN where the target shows no surface."""

    pixels: Float[np.ndarray, "H W 2"]  # source pixel positions, centres at half integers; they may leave the image
    depth: Float[np.ndarray, "H W"]  # metres from the source camera; farther than the source's own depth: hidden there


def vertex_flow(
    target_vertices: Float[np.ndarray, "V 3"], source_vertices: Float[np.ndarray, "V 3"]
) -> Float[np.ndarray, "V 3"]:
    """Displacement (metres) of each vertex from the target-posed to the source-posed head.

    Raises:
        ValueError: the heads have different numbers of vertices.
    """
    if len(target_vertices) != len(source_vertices):
        raise ValueError(f"both heads need the same vertices, got {len(target_vertices)} and {len(source_vertices)}")
    return source_vertices - target_vertices


def surface_points(
    vertices: Float[np.ndarray, "V C"],
    faces: Int[np.ndarray, "F 3"],
    face: Int[np.ndarray, "*batch"],
    barycentrics: Float[np.ndarray, "*batch 3"],
) -> Float[np.ndarray, "*batch C"]:
    """Positions (or any vertex values) at surface points; a face of -1 gives zero."""
    corners = vertices[faces[np.maximum(face, 0)]]  # [*batch 3 C]
    weights = np.where((face >= 0)[..., None], barycentrics, 0.0)
    return np.einsum("...k,...kC->...C", weights, corners)


def surface_flow(
    target_vertices: Float[np.ndarray, "V 3"],
    source_vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    face: Int[np.ndarray, "*batch"],
    barycentrics: Float[np.ndarray, "*batch 3"],
) -> Float[np.ndarray, "*batch 3"]:
    """Displacement (metres) from surface points of the target to the same points of the source; zero where face is -1.

    `face` and `barycentrics` come from a raster of the target (perspective-correct) or from `closest_points`.
    """
    return surface_points(vertex_flow(target_vertices, source_vertices), faces, face, barycentrics)


def space_flow(
    target_index: SurfaceIndex,
    target_vertices: Float[np.ndarray, "V 3"],
    source_vertices: Float[np.ndarray, "V 3"],
    points: Float[np.ndarray, "N 3"],
    *,
    threads: int = 1,
) -> Float[np.ndarray, "N 3"]:
    """Displacement (metres) of any points in space: that of the nearest surface point of the target.

    `target_index` is the index of the target's vertices. Points run fastest when neighbours follow each other.
    """
    nearest = closest_points(target_index, points, threads=threads)
    return surface_flow(target_vertices, source_vertices, target_index.faces, nearest.face, nearest.barycentrics)


def source_lookup(
    raster: Raster, faces: Int[np.ndarray, "F 3"], source_vertices: Float[np.ndarray, "V 3"], source_camera: Camera
) -> SourceLookup:
    """The source pixel of each target pixel: its surface point, posed as in the source and seen by the source's camera.

    `raster` shows the target-posed head in the target's camera; `source_vertices` stand in the source camera's frame.
    Surface points behind the source camera count as not seen.
    """
    position = surface_points(source_vertices, faces, raster.face, raster.barycentrics)
    seen: Bool[np.ndarray, "H W"] = (raster.face >= 0) & (position[..., 2] > 0.0)
    pixels = np.full((*seen.shape, 2), np.nan)
    pixels[seen] = source_camera.project(position[seen])
    return SourceLookup(pixels=pixels, depth=np.where(seen, position[..., 2], np.nan))


def image_flow(lookup: SourceLookup) -> Float[np.ndarray, "H W 2"]:
    """Displacement in pixels from each target pixel centre to its source pixel; NaN where there is none."""
    height, width = lookup.depth.shape
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return lookup.pixels - np.stack([columns, rows], axis=-1)
