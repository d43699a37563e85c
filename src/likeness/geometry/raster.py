"""Z-buffer rasteriser for triangle meshes (edge functions, Pineda 1988), and vertex values carried to its pixels."""

import math
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int, Int32
from numba import njit

from likeness.geometry.bands import run_bands

_MINIMUM_DEPTH = 1e-6  # a triangle with a vertex nearer than this, or behind the camera, is not drawn


@dataclass(frozen=True, kw_only=True, slots=True)
class Raster:
    """What each pixel sees of a mesh. Empty pixels hold infinite depth, face -1 and zero barycentrics."""

    depth: Float32[np.ndarray, "H W"]  # in the unit of the depths given
    face: Int32[np.ndarray, "H W"]  # index of the nearest triangle
    barycentrics: Float32[np.ndarray, "H W 3"]  # perspective-correct: weights of the corners in 3D, sum 1


def empty_raster(width: int, height: int) -> Raster:
    """Buffers of that size for `rasterise(..., out=)`; every pixel is empty.

    Raises:
        ValueError: the size is not positive.
    """
    if width < 1 or height < 1:
        raise ValueError(f"raster size must be positive, got {width} x {height}")
    return Raster(
        depth=np.full((height, width), np.inf, dtype=np.float32),
        face=np.full((height, width), -1, dtype=np.int32),
        barycentrics=np.zeros((height, width, 3), dtype=np.float32),
    )


def rasterise(
    pixels: Float[np.ndarray, "V 2"],
    depths: Float[np.ndarray, " V"],
    faces: Int[np.ndarray, "F 3"],
    *,
    width: int,
    height: int,
    cull_back: bool = False,
    threads: int = 1,
    out: Raster | None = None,
) -> Raster:
    """The nearest triangle at each pixel centre (half integers), its depth and perspective-correct barycentrics.

    `pixels` are projected vertices (x right, y down), `depths` their distance along the optical axis. Front faces are
    counter-clockwise seen from outside, in 3D and so on the picture; because y points down, their signed area
    (b - a) x (c - a) in pixel coordinates is negative. `cull_back` drops those whose area is positive.

    Pixel centres on a shared edge belong to both triangles and keep the one drawn first, so neighbours leave no
    hole. Triangles without area, with a corner that is not finite, or with a corner at or behind the camera are not
    drawn (there is no clipping at the near plane). Results do not depend on `threads`.

    Args:
        threads: row bands drawn at the same time.
        out: buffers to overwrite and return; saves the allocation.

    Raises:
        ValueError: a face names a vertex that does not exist, counts differ, or `out` has another size.
    """
    if len(pixels) != len(depths):
        raise ValueError(f"expected one depth per vertex, got {len(pixels)} pixels and {len(depths)} depths")
    _check_faces(faces, len(pixels))
    if out is None:
        out = empty_raster(width, height)
    elif out.depth.shape != (height, width):
        raise ValueError(f"out must be {height} x {width} (rows x columns), got {out.depth.shape}")
    positions = np.ascontiguousarray(pixels, dtype=np.float64)
    distances = np.ascontiguousarray(depths, dtype=np.float64)
    corners = np.ascontiguousarray(faces, dtype=np.int32)
    depth, face, barycentrics = out.depth, out.face, out.barycentrics

    def band(begin: int, end: int) -> None:
        _rasterise_rows(positions, distances, corners, cull_back, begin, end, depth, face, barycentrics)

    run_bands(band, height, threads)
    return out


def interpolate(
    raster: Raster,
    faces: Int[np.ndarray, "F 3"],
    values: Float[np.ndarray, "V C"],
    *,
    threads: int = 1,
    out: Float32[np.ndarray, "H W C"] | None = None,
) -> Float32[np.ndarray, "H W C"]:
    """Vertex values carried to the pixels of a raster; zero where it is empty.

    Raises:
        ValueError: a face names a vertex that does not exist, the raster shows a face that does not exist, or `out`
            has another shape.
    """
    _check_faces(faces, len(values))
    if raster.face.size and int(raster.face.max()) >= len(faces):
        raise ValueError(f"raster shows face {int(raster.face.max())}, but there are {len(faces)} faces")
    shape = (*raster.face.shape, values.shape[1])
    if out is None:
        out = np.empty(shape, dtype=np.float32)
    elif out.shape != shape:
        raise ValueError(f"out must be {shape}, got {out.shape}")
    table = np.ascontiguousarray(values, dtype=np.float32)
    corners = np.ascontiguousarray(faces, dtype=np.int32)

    def band(begin: int, end: int) -> None:
        _interpolate_rows(raster.face, raster.barycentrics, corners, table, begin, end, out)

    run_bands(band, shape[0], threads)
    return out


