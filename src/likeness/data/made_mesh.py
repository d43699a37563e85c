"""Meshes that a made-up person wears, rigid with the head: their record, and the simple shapes in them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

KINDS = ("hair", "cloth", "frame", "lens")  # what the surface is of


@dataclass(frozen=True, kw_only=True, slots=True)
class WornMesh:
    """Triangles beside the head model's own."""

    vertices: Float[np.ndarray, "N 3"]  # head frame, m
    faces: Int[np.ndarray, "M 3"]
    kinds: Int[np.ndarray, " M"]  # index into KINDS
    places: Float[np.ndarray, "N 3"]  # where patterns are looked up, m
    shade: Float[np.ndarray, " N"]  # factor of the colour

    @staticmethod
    def of_kind(
        kind: str,
        vertices: Float[np.ndarray, "N 3"],
        faces: Int[np.ndarray, "M 3"],
        *,
        places: Float[np.ndarray, "N 3"] | None = None,
        shade: Float[np.ndarray, " N"] | None = None,
    ) -> "WornMesh":
        """A mesh of one kind; patterns are looked up at its vertices unless told otherwise."""
        return WornMesh(
            vertices=vertices,
            faces=faces,
            kinds=np.full(len(faces), KINDS.index(kind)),
            places=vertices if places is None else places,
            shade=np.ones(len(vertices)) if shade is None else shade,
        )

    def joined(self, *others: "WornMesh") -> "WornMesh":
        """All of them in one."""
        parts = (self, *others)
        firsts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
        return WornMesh(
            vertices=np.concatenate([part.vertices for part in parts]),
            faces=np.concatenate([part.faces + first for part, first in zip(parts, firsts, strict=True)]),
            kinds=np.concatenate([part.kinds for part in parts]),
            places=np.concatenate([part.places for part in parts]),
            shade=np.concatenate([part.shade for part in parts]),
        )


def grid_faces(rows: int, columns: int, *, is_closed: bool = True) -> Int[np.ndarray, "M 3"]:
    """Triangles of a grid of points, row by row; a closed one goes on from the last column to the first."""
    across = columns if is_closed else columns - 1
    row, column = (index.ravel() for index in np.meshgrid(np.arange(rows - 1), np.arange(across), indexing="ij"))
    right = (column + 1) % columns
    a, b, c, d = (
        row * columns + column,
        row * columns + right,
        (row + 1) * columns + column,
        (row + 1) * columns + right,
    )
    return np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)])


def sphere_mesh(kind: str, centre: Float[np.ndarray, "3"], radius: float) -> WornMesh:
    """A ball."""
    polar, around = np.linspace(0.05, np.pi - 0.05, 12), np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    polar, around = np.meshgrid(polar, around, indexing="ij")
    points = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    return WornMesh.of_kind(kind, centre + radius * points.reshape(-1, 3), grid_faces(12, 24))


def tube_mesh(
    kind: str, path: Float[np.ndarray, "K 3"], radius: float, *, is_closed: bool = False, sides: int = 6
) -> WornMesh:
    """A round bar along a path."""
    if is_closed:
        along = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    else:
        along = np.gradient(path, axis=0)
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    helper = np.where(np.abs(along[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    first = np.cross(along, helper)
    first = first / np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(along, first)
    angles = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)
    rings = path[:, None] + radius * (
        np.cos(angles)[None, :, None] * first[:, None] + np.sin(angles)[None, :, None] * second[:, None]
    )
    if is_closed:
        rings = np.concatenate([rings, rings[:1]])
    return WornMesh.of_kind(kind, rings.reshape(-1, 3), grid_faces(len(rings), sides))
