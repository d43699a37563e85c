"""Small closed meshes for the geometry tests."""

import numpy as np


def sphere(rings: int = 8, segments: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere with poles on the y axis; faces counter-clockwise seen from outside."""
    polar = np.linspace(0.0, np.pi, rings + 2)[1:-1, None]
    around = np.linspace(0.0, 2.0 * np.pi, segments, endpoint=False)[None]
    middle = np.stack(
        [np.sin(polar) * np.sin(around), np.cos(polar) + 0.0 * around, np.sin(polar) * np.cos(around)], axis=-1
    )
    vertices = np.concatenate([[[0.0, 1.0, 0.0]], middle.reshape(-1, 3), [[0.0, -1.0, 0.0]]])
    faces = []
    for segment in range(segments):
        after = (segment + 1) % segments
        faces.append((0, 1 + segment, 1 + after))
        for ring in range(rings - 1):
            upper, lower = 1 + ring * segments, 1 + (ring + 1) * segments
            faces += [
                (upper + segment, lower + segment, lower + after),
                (upper + segment, lower + after, upper + after),
            ]
        last = 1 + (rings - 1) * segments
        faces.append((len(vertices) - 1, last + after, last + segment))
    return vertices, np.array(faces)


def bumpy_head(rings: int = 8, segments: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A head-sized, uneven closed surface (metres, head frame)."""
    vertices, faces = sphere(rings, segments)
    bumps = 1.0 + 0.15 * np.sin(5.0 * vertices[:, :1] + 1.0) * np.cos(4.0 * vertices[:, 1:2])
    return vertices * bumps * [0.08, 0.12, 0.1], faces


def plane(columns: int = 6, rows: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Unit-spaced grid in the xy plane, facing +z."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=-1)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).ravel()
    lower = np.stack([corner, corner + 1, corner + columns + 1], axis=-1)
    upper = np.stack([corner, corner + columns + 1, corner + columns], axis=-1)
    return vertices, np.concatenate([lower, upper])
