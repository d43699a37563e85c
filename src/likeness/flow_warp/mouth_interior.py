"""What an opened mouth shows when the photo does not: a cavity, a tongue and two rows of teeth, tinted by the skin.

Everything is drawn in the head frame on a curved sheet behind the lips, in centimetres, and so follows head and jaw.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.flow_warp.fields import smoothstep
from likeness.flow_warp.rig import CENTIMETRE
from likeness.heads.landmark_sets import LOWER_LIP_INNER, UPPER_LIP_INNER

ENAMEL = np.array([232.0, 224.0, 205.0])
CAVITY = np.array([38.0, 17.0, 16.0])
TONGUE = np.array([148.0, 76.0, 78.0])
SHEET_CURVATURE = 0.13  # cm of depth per cm^2 sideways
SHEET_BEHIND_LIPS = 0.75  # cm
UPPER_WIDTHS = np.array([0.0, 0.84, 1.48, 2.22, 2.9, 3.55, 4.2])  # cm from the middle to each tooth's edge
LOWER_WIDTHS = np.array([0.0, 0.54, 1.12, 1.8, 2.5, 3.2, 4.2])
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
) -> Float[np.ndarray, "H W 3"]:
    """Colours of the interior at points of the teeth sheet (cm, head frame); `vertices` in cm too.

    `upper_edge` and `lower_edge`: heights of the incisors' edges, cm; the upper row hangs from the skull, the lower one
    is carried by the jaw.
    """
    middle = float(vertices[[13, 14], 0].mean())
    x, y = sheet[..., 0] - middle, sheet[..., 1]
    lip_above, lip_below = float(vertices[13, 1]), float(vertices[14, 1])
    opening = lip_above - lip_below
    picture = np.broadcast_to(colours.cavity, (*x.shape, 3)).copy()

    tongue_radius = np.sqrt((x / 1.7) ** 2 + ((y - (lip_below - 0.30)) / (0.45 + 0.35 * opening)) ** 2)
    tongue = smoothstep(2.0 * (1.15 - tongue_radius)) * np.clip((opening - 0.45) / 0.5, 0, 1) * 0.9
    groove = 1 - 0.18 * np.exp(-((x / 0.12) ** 2))
    picture = _over(picture, colours.tongue * groove[..., None], tongue)

    lower_edge = min(lower_edge, lip_below + LOWER_SHOWS)
    mask, shade = _tooth_row(x, y - (lower_edge - 0.75), 0.75, LOWER_WIDTHS, LOWER_LENGTHS, downward=False)
    picture = _over(picture, colours.enamel * _enamel_shade(0.62 * shade), mask)
    mask, shade = _tooth_row(x, upper_edge + 0.95 - y, 0.95, UPPER_WIDTHS, UPPER_LENGTHS, downward=True)
    picture = _over(picture, colours.enamel * _enamel_shade(0.92 * shade), mask)

    upper = np.interp(sheet[..., 0], vertices[list(UPPER_LIP_INNER), 0], vertices[list(UPPER_LIP_INNER), 1])
    lower = np.interp(sheet[..., 0], vertices[list(LOWER_LIP_INNER), 0], vertices[list(LOWER_LIP_INNER), 1])
    half_width = max(abs(float(vertices[78, 0] - vertices[308, 0])) / 2, 0.1)
    shadow = 0.70 + 0.30 * smoothstep((upper - y) / 0.12)
    shadow = shadow * (0.78 + 0.22 * np.clip((y - lower) / 0.15, 0, 1))
    corner = half_width - np.abs(sheet[..., 0] - 0.5 * float(vertices[78, 0] + vertices[308, 0]))
    shadow = shadow * (0.45 + 0.55 * smoothstep(corner / (0.22 * half_width)))
    return picture * shadow[..., None]


def _over(below: np.ndarray, above: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return below * (1 - alpha[..., None]) + above * alpha[..., None]


def _enamel_shade(value: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W 3"]:
    """Darker enamel is also warmer."""
    clipped = np.clip(value, 0.02, 1.0)
    return np.stack([clipped**0.92, clipped**1.28, clipped**1.25], axis=-1)


def _tooth_row(
    x: Float[np.ndarray, "H W"],
    from_root: Float[np.ndarray, "H W"],
    length: float,
    widths: Float[np.ndarray, "7"],
    lengths: Float[np.ndarray, "7"],
    *,
    downward: bool,
) -> tuple[Float[np.ndarray, "H W"], Float[np.ndarray, "H W"]]:
    """Coverage and brightness of one row; `from_root` is the distance (cm) from the gum toward the biting edge."""
    aside = np.abs(x)
    tooth = np.clip(np.digitize(aside, widths) - 1, 0, 6)
    left, right = widths[tooth], np.append(widths, 5.0)[tooth + 1]
    place = (aside - left) / (right - left)
    to_edge = np.minimum(place, 1 - place)
    rounded = 1 - 0.10 * np.clip(1 - to_edge / 0.25, 0, 1) ** 2
    along = from_root / (length * lengths[tooth] * rounded)
    mask = np.clip((1 - along) / 0.10, 0, 1) * np.clip((along + 0.05) / 0.05, 0, 1) * (aside < 4.0)
    between = 0.84 + 0.16 * np.clip(to_edge / 0.14, 0, 1)
    fading = 1 - 0.55 * np.clip(aside / 2.6, 0, 1) ** 1.6
    return mask, between * fading * (0.82 + 0.18 * np.clip(1.5 * along, 0, 1)) if downward else between * fading


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
