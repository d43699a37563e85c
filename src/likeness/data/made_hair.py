"""The hair of a made-up person as a shell of strands that start at the crown, and the styles that are drawn from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from likeness.data.made_mesh import WornMesh, grid_faces, sphere_mesh
from likeness.heads.model import HeadModel

CENTRE = np.array([0.0, 0.03, -0.03])  # head frame, m: strands lie around this point
COLUMNS, ROWS, SAMPLES = 96, 30, 60
HEAD_PARTS = ("skin", "cranium")
NEAREST = 6  # vertices that tell how far the head reaches in a direction
LOWEST = -0.40  # m, where the longest hair would end
RIM = 0.0025  # m of hair at the ends of short strands


@dataclass(frozen=True, kw_only=True, slots=True)
class HairStyle:
    """Lengths in metres, heights in the head frame, angles in radians from the middle of the face."""

    top: float  # thickness above
    sides: float  # and beside
    front_end: float  # height at which strands end over the forehead
    side_end: float  # above or over the ears
    back_end: float  # at the nape or below
    face_angle: float  # half of the opening for the face
    hang: float  # 0: strands follow head and neck, 1: they fall straight down
    lumps: float  # uneven thickness, as a share
    waves: float  # m, sideways
    parting: float  # 0: none; -1 or 1: on that side of the subject (1: left)
    bun: float = 0.0  # radius; 0: none
    bun_angle: float = 0.0  # of the bun, from the crown backward


def random_hair_style(generator: np.random.Generator) -> HairStyle | None:
    """A haircut; None for a head that is bald or shaved."""
    kind = str(
        generator.choice(
            ["none", "short", "quiff", "medium", "long", "afro", "bun"], p=[0.12, 0.26, 0.14, 0.14, 0.2, 0.07, 0.07]
        )
    )
    if kind == "none":
        return None
    draw = generator.uniform
    parting = float(generator.choice([0.0, -1.0, 1.0], p=[0.4, 0.3, 0.3]))
    common = {"lumps": float(draw(0.05, 0.3)), "front_end": float(draw(0.07, 0.1)), "parting": parting}
    ear = float(draw(0.0, 0.03))
    if kind in ("short", "quiff"):
        top = float(draw(0.006, 0.018) if kind == "short" else draw(0.02, 0.04))
        return HairStyle(
            top=top, sides=float(draw(0.003, 0.009)), side_end=ear, back_end=float(draw(-0.07, -0.03)),
            face_angle=float(draw(1.05, 1.25)), hang=0.0, waves=0.0, **common,
        )  # fmt: skip
    if kind == "afro":
        size = float(draw(0.025, 0.06))
        return HairStyle(
            top=size, sides=size * float(draw(0.6, 1.0)), side_end=float(draw(-0.03, 0.02)),
            back_end=float(draw(-0.08, -0.05)), face_angle=float(draw(1.1, 1.3)), hang=0.0,
            waves=0.0, **(common | {"lumps": 0.3, "parting": 0.0}),
        )  # fmt: skip
    if kind == "bun":
        return HairStyle(
            top=float(draw(0.004, 0.01)), sides=float(draw(0.003, 0.007)), side_end=ear,
            back_end=float(draw(-0.07, -0.05)), face_angle=float(draw(1.1, 1.3)), hang=0.0, waves=0.0,
            bun=float(draw(0.025, 0.045)), bun_angle=float(draw(0.2, 1.6)), **common,
        )  # fmt: skip
    end = float(draw(-0.10, -0.06) if kind == "medium" else draw(-0.34, -0.13))
    fringe = float(draw(0.05, 0.065)) if generator.random() < 0.3 else common["front_end"]
    return HairStyle(
        top=float(draw(0.01, 0.025)), sides=float(draw(0.014, 0.03)), side_end=end, back_end=end - float(draw(0, 0.03)),
        face_angle=float(draw(0.95, 1.3)), hang=1.0, waves=float(draw(0.0, 0.006)), **(common | {"front_end": fringe}),
    )  # fmt: skip


def hair_mesh(
    head: HeadModel, vertices: Float[np.ndarray, "V 3"], style: HairStyle, generator: np.random.Generator
) -> WornMesh:
    """The shell over a person's head (unposed vertices, head frame)."""
    around = np.linspace(-np.pi, np.pi, COLUMNS + 1)[:-1]  # 0: over the face, positive to the subject's left
    reach = _HeadReach(head, vertices)
    ends = _ends(style, around)
    thickness_noise = 1.0 + style.lumps * _smooth_noise(generator, (ROWS, COLUMNS), 3.0)
    wave = style.waves * np.sin(np.linspace(0.0, 7.0, ROWS)[:, None] * np.pi + 2.0 * np.pi * generator.random())
    wave = wave * (1.0 + 0.5 * _smooth_noise(generator, (ROWS, COLUMNS), 2.0))
    points = np.empty((ROWS, COLUMNS, 3))
    for column, angle in enumerate(around):
        points[:, column] = _strand(reach, style, float(angle), float(ends[column]), thickness_noise[:, column])
        aside = np.array([np.cos(angle), 0.0, -np.sin(angle)])
        points[:, column] += (np.linspace(0.0, 1.0, ROWS) * wave[:, column])[:, None] * aside
    if style.parting:
        points[..., 1] -= (
            0.006 * np.exp(-(((points[..., 0] - 0.028 * style.parting) / 0.006) ** 2)) * (points[..., 1] > 0.09)
        )
    along = np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=2).cumsum(axis=0)
    places = np.stack(
        [np.broadcast_to(0.09 * around, (ROWS, COLUMNS)), 0.12 * along, np.zeros((ROWS, COLUMNS))], axis=-1
    )
    shade = np.repeat(np.linspace(0.85, 1.05, ROWS)[:, None], COLUMNS, axis=1)
    shell = WornMesh.of_kind(
        "hair", points.reshape(-1, 3), grid_faces(ROWS, COLUMNS), places=places.reshape(-1, 3), shade=shade.ravel()
    )
    if style.bun == 0.0:
        return shell
    direction = np.array([0.0, np.cos(style.bun_angle), -np.sin(style.bun_angle)])
    centre = CENTRE + direction * (reach.along(direction[None])[0] + 0.5 * style.bun)
    return shell.joined(sphere_mesh("hair", centre, style.bun))


