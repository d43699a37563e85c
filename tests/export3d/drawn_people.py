"""Drawn people for the contrastive stage: numbers that mix expression and identity, faces that show both.

64 numbers = A expression (6) + B identity (8) + noise; colours follow the identity, mouth and eyes the expression.
"""

from dataclasses import dataclass

import numpy as np
import torch

EXPRESSIONS, IDENTITIES, NUMBERS, SIDE = 6, 8, 64, 32
NOISE = 0.05


@dataclass(frozen=True, kw_only=True)
class World:
    """How expression and identity become numbers and colours."""

    expression_map: np.ndarray
    identity_map: np.ndarray
    colour_map: np.ndarray

    def numbers(self, identity: np.ndarray, expressions: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """[K 64] of one person."""
        clean = expressions @ self.expression_map + identity @ self.identity_map
        return (clean + NOISE * generator.standard_normal(clean.shape)).astype(np.float32)


def world(seed: int = 0) -> World:
    generator = np.random.default_rng(seed)
    return World(
        expression_map=generator.standard_normal((EXPRESSIONS, NUMBERS)) / EXPRESSIONS**0.5,
        identity_map=1.5 * generator.standard_normal((IDENTITIES, NUMBERS)) / IDENTITIES**0.5,
        colour_map=generator.standard_normal((IDENTITIES, 12)) / IDENTITIES**0.5,
    )


def faces(made: World, identity: np.ndarray, expressions: np.ndarray) -> np.ndarray:
    """[K 3 32 32] in -1..1: an oval with two light eyes and a dark mouth, all with soft edges."""
    tints = np.tanh(1.5 * identity @ made.colour_map).reshape(4, 3)
    strengths, greys = np.array([0.5, 0.4, 0.15, 0.15]), np.array([0.5, 0.5, 0.85, 0.15])
    behind, skin, light, dark = strengths[:, None] * tints + greys[:, None]
    row, column = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE - 0.5
    mouth_high, mouth_wide, right, left, gaze_x, gaze_y = np.tanh(expressions).T[..., None, None]
    pictures = np.broadcast_to(behind[:, None, None], (len(expressions), 3, SIDE, SIDE))

    def paint(x: np.ndarray, y: np.ndarray, wide: np.ndarray, high: np.ndarray, colour: np.ndarray) -> None:
        nonlocal pictures
        away = np.hypot((column - x) / wide, (row - y) / high)
        share = np.clip((1.0 - away) * np.minimum(wide, high) * SIDE + 0.5, 0.0, 1.0)[:, None]
        pictures = pictures + share * (colour[:, None, None] - pictures)

    zero = np.zeros_like(gaze_x)
    paint(zero, zero, zero + 0.40, zero + 0.48, skin)
    for side, opening in ((-0.18, right), (0.18, left)):
        paint(side + 0.05 * gaze_x, -0.13 + 0.06 * gaze_y, zero + 0.11, 0.07 + 0.05 * opening, light)
    paint(zero, zero + 0.23, 0.16 + 0.09 * mouth_wide, 0.10 + 0.07 * mouth_high, dark)
    return (2.0 * pictures - 1.0).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Videos:
    """K frames each of several people."""

    numbers: torch.Tensor  # [B K 64]
    pictures: torch.Tensor  # [B K 3 32 32]


def videos(made: World, persons: list[int], frames: int, generator: np.random.Generator) -> Videos:
    """Random expressions of people, who are told apart by their numbers."""
    numbers, pictures = [], []
    for person in persons:
        identity = np.random.default_rng((7, person)).standard_normal(IDENTITIES)
        expressions = generator.standard_normal((frames, EXPRESSIONS))
        numbers.append(made.numbers(identity, expressions, generator))
        pictures.append(faces(made, identity, expressions))
    return Videos(numbers=torch.from_numpy(np.stack(numbers)), pictures=torch.from_numpy(np.stack(pictures)))
