"""The drawn inside of the mouth: teeth where rows hang, cavity between them, darker toward lips and corners."""

import numpy as np

from likeness.face_rig.mouth_interior import MouthColours, draw_interior
from likeness.heads.builtin import builtin_head
from likeness.heads.landmark_sets import LOWER_LIP_INNER

COLOURS = MouthColours(enamel=np.full(3, 200.0), cavity=np.full(3, 30.0), tongue=np.array([140.0, 70.0, 70.0]))


def opened(template: np.ndarray, drop: float) -> np.ndarray:
    """The face (cm) with its lower lip lowered."""
    vertices = 100.0 * template[:468]
    vertices[list(LOWER_LIP_INNER)[1:-1], 1] -= drop
    return vertices


def column(vertices: np.ndarray, x: float) -> tuple[np.ndarray, np.ndarray]:
    """Brightness along a vertical line `x` cm beside the middle, and the heights."""
    heights = np.linspace(vertices[13, 1], vertices[14, 1], 121)
    sheet = np.zeros((121, 1, 3))
    sheet[..., 0], sheet[..., 1] = x, heights[:, None]
    edges = dict(upper_edge=float(vertices[13, 1] - 0.4), lower_edge=float(vertices[14, 1] - 0.1))
    return draw_interior(sheet, vertices, COLOURS, **edges)[:, 0].mean(axis=1), heights


def test_the_upper_row_hangs_to_its_edge_and_the_cavity_is_below() -> None:
    vertices = opened(builtin_head().template, 2.0)
    brightness, heights = column(vertices, 0.4)
    below_lip = vertices[13, 1] - heights
    assert brightness[(below_lip > 0.2) & (below_lip < 0.3)].min() > 120
    assert brightness[(below_lip > 0.6) & (below_lip < 0.8)].max() < 60


def test_the_corners_lie_in_shadow() -> None:
    vertices = opened(builtin_head().template, 2.0)
    half = abs(vertices[78, 0] - vertices[308, 0]) / 2
    middle, _ = column(vertices, 0.4)
    corner, _ = column(vertices, 0.97 * half)
    assert corner[20:30].mean() < 0.7 * middle[20:30].mean()