class _HeadReach:
    """How far the head reaches from `CENTRE`, by direction."""

    def __init__(self, head: HeadModel, vertices: Float[np.ndarray, "V 3"]) -> None:
        parts = [name for name in HEAD_PARTS if name in head.part_names]
        arms = vertices[np.unique(head.part_faces(*parts))] - CENTRE
        self._reach = np.linalg.norm(arms, axis=1)
        self._tree = cKDTree(arms / self._reach[:, None])

    def along(self, directions: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " N"]:
        distances, nearest = self._tree.query(directions, k=NEAREST)
        weights = 1.0 / (distances + 0.02) ** 2
        return (weights * self._reach[nearest]).sum(axis=1) / weights.sum(axis=1)


def _ends(style: HairStyle, around: Float[np.ndarray, " C"]) -> Float[np.ndarray, " C"]:
    """Height at which the strands of each column end."""
    aside = np.abs(around)
    knots = style.face_angle + np.array([0.0, 0.25, 0.75, 1.1])
    heights = np.array([style.front_end, style.side_end, style.side_end, style.back_end])
    ends = np.interp(aside, [0.0, *knots], [style.front_end, *heights])
    ends = ends - 0.012 * np.clip(aside / style.face_angle, 0.0, 1.0) ** 2 * (aside < style.face_angle)
    return gaussian_filter1d(ends, 1.0, mode="wrap")


def _strand(
    reach: _HeadReach, style: HairStyle, angle: float, end: float, noise: Float[np.ndarray, " R"]
) -> Float[np.ndarray, "R 3"]:
    """Points of one strand, from the crown to the height `end`."""
    polar = np.linspace(0.02, 2.4, SAMPLES)
    directions = np.stack([np.sin(polar) * np.sin(angle), np.cos(polar), np.sin(polar) * np.cos(angle)], axis=1)
    arms = directions * reach.along(directions)[:, None]
    out, height = np.linalg.norm(arms[:, [0, 2]], axis=1), CENTRE[1] + arms[:, 1]
    height = np.minimum.accumulate(height)
    out = (1.0 - style.hang) * out + style.hang * np.maximum.accumulate(out)
    out, height = np.append(out, out[-1]), np.append(height, min(LOWEST, height[-1] - 0.01))
    along = np.append(0.0, np.hypot(np.diff(out), np.diff(height)).cumsum())
    stop = np.interp(-end, -height, along)
    share = np.linspace(0.0, 1.0, ROWS)
    at = share * stop
    out, height = np.interp(at, along, out), np.interp(at, along, height)
    upward = np.clip((height - CENTRE[1]) / 0.09, 0.0, 1.0)  # 1 at the crown
    thickness = (style.sides + (style.top - style.sides) * upward**0.7) * noise
    is_long = float(np.clip((0.0 - end) / 0.05, 0.0, 1.0)) * style.hang
    ending = np.clip((1.0 - share) / (0.3 if is_long < 0.5 else 0.06), 0.0, 1.0)
    thickness = RIM + (np.maximum(thickness, 0.001) - RIM) * np.sqrt(ending) if is_long < 0.5 else thickness
    normal_out = np.sqrt(np.clip(1.0 - upward**2, 0.0, 1.0))
    out, height = out + thickness * np.maximum(normal_out, 0.35 * (share > 0.05)), height + thickness * upward
    return np.stack([out * np.sin(angle), height, CENTRE[2] + out * np.cos(angle)], axis=1)


def _smooth_noise(generator: np.random.Generator, shape: tuple[int, int], width: float) -> Float[np.ndarray, "R C"]:
    """Deviation 1, smooth, the same at the first and last column; none at the crown, where all columns meet."""
    noise = generator.standard_normal(shape)
    noise = gaussian_filter1d(gaussian_filter1d(noise, width, axis=0), width, axis=1, mode="wrap")
    noise = noise / max(float(noise.std()), 1e-9)
    return noise * np.clip(np.linspace(0.0, 4.0, shape[0]), 0.0, 1.0)[:, None]
