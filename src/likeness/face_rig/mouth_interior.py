"""What an opened mouth shows when the photo does not: a cavity, a tongue and two rows of teeth, tinted by the skin.

Everything is drawn in the head frame on a curved sheet behind the lips, in centimetres, and so follows head and jaw.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from numba import njit

from likeness.face_rig.rig import CENTIMETRE
from likeness.heads.landmark_sets import LOWER_LIP_INNER, UPPER_LIP_INNER

ENAMEL = np.array([232.0, 224.0, 205.0])
CAVITY = np.array([38.0, 17.0, 16.0])
TONGUE = np.array([148.0, 76.0, 78.0])
SHEET_CURVATURE = 0.13  # cm of depth per cm^2 sideways
SHEET_BEHIND_LIPS = 0.75  # cm
UPPER_WIDTHS = np.array([0.0, 0.84, 1.48, 2.22, 2.9, 3.55, 4.2])  # cm from the middle to each tooth's edge
LOWER_WIDTHS = np.array([0.0, 0.54, 1.12, 1.8, 2.5, 3.2, 4.2])
OUTERMOST = 5.0  # cm, where the last tooth ends
UPPER_LENGTHS = np.array([1.0, 0.88, 0.98, 0.88, 0.8, 0.75, 0.7])
LOWER_LENGTHS = np.ones(7)
UPPER_EDGE_BELOW_LIP = 0.34  # cm below the upper lip's inner rim at rest
LOWER_EDGE_BELOW_LIP = 0.16
LOWER_SHOWS = 0.15  # cm of the lower row that may show above the lower lip


@dataclass(frozen=True, kw_only=True, slots=True)
class MouthColours:
    """Colours (RGB, 0 to 255) of the drawn interior under the photo's light."""

    enamel: Float[np.ndarray, "3"]
    cavity: Float[np.ndarray, "3"]
    tongue: Float[np.ndarray, "3"]


def mouth_colours(image: UInt8[np.ndarray, "H W 3"], skin: Bool[np.ndarray, "H W"]) -> MouthColours:
    """Tint and brightness from the photo's skin."""
    pixels = image[skin].astype(np.float64) if skin.any() else image.reshape(-1, 3).astype(np.float64)
    middle = np.median(pixels, axis=0)
    brightness = float(np.clip(np.percentile(pixels.mean(1), 75) / 185.0, 0.2, 1.05))
    tint = middle / max(float(middle.mean()), 1.0)
    return MouthColours(
        enamel=ENAMEL * (0.72 + 0.28 * tint) * brightness,
        cavity=CAVITY * (0.5 + 0.5 * tint) * brightness,
        tongue=TONGUE * (0.6 + 0.4 * tint) * brightness * 0.86,
    )


def draw_interior(
    sheet: Float[np.ndarray, "H W 3"],
    vertices: Float[np.ndarray, "468 3"],
    colours: MouthColours,
    *,
    upper_edge: float,
    lower_edge: float,
) -> Float32[np.ndarray, "H W 3"]:
    """Colours of the interior at points of the teeth sheet (cm, head frame); `vertices` in cm too.

    `upper_edge` and `lower_edge`: heights of the incisors' edges, cm; the upper row hangs from the skull, the lower one
    is carried by the jaw.
    """
    upper, lower = list(UPPER_LIP_INNER), list(LOWER_LIP_INNER)
    left, right = float(vertices[308, 0]), float(vertices[78, 0])
    lip_above, lip_below = float(vertices[13, 1]), float(vertices[14, 1])
    picture = np.empty(sheet.shape, np.float32)
    _paint(
        sheet,
        np.interp(sheet[..., 0], vertices[upper, 0], vertices[upper, 1]),
        np.interp(sheet[..., 0], vertices[lower, 0], vertices[lower, 1]),
        float(vertices[[13, 14], 0].mean()),
        0.5 * (left + right),
        max(abs(left - right) / 2, 0.1),
        lip_below,
        lip_above - lip_below,
        upper_edge,
        min(lower_edge, lip_below + LOWER_SHOWS),
        np.stack([colours.cavity, colours.tongue, colours.enamel]),
        picture,
    )
    return picture


