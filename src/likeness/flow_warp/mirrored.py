"""The half of a face that a turned photo hides: taken from its mirror image, with the light carried over.

A face turned away shows one cheek only. Where its other cheek turns into view, each vertex takes the colours of its
mirror partner, brightened or darkened by a smooth gain that is measured where both halves are seen and continued over
the hidden part.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from likeness.face_rig.warp_raster import FAR, draw_map, mix_in
from likeness.flow_warp.texture import Texture, sample_texture
from likeness.geometry.mesh import graph_laplacian, harmonic_fill
from likeness.geometry.smoothstep import smoothstep
from likeness.heads.builtin import landmark_mirror

SEEN = 0.35  # cosine of the view angle from which a vertex's colour is trusted
HIDDEN = (0.40, 0.15)  # cosine over which a vertex passes from seen to hidden
GAIN_LIMIT = 0.7  # natural logarithm
COLOUR_BLUR = 0.03  # of the face height: the light, not the skin's detail
WORTHWHILE = 0.1  # below this weight nothing is drawn


@dataclass(frozen=True, kw_only=True, slots=True)
class MirroredHalf:
    """For each face vertex, how hidden it is and what its mirror partner would give."""

    hidden: Float[np.ndarray, "468"]  # 1: the photo does not show it, but shows its partner
    pixels: Float[np.ndarray, "468 2"]  # of the partner
    gain: Float[np.ndarray, "468 3"]  # colour factor


def build_mirrored_half(
    image: UInt8[np.ndarray, "H W 3"],
    vertices: Float[np.ndarray, "468 3"],
    faces: Int[np.ndarray, "F 3"],
    pixels: Float[np.ndarray, "468 2"],
    cosines: Float[np.ndarray, "468"],
    face_height: float,
) -> MirroredHalf:
    """From the photo's window; `cosines` between normals and view, `face_height` in pixels."""
    import cv2

    partner = landmark_mirror()
    hidden = smoothstep((HIDDEN[0] - cosines) / (HIDDEN[0] - HIDDEN[1]))
    hidden = hidden * smoothstep((cosines[partner] - HIDDEN[1]) / (SEEN - HIDDEN[1]))
    soft = cv2.GaussianBlur(image, (0, 0), max(1.0, COLOUR_BLUR * face_height))
    height, width = image.shape[:2]
    column = np.clip(pixels[:, 0].astype(int), 0, width - 1)
    row = np.clip(pixels[:, 1].astype(int), 0, height - 1)
    colour = np.log(soft[row, column].astype(np.float64) + 8.0)
    both = (cosines > SEEN) & (cosines[partner] > SEEN)
    gain = np.zeros((len(vertices), 3))
    if both.any():
        ratio = np.clip(colour - colour[partner], -GAIN_LIMIT, GAIN_LIMIT)
        gain = harmonic_fill(graph_laplacian(vertices, faces), np.where(both[:, None], ratio, 0.0), both)
    return MirroredHalf(hidden=hidden, pixels=pixels[partner], gain=np.exp(gain))


def draw_mirrored_half(
    layered: UInt8[np.ndarray, "H W 4"],
    texture: Texture,
    half: MirroredHalf,
    *,
    points: Float[np.ndarray, "468 3"],
    faces: Int[np.ndarray, "F 3"],
    shown: Float[np.ndarray, "468"],
) -> None:
    """Lay the mirrored half over the picture and its alpha where hidden vertices are `shown` (0 to 1) by the turn.

    `points`: target pixel x, y and depth of each vertex.
    """
    import cv2

    weight = half.hidden * shown
    if weight.max() < WORTHWHILE:
        return
    height, width = layered.shape[:2]
    drawn = faces[(weight[faces] > 0).any(axis=1)]
    touched = points[drawn.ravel(), :2]
    low = np.clip(np.floor(touched.min(0)).astype(int) - 2, 0, [width, height])
    high = np.clip(np.ceil(touched.max(0)).astype(int) + 3, 0, [width, height])
    if (high - low).min() < 3:
        return
    local = (points - np.array([low[0], low[1], 0.0])).astype(np.float32)
    shape = (int(high[1] - low[1]), int(high[0] - low[0]))
    mirror_map = _draw(local, half.pixels, drawn, shape)
    amounts = _draw(local, np.stack([weight, half.gain.mean(1)], axis=1), drawn, shape)
    alpha = cv2.GaussianBlur(smoothstep(amounts[..., 0]), (0, 0), 1.0)
    area = layered[low[1] : high[1], low[0] : high[0]]
    mix_in(area, sample_texture(texture, mirror_map), alpha, amounts)


def _draw(
    points: Float[np.ndarray, "468 3"],
    values: Float[np.ndarray, "468 2"],
    faces: Int[np.ndarray, "F 3"],
    shape: tuple[int, int],
) -> Float[np.ndarray, "H W 2"]:
    """Two values per vertex, interpolated over the front of the face; 0 outside."""
    depth = np.full(shape, FAR, np.float32)
    result = np.zeros((*shape, 2), np.float32)
    sources = np.concatenate([values, np.ones((len(values), 1))], axis=1).astype(np.float32)
    draw_map(points, sources, faces, depth, result, result, False, True)
    return result
