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
    """[K 3 32 32] in -1..1: an oval with two eyes and a mouth."""
    colours = 0.5 + 0.35 * np.tanh(identity @ made.colour_map).reshape(4, 3)
    row, column = np.mgrid[0:SIDE, 0:SIDE] / SIDE + 0.5 / SIDE - 0.5
    pictures = []
    for moved in np.tanh(expressions):
        picture = np.tile(colours[0][:, None, None], (1, SIDE, SIDE))

        def paint(inside: np.ndarray, colour: np.ndarray, picture: np.ndarray = picture) -> None:
            picture[:, inside] = colour[:, None]

        paint((column / 0.38) ** 2 + (row / 0.46) ** 2 < 1.0, colours[1])
        for side, opening in ((-1.0, moved[2]), (1.0, moved[3])):
            x, y = 0.16 * side + 0.04 * moved[4], -0.12 + 0.05 * moved[5]
            paint(((column - x) / 0.09) ** 2 + ((row - y) / (0.055 + 0.045 * opening)) ** 2 < 1.0, colours[2])
        wide, high = 0.15 + 0.08 * moved[1], 0.08 + 0.06 * moved[0]
        paint((column / wide) ** 2 + ((row - 0.22) / high) ** 2 < 1.0, colours[3])
        pictures.append(picture)
    return (2.0 * np.stack(pictures) - 1.0).astype(np.float32)


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