@njit(cache=True, nogil=True, error_model="numpy")
def _paint(
    sheet, upper, lower, middle, mouth_middle, half_width, lip_below, opening, upper_edge, lower_edge, colours, picture
):
    """Every pixel of `picture` (H W 3): cavity, tongue, lower row, upper row, then the shadows of lips and corners.

    `upper`, `lower` (H W): how high the lips are above and below each pixel; `colours`: cavity, tongue, enamel; cm.
    """
    tongue_height, tongue_middle = 0.45 + 0.35 * opening, lip_below - 0.30
    tongue_shows = 0.9 * _clip((opening - 0.45) / 0.5)
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            x, y = sheet[row, column, 0] - middle, sheet[row, column, 1]
            radius = np.sqrt((x / 1.7) ** 2 + ((y - tongue_middle) / tongue_height) ** 2)
            tongue = _smoothstep(2.0 * (1.15 - radius)) * tongue_shows
            groove = 1.0 - 0.18 * np.exp(-((x / 0.12) ** 2))
            below, below_shade, _ = _tooth(x, y - (lower_edge - 0.75), 0.75, LOWER_WIDTHS, LOWER_LENGTHS)
            above, above_shade, along = _tooth(x, upper_edge + 0.95 - y, 0.95, UPPER_WIDTHS, UPPER_LENGTHS)
            above_shade *= 0.82 + 0.18 * _clip(1.5 * along)
            corner = half_width - abs(sheet[row, column, 0] - mouth_middle)
            shadow = 0.70 + 0.30 * _smoothstep((upper[row, column] - y) / 0.12)
            shadow *= 0.78 + 0.22 * _clip((y - lower[row, column]) / 0.15)
            shadow *= 0.45 + 0.55 * _smoothstep(corner / (0.22 * half_width))
            for c in range(3):
                colour = colours[0, c] * (1.0 - tongue) + colours[1, c] * groove * tongue
                if below > 0.0:
                    colour += below * (colours[2, c] * _enamel_shade(0.62 * below_shade, c) - colour)
                if above > 0.0:
                    colour += above * (colours[2, c] * _enamel_shade(0.92 * above_shade, c) - colour)
                picture[row, column, c] = colour * shadow


@njit(cache=True, nogil=True, error_model="numpy")
def _tooth(x, from_root, length, widths, lengths):
    """Coverage and brightness of a row `x` beside its middle, and the place between gum (0) and biting edge (1).

    `from_root`: distance from the gum toward the biting edge; all in centimetres.
    """
    aside = abs(x)
    tooth = 0
    while tooth < 6 and aside >= widths[tooth + 1]:
        tooth += 1
    right = widths[tooth + 1] if tooth < 6 else OUTERMOST
    place = (aside - widths[tooth]) / (right - widths[tooth])
    to_edge = min(place, 1.0 - place)
    rounded = 1.0 - 0.10 * _clip(1.0 - to_edge / 0.25) ** 2
    along = from_root / (length * lengths[tooth] * rounded)
    if aside >= 4.0:
        return 0.0, 0.0, along
    coverage = _clip((1.0 - along) / 0.10) * _clip((along + 0.05) / 0.05)
    between = 0.84 + 0.16 * _clip(to_edge / 0.14)
    return coverage, between * (1.0 - 0.55 * _clip(aside / 2.6) ** 1.6), along


@njit(cache=True, nogil=True, error_model="numpy")
def _enamel_shade(brightness, channel):
    """Darker enamel is also warmer."""
    value = min(max(brightness, 0.02), 1.0)
    if channel == 0:
        return value**0.92
    return value**1.28 if channel == 1 else value**1.25


@njit(inline="always")
def _clip(value):
    return min(max(value, 0.0), 1.0)


@njit(inline="always")
def _smoothstep(value):
    clipped = min(max(value, 0.0), 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)


def teeth_sheet(
    centres: Float[np.ndarray, "H W 2"],
    rays_from: Float[np.ndarray, "3"],
    ray_directions: Float[np.ndarray, "H W 3"],
    *,
    front: float,
    middle: float,
) -> Float[np.ndarray, "H W 3"]:
    """Points (metres, head frame) where each pixel's ray meets the curved sheet z = front - curvature * x^2."""
    depth = np.full(centres.shape[:2], front)
    points = np.zeros((*centres.shape[:2], 3))
    for _ in range(3):
        along = (depth - rays_from[2]) / ray_directions[..., 2]
        points = rays_from + ray_directions * along[..., None]
        aside = np.clip(points[..., 0] - middle, -3.2 * CENTIMETRE, 3.2 * CENTIMETRE)
        depth = front - SHEET_CURVATURE / CENTIMETRE * aside**2
    return points
