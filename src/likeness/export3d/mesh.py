"""The surface in a tri-plane as a triangle mesh with colours: marching cubes over the density on a regular grid.

On a grid the hidden layer's input is a sum of three pictures, one per plane, so the planes are read once per pair of
coordinates and not once per point. Source: Export3D section 7 (level and border as in EG3D).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, UInt8
from torch import Tensor
from torch.nn.functional import softplus

from likeness.errors import InputError
from likeness.export3d.cameras import head_from_world
from likeness.export3d.decoder import PointDecoder, widened
from likeness.export3d.model import Content
from likeness.export3d.planes import sample_planes
from likeness.export3d.volume import VolumeRenderer
from likeness.files import atomic_output

LEVEL = 10.0  # of the density before its softplus: where the surface is taken to be
GRID = 256  # points per side of the cube
_BORDER = 30.0 / 256.0  # share of the cube at each side that counts as empty
_LIFTED_BORDER = 2.0 / 256.0  # with lifted features, whose density ends with the head; crowns and hair reach this far
_EMPTY = -1000.0
_POINTS = 100_000  # that are worked on at once
_SMALLEST_GRID = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class ColouredMesh:
    """A surface; counter-clockwise seen from outside."""

    vertices: Float32[np.ndarray, "V 3"]  # world units, or metres after `in_metres`
    faces: Int32[np.ndarray, "F 3"]
    colours: UInt8[np.ndarray, "V 3"]


def extract_mesh(renderer: VolumeRenderer, content: Content, *, level: float = LEVEL, grid: int = GRID) -> ColouredMesh:
    """The surface of one head's content (running average included), in world units.

    Args:
        level: density before its softplus.
        grid: points per side of the cube; memory is 4 grid^3 bytes and a few times that for a moment.

    Raises:
        InputError: the density does not cross that level, or the grid is too coarse.
    """
    from skimage.measure import marching_cubes

    if grid < _SMALLEST_GRID:
        raise InputError(f"a mesh needs a grid of {_SMALLEST_GRID} points per side or more, got {grid}")
    border = _BORDER if isinstance(renderer.decoder, PointDecoder) else _LIFTED_BORDER
    places = _inner_places(grid, renderer.settings.box, round(border * grid))
    density = grid_density(renderer, content, places.to(content.planes.device)).cpu().numpy()
    low, high = float(density.min()), float(density.max())
    if not low < level < high:
        raise InputError(
            f"no surface at density {level:g}: it goes from {low:.3g} to {high:.3g}; choose a level between"
        )
    closed = np.pad(density, 1, constant_values=_EMPTY)
    corners, faces, _, _ = marching_cubes(closed, level=level, gradient_direction="ascent")  # faces turn outwards
    spacing = renderer.settings.box / grid
    vertices = (places[0].item() + spacing * (corners - 1.0)).astype(np.float32)
    return ColouredMesh(vertices=vertices, faces=faces.astype(np.int32), colours=_colours(renderer, content, vertices))


@torch.no_grad()
def grid_density(renderer: VolumeRenderer, content: Content, places: Float[Tensor, " N"]) -> Float[Tensor, "N N N"]:
    """Density before its softplus at all points (x, y, z) whose coordinates are among the places, world units."""
    if not isinstance(renderer.decoder, PointDecoder):
        return _density_point_by_point(renderer, content, places)
    decoder, planes, count = renderer.decoder, content.planes, len(places)
    first, second = torch.meshgrid(places, places, indexing="ij")
    nothing = torch.zeros_like(first)
    pairs = ((first, second, nothing), (nothing, first, second), (second, nothing, first))  # xy, yz, zx
    of_pairs = []
    for plane in range(len(pairs)):
        alone = torch.zeros_like(planes)
        alone[:, plane] = planes[:, plane]
        points = torch.stack(pairs[plane], dim=-1).reshape(1, -1, 3)
        sampled = sample_planes(alone, points, box=renderer.settings.box)
        of_pairs.append((sampled @ decoder.inner.weight.T).reshape(count, count, -1))
    xy, yz, zx = of_pairs  # [N N D] each, D of the hidden layer
    yz = yz + decoder.inner.bias
    rows = max(1, _POINTS // count**2)
    out = torch.empty(count, count, count, device=places.device)
    for begin in range(0, count, rows):
        some = slice(begin, begin + rows)
        inner = xy[some, :, None] + yz[None] + zx[:, some].transpose(0, 1)[:, None]  # [rows N N D]
        out[some] = decoder.density(softplus(inner))
    return out


def in_metres(mesh: ColouredMesh) -> ColouredMesh:
    """The mesh in the frame of a head model, metres."""
    return replace(mesh, vertices=head_from_world(mesh.vertices.astype(np.float64)).astype(np.float32))


def write_ply(path: Path, mesh: ColouredMesh, *, overwrite: bool) -> None:
    """A binary PLY file with a colour per vertex.

    Raises:
        OutputError: it cannot be written.
    """
    vertices = np.empty(len(mesh.vertices), dtype=[("place", "<f4", 3), ("colour", "u1", 3)])
    vertices["place"], vertices["colour"] = mesh.vertices, mesh.colours
    faces = np.empty(len(mesh.faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    header = "\n".join(
        [
            "ply",
            "format binary_little_endian 1.0",
            f"element vertex {len(vertices)}",
            *(f"property float {axis}" for axis in "xyz"),
            *(f"property uchar {colour}" for colour in ("red", "green", "blue")),
            f"element face {len(faces)}",
            "property list uchar int vertex_indices",
            "end_header",
            "",
        ]
    )
    with atomic_output(path, overwrite=overwrite) as partial:
        partial.write_bytes(header.encode("ascii") + vertices.tobytes() + faces.tobytes())


def _inner_places(grid: int, box: float, border: int) -> Float[Tensor, " N"]:
    """Coordinates of a grid's points along one axis, without so many at each end."""
    return (torch.arange(border, grid - border, dtype=torch.float32) + 0.5) / grid * box - 0.5 * box


def _density_point_by_point(
    renderer: VolumeRenderer, content: Content, places: Float[Tensor, " N"]
) -> Float[Tensor, "N N N"]:
    """The same where points read more than planes."""
    points = torch.cartesian_prod(places, places, places)
    found = [renderer.look_up(content.planes, some[None], content.lift)[0][0] for some in points.split(_POINTS)]
    return torch.cat(found).reshape(len(places), len(places), len(places))


@torch.no_grad()
def _colours(
    renderer: VolumeRenderer, content: Content, vertices: Float32[np.ndarray, "V 3"]
) -> UInt8[np.ndarray, "V 3"]:
    """What the decoder shows at the vertices."""
    found = []
    for points in torch.from_numpy(vertices).to(content.planes.device).split(_POINTS):
        features = renderer.look_up(content.planes, points[None], content.lift)[1][0, :, :3]
        found.append(widened(features, torch.ones_like(features[:, 0])).clamp(0.0, 1.0))
    return (255.0 * torch.cat(found)).round().cpu().numpy().astype(np.uint8)
