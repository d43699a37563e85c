"""Exact t-SNE (van der Maaten and Hinton 2008) of a few hundred points, and its picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw

BISECTIONS = 60  # that find the width of each point's neighbourhood
EARLY, EARLY_FACTOR = 0.25, 12.0  # share of the steps in which neighbours attract this much more
EARLY_MOMENTUM, MOMENTUM = 0.5, 0.8
START = 1e-4  # deviation of the first places
LEAST_GAIN = 0.01
OVERSIZE = 4  # pixels drawn per pixel shown, along each side
COLOURS = (
    (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189),
    (140, 86, 75), (227, 119, 194), (110, 110, 110), (188, 189, 34), (23, 190, 207),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class TsneSettings:
    """How places are found."""

    perplexity: float = 10.0  # neighbours that count, about
    steps: int = 1000


def tsne(features: Float[np.ndarray, "N D"], settings: TsneSettings = TsneSettings()) -> Float[np.ndarray, "N 2"]:
    """Places in the plane whose neighbours are those of the features; the start is their principal plane.

    Raises:
        ValueError: there are fewer points than neighbours.
    """
    count = len(features)
    if count <= settings.perplexity + 1:
        raise ValueError(f"{count} points do not have {settings.perplexity:g} neighbours each")
    wanted = joint_probabilities(features, settings.perplexity)
    centred = features - features.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((count, 2))
    shown = min(2, len(sizes))
    places[:, :shown] = left[:, :shown] * sizes[:shown]
    places *= START / max(float(places.std(axis=0).max()), 1e-12)
    moved, gains = np.zeros_like(places), np.ones_like(places)
    early = int(EARLY * settings.steps)
    rate = max(count / EARLY_FACTOR, 50.0)
    for step in range(settings.steps):
        slope = _slope(places, wanted * (EARLY_FACTOR if step < early else 1.0))
        gains = np.maximum(np.where(np.sign(slope) == np.sign(moved), 0.8 * gains, gains + 0.2), LEAST_GAIN)
        moved = (EARLY_MOMENTUM if step < early else MOMENTUM) * moved - rate * gains * slope
        places = places + moved
        places -= places.mean(axis=0)
    return places


def joint_probabilities(features: Float[np.ndarray, "N D"], perplexity: float) -> Float[np.ndarray, "N N"]:
    """Symmetric probabilities of pairs to be neighbours, which sum to 1."""
    squares = np.square(features).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2.0 * features @ features.T, 0.0)
    np.fill_diagonal(distances, np.inf)
    distances /= max(float(np.median(distances)), 1e-12)
    nearest = distances.min(axis=1, keepdims=True)
    low, high = np.full((len(features), 1), 1e-6), np.full((len(features), 1), 1e6)
    for _ in range(BISECTIONS):
        sharpness = np.sqrt(low * high)
        weights = np.exp(-sharpness * (distances - nearest))
        shares = weights / weights.sum(axis=1, keepdims=True)
        entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1, keepdims=True)
        is_wide = entropy > np.log(perplexity)
        low, high = np.where(is_wide, sharpness, low), np.where(is_wide, high, sharpness)
    return (shares + shares.T) / (2.0 * len(features))


def _slope(places: Float[np.ndarray, "N 2"], wanted: Float[np.ndarray, "N N"]) -> Float[np.ndarray, "N 2"]:
    """Gradient of the Kullback-Leibler divergence from the wanted probabilities to those of the places."""
    gaps = places[:, None] - places[None]
    nearness = 1.0 / (1.0 + np.square(gaps).sum(axis=-1))
    np.fill_diagonal(nearness, 0.0)
    found = nearness / nearness.sum()
    return 4.0 * np.einsum("ij,ijx->ix", (wanted - found) * nearness, gaps)


def scatter_picture(
    places: Float[np.ndarray, "N 2"], groups: Int[np.ndarray, " N"] | Sequence[int], *, size: int = 320
) -> UInt8[np.ndarray, "size size 3"]:
    """Dots, of one colour for each group; ten groups have colours of their own."""
    side = OVERSIZE * size
    reach = max(float(np.abs(places).max()), 1e-9)
    pixels = (0.5 + 0.45 * places / reach * [1.0, -1.0]) * side
    picture = Image.new("RGB", (side, side), (255, 255, 255))
    draw = ImageDraw.Draw(picture)
    radius = 0.014 * side
    for (x, y), group in zip(pixels, groups, strict=True):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=COLOURS[int(group) % len(COLOURS)])
    return np.array(picture.resize((size, size), Image.Resampling.BOX))
