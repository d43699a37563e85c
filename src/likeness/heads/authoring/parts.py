"""Parts of the built-in head beyond the measured face (centimetres): cranium, ears, neck, eyeballs, inner mouth.

Each function returns vertices and counter-clockwise (outward) triangles. Sizes are those of an average adult.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from likeness.geometry.mesh import face_normals, orient_alike
from likeness.heads.landmark_sets import LIPS_INNER, LOWER_LIP_INNER, OVAL, UPPER_LIP_INNER

CRANIUM_CENTRE = np.array([0.0, 2.6, -2.6])
CRANIUM_RADII = np.array([8.0, 10.2, 9.6])
CRANIUM_RINGS = 7
CRANIUM_POLE = np.array([0.0, -0.05, -1.0])

EYE_RADIUS = 1.25
EYE_INSET = 0.95  # centre of the eyeball behind the mean of the lid ring
NECK_LEVELS = (
    # height, centre z, radius x, radius z
    (-4.0, -4.2, 5.0, 4.6),
    (-6.0, -4.2, 5.3, 5.0),
    (-8.5, -4.4, 5.5, 5.3),
    (-11.0, -4.8, 5.8, 5.6),
    (-13.0, -5.2, 6.8, 6.0),
    (-15.0, -5.6, 9.5, 6.6),
    (-17.0, -6.0, 14.0, 7.4),
)
NECK_SEGMENTS = 32
EAR_CENTRE = np.array([7.75, 0.7, -3.3])  # subject's left
EAR_HALF_HEIGHT, EAR_HALF_WIDTH = 3.2, 1.8
EAR_BULGE = 0.45


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A piece of mesh with its own vertex numbering."""

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]


def strip_between(first: list[int], second: list[int], *, closed: bool) -> list[tuple[int, int, int]]:
    """Triangles between two rows of vertices of equal length."""
    count = len(first)
    faces = []
    for index in range(count if closed else count - 1):
        after = (index + 1) % count
        faces += [
            (first[index], second[index], first[after]),
            (first[after], second[index], second[after]),
        ]
    return faces


def strips_between(rows: list[list[int]]) -> list[tuple[int, int, int]]:
    """Triangles between each closed row of vertices and the next."""
    return [face for first, second in pairwise(rows) for face in strip_between(first, second, closed=True)]


def oriented(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], outward: Float[np.ndarray, "F 3"]
) -> Int[np.ndarray, "F 3"]:
    """The faces of one connected piece, all turned alike, so that most normals agree with their outward direction."""
    alike = orient_alike(faces)
    agreement = (face_normals(vertices, alike) * outward).sum()
    return alike if agreement > 0 else alike[:, [0, 2, 1]]


def cranium(face: Float[np.ndarray, "468 3"]) -> Part:
    """Rings from the face oval over an ellipsoid to a pole at the back. The first 36 vertices repeat the oval."""
    pole = CRANIUM_POLE / np.linalg.norm(CRANIUM_POLE)
    rim = (face[list(OVAL)] - CRANIUM_CENTRE) / CRANIUM_RADII
    rim_radius = np.linalg.norm(rim, axis=1, keepdims=True)
    rim = rim / rim_radius
    angle = np.arccos(np.clip(rim @ pole, -1.0, 1.0))[:, None]
    rows = [face[list(OVAL)]]
    for ring in range(1, CRANIUM_RINGS + 1):
        t = ring / (CRANIUM_RINGS + 1)
        direction = (np.sin((1 - t) * angle) * rim + np.sin(t * angle) * pole) / np.sin(angle)
        radius = 1 + (rim_radius - 1) * (1 - t) ** 2.2
        rows.append(CRANIUM_CENTRE + CRANIUM_RADII * direction * radius)
    vertices = np.vstack([*rows, CRANIUM_CENTRE + CRANIUM_RADII * pole])
    count = len(OVAL)
    numbers = [[row * count + index for index in range(count)] for row in range(len(rows))]
    faces = strips_between(numbers)
    last = numbers[-1]
    faces += [(last[index], len(vertices) - 1, last[(index + 1) % count]) for index in range(count)]
    triangles = np.array(faces, dtype=np.int32)
    return Part(
        vertices=vertices,
        faces=oriented(vertices, triangles, vertices[triangles].mean(1) - CRANIUM_CENTRE),
    )


def ear(side: float) -> Part:
    """A low shell: an elliptic disc that leans back and away from the head; side is +1 (subject's left) or -1."""
    along = np.array([0.0, 0.985, -0.17])  # up and a little back
    across = np.array([0.52, -0.14, -0.84])  # back and away from the head
    across -= along * (along @ across)
    across /= np.linalg.norm(across)
    outward = np.cross(across, along)
    rings = [(0.0, 1)] + [(radius, 14) for radius in (0.5, 0.85, 1.0)]
    points: list[np.ndarray] = []
    numbers: list[list[int]] = []
    for radius, count in rings:
        angles = 2 * np.pi * np.arange(count) / count
        rim = EAR_HALF_HEIGHT * np.sin(angles)[:, None] * along + EAR_HALF_WIDTH * np.cos(angles)[:, None] * across
        bulge = EAR_BULGE * (1 - radius**2) * (0 if count == 1 else 1)
        numbers.append([len(points) + index for index in range(count)])
        points += list(EAR_CENTRE + radius * rim + bulge * outward)
    faces = [(0, numbers[1][index], numbers[1][(index + 1) % 14]) for index in range(14)]
    faces += strips_between(numbers[1:])
    vertices = np.array(points) * np.array([side, 1.0, 1.0])
    triangles = np.array(faces, dtype=np.int32)
    direction = np.broadcast_to(outward * np.array([side, 1.0, 1.0]), (len(triangles), 3))
    return Part(vertices=vertices, faces=oriented(vertices, triangles, direction))