def _check_faces(faces: Int[np.ndarray, "F 3"], num_vertices: int) -> None:
    if faces.size and (int(faces.min()) < 0 or int(faces.max()) >= num_vertices):
        raise ValueError(f"faces must name vertices 0 to {num_vertices - 1}, got {faces.min()} to {faces.max()}")


# The kernels carry no annotations: compiled code takes its types from the arguments, and stays outside the type check.
# No fused multiply-add here: `_edge` must change sign exactly when its two ends are swapped.
@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _edge(ax, ay, bx, by, x, y):
    """Twice the signed area of (a, b, point)."""
    return (ax - x) * (by - y) - (ay - y) * (bx - x)


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _rasterise_rows(pixels, depths, faces, cull_back, row_begin, row_end, depth, face, barycentrics):
    width = depth.shape[1]
    depth[row_begin:row_end] = np.inf
    face[row_begin:row_end] = -1
    barycentrics[row_begin:row_end] = 0.0
    for index in range(faces.shape[0]):
        a, b, c = faces[index, 0], faces[index, 1], faces[index, 2]
        ax, ay, bx, by, cx, cy = pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1], pixels[c, 0], pixels[c, 1]
        first_row = max(np.ceil(min(ay, by, cy) - 0.5), row_begin)
        last_row = min(np.floor(max(ay, by, cy) - 0.5), row_end - 1)
        first_column = max(np.ceil(min(ax, bx, cx) - 0.5), 0)
        last_column = min(np.floor(max(ax, bx, cx) - 0.5), width - 1)
        if not (first_row <= last_row and first_column <= last_column):
            continue
        area = _edge(ax, ay, bx, by, cx, cy)
        if not math.isfinite(area) or area == 0.0 or (cull_back and area > 0.0):
            continue
        if not (depths[a] > _MINIMUM_DEPTH and depths[b] > _MINIMUM_DEPTH and depths[c] > _MINIMUM_DEPTH):
            continue
        second, third = 1, 2
        if area < 0.0:  # swap two corners, so that all three edge functions are positive inside
            b, c, second, third = c, b, 2, 1
            bx, by, cx, cy = cx, cy, bx, by
        inverse_a, inverse_b, inverse_c = 1.0 / depths[a], 1.0 / depths[b], 1.0 / depths[c]
        for row in range(int(first_row), int(last_row) + 1):
            y = row + 0.5
            for column in range(int(first_column), int(last_column) + 1):
                x = column + 0.5
                edge_a = _edge(bx, by, cx, cy, x, y)
                edge_b = _edge(cx, cy, ax, ay, x, y)
                edge_c = _edge(ax, ay, bx, by, x, y)
                if edge_a < 0.0 or edge_b < 0.0 or edge_c < 0.0:
                    continue
                weight_a, weight_b, weight_c = edge_a * inverse_a, edge_b * inverse_b, edge_c * inverse_c
                scale = 1.0 / (weight_a + weight_b + weight_c)
                nearest = np.float32((edge_a + edge_b + edge_c) * scale)
                if nearest < depth[row, column]:  # false for an undefined depth
                    depth[row, column] = nearest
                    face[row, column] = index
                    barycentrics[row, column, 0] = weight_a * scale
                    barycentrics[row, column, second] = weight_b * scale
                    barycentrics[row, column, third] = weight_c * scale


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
@no_type_check
def _interpolate_rows(face, barycentrics, faces, values, row_begin, row_end, out):
    channels = values.shape[1]
    for row in range(row_begin, row_end):
        for column in range(face.shape[1]):
            index = face[row, column]
            if index < 0:
                for channel in range(channels):
                    out[row, column, channel] = 0.0
                continue
            a, b, c = faces[index, 0], faces[index, 1], faces[index, 2]
            u, v, w = barycentrics[row, column, 0], barycentrics[row, column, 1], barycentrics[row, column, 2]
            for channel in range(channels):
                out[row, column, channel] = u * values[a, channel] + v * values[b, channel] + w * values[c, channel]