def neck() -> Part:
    """A tube from under the jaw down to the start of the shoulders."""
    angles = 2 * np.pi * np.arange(NECK_SEGMENTS) / NECK_SEGMENTS
    rows = [
        np.stack([wide * np.sin(angles), np.full(NECK_SEGMENTS, height), centre + deep * np.cos(angles)], axis=1)
        for height, centre, wide, deep in NECK_LEVELS
    ]
    vertices = np.vstack(rows)
    numbers = [[row * NECK_SEGMENTS + index for index in range(NECK_SEGMENTS)] for row in range(len(rows))]
    faces = strips_between(numbers)
    triangles = np.array(faces, dtype=np.int32)
    outward = vertices[triangles].mean(1) - np.array([0.0, 0.0, -4.6])
    outward[:, 1] = 0.0
    return Part(vertices=vertices, faces=oriented(vertices, triangles, outward))


def eyeball(centre: Float[np.ndarray, "3"], rings: int = 7, segments: int = 14) -> Part:
    """A sphere whose pole looks forward (+z): the first vertex is the centre of the pupil."""
    polar = np.pi * np.arange(1, rings) / rings
    around = 2 * np.pi * np.arange(segments) / segments
    body = [
        centre + EYE_RADIUS * np.array([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)])
        for p in polar
        for a in around
    ]
    front, back = centre + np.array([0, 0, EYE_RADIUS]), centre - np.array([0, 0, EYE_RADIUS])
    vertices = np.vstack([front, *body, back])
    numbers = [[1 + row * segments + index for index in range(segments)] for row in range(rings - 1)]
    faces = [(0, numbers[0][index], numbers[0][(index + 1) % segments]) for index in range(segments)]
    faces += strips_between(numbers)
    faces += [(len(vertices) - 1, numbers[-1][(index + 1) % segments], numbers[-1][index]) for index in range(segments)]
    triangles = np.array(faces, dtype=np.int32)
    return Part(vertices=vertices, faces=oriented(vertices, triangles, vertices[triangles].mean(1) - centre))


def mouth_cavity(face: Float[np.ndarray, "468 3"]) -> Part:
    """A sock behind the lips: the inner lip ring (repeated first), two rings further back, and a pole."""
    rim = face[list(LIPS_INNER)]
    centre = rim.mean(0)
    rows = [rim]
    for depth, scale, height in ((1.4, 0.95, 0.8), (3.2, 0.8, 1.4)):
        row = centre + (rim - centre) * np.array([scale, 1.0, 0.4]) - np.array([0.0, 0.0, depth])
        half = len(LIPS_INNER) // 2
        lift = np.sin(np.pi * np.arange(len(LIPS_INNER)) / half)  # upper lip first in LIPS_INNER
        row[:, 1] += height * lift
        rows.append(row)
    vertices = np.vstack([*rows, centre - np.array([0.0, 0.0, 4.2])])
    count = len(LIPS_INNER)
    numbers = [[row * count + index for index in range(count)] for row in range(len(rows))]
    faces = strips_between(numbers)
    faces += [(numbers[-1][index], len(vertices) - 1, numbers[-1][(index + 1) % count]) for index in range(count)]
    triangles = np.array(faces, dtype=np.int32)
    inward = centre - np.array([0.0, 0.0, 2.0]) - vertices[triangles].mean(1)
    return Part(vertices=vertices, faces=oriented(vertices, triangles, inward))


def teeth(face: Float[np.ndarray, "468 3"], *, upper: bool, columns: int = 13) -> Part:
    """One dental arch as a curved strip, facing forward."""
    seam = face[list(UPPER_LIP_INNER + LOWER_LIP_INNER)].mean(0)
    front = face[[13, 14, 0, 17], 2].mean() - 0.75
    x = np.linspace(-2.6, 2.6, columns)
    z = front - 0.13 * x**2
    edge = seam[1] - 0.34 if upper else seam[1] - 0.2
    heights = (edge + 0.95, edge) if upper else (edge, edge - 0.9)
    vertices = np.vstack([np.stack([x, np.full(columns, height), z], axis=1) for height in heights])
    faces = strip_between(list(range(columns)), list(range(columns, 2 * columns)), closed=False)
    triangles = np.array(faces, dtype=np.int32)
    forward = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (len(triangles), 3))
    return Part(vertices=vertices, faces=oriented(vertices, triangles, forward))
