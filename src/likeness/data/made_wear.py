"""What a made-up person wears beside skin: hair, shoulders in cloth, glasses; and the colours of all that."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from likeness.data.made_hair import hair_mesh, random_hair_style
from likeness.data.made_mesh import KINDS, WornMesh, grid_faces, tube_mesh
from likeness.data.made_surface import GRAIN, STRAND, Person, noise
from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points, unposed_vertices

# Heights (m, head frame) of the torso's rings, their half widths as a share of the shoulders', and half depths (m).
TORSO_HEIGHTS = np.array([-0.112, -0.125, -0.138, -0.15, -0.162, -0.175, -0.19, -0.21, -0.25, -0.32, -0.45])
TORSO_WIDTHS = np.array([0.28, 0.29, 0.35, 0.48, 0.65, 0.82, 0.94, 1.0, 1.02, 1.0, 0.96])
TORSO_DEPTHS = np.array([0.055, 0.058, 0.068, 0.08, 0.09, 0.1, 0.108, 0.115, 0.12, 0.125, 0.125])
TORSO_MIDDLE = -0.052  # m, depth of its axis
SQUARENESS = 2.6  # exponent of the rings' superellipse
GLASSES_SHARE, DARK_SHARE = 0.22, 0.12  # of the people, and of their glasses
FRAME_COLOURS = np.array(
    [[0.01, 0.01, 0.01], [0.06, 0.03, 0.015], [0.35, 0.3, 0.2], [0.3, 0.3, 0.32], [0.2, 0.02, 0.02]]
)
LENS = np.array([0.012, 0.012, 0.014])


@dataclass(frozen=True, kw_only=True, slots=True)
class Wear:
    """Meshes and their colours (linear light)."""

    mesh: WornMesh
    jacket: Float[np.ndarray, "3"]
    neckline: float  # m: how deep the skin (or the shirt) shows below the throat
    lapel: float  # m: half width at the throat of what shows between the lapels; 0: no jacket
    frame: Float[np.ndarray, "3"]


def random_wear(head: HeadModel, shape: Float[np.ndarray, " S"], generator: np.random.Generator) -> Wear:
    """Anything that fits this person."""
    vertices = unposed_vertices(head, shape, np.zeros(head.num_expression))
    mesh = torso_mesh(float(generator.uniform(0.185, 0.245)))
    style = random_hair_style(generator)
    if style is not None:
        mesh = mesh.joined(hair_mesh(head, vertices, style, generator))
    if generator.random() < GLASSES_SHARE:
        mesh = mesh.joined(glasses_mesh(head, vertices, generator))
    has_jacket = generator.random() < 0.45
    return Wear(
        mesh=mesh,
        jacket=generator.uniform(0.01, 0.12) * (1.0 + 0.25 * generator.standard_normal(3)),
        neckline=float(generator.choice([0.0, generator.uniform(0.02, 0.08)])),
        lapel=float(generator.uniform(0.03, 0.06)) if has_jacket else 0.0,
        frame=FRAME_COLOURS[generator.integers(len(FRAME_COLOURS))],
    )


def torso_mesh(half_width: float) -> WornMesh:
    """Neck base, shoulders and chest."""
    around = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    heights = np.linspace(TORSO_HEIGHTS[0], TORSO_HEIGHTS[-1], 40)[:, None]
    widths = np.interp(-heights, -TORSO_HEIGHTS, TORSO_WIDTHS) * half_width
    depths = np.interp(-heights, -TORSO_HEIGHTS, TORSO_DEPTHS)
    across, ahead = np.sin(around), np.cos(around)
    power = 2.0 / SQUARENESS
    x = widths * np.sign(across) * np.abs(across) ** power
    z = TORSO_MIDDLE + depths * np.sign(ahead) * np.abs(ahead) ** power
    points = np.stack([x, np.broadcast_to(heights, x.shape), z], axis=-1)
    shade = np.clip(0.6 + (-0.11 - points[..., 1]) / 0.08, 0.6, 1.0)  # the chin's shadow
    return WornMesh.of_kind("cloth", points.reshape(-1, 3), grid_faces(40, 48), shade=shade.ravel())


def glasses_mesh(head: HeadModel, vertices: Float[np.ndarray, "V 3"], generator: np.random.Generator) -> WornMesh:
    """Two rims, a bridge and temples; sometimes dark lenses."""
    points = landmark_points(head, vertices)
    eyes = [points[list(ring)].mean(axis=0) for ring in (EYE_RIGHT_RING, EYE_LEFT_RING)]
    front = float(max(points[168, 2], points[6, 2], *(eye[2] + 0.014 for eye in eyes)))
    height = float(np.mean([eye[1] for eye in eyes])) - 0.002
    half_width, half_height = generator.uniform(0.022, 0.027), generator.uniform(0.014, 0.022)
    squareness = 2.0 / generator.uniform(2.0, 4.0)
    radius = float(generator.uniform(0.0008, 0.002))
    is_dark = generator.random() < DARK_SHARE
    angles = np.linspace(0.0, 2.0 * np.pi, 28, endpoint=False)
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    unit = np.sign(unit) * np.abs(unit) ** squareness
    meshes = []
    for side, eye in zip((-1.0, 1.0), eyes, strict=True):
        rim = np.empty((len(angles), 3))
        rim[:, 0], rim[:, 1] = eye[0] + half_width * unit[:, 0], height + half_height * unit[:, 1]
        rim[:, 2] = front - 1.5 * rim[:, 0] ** 2
        meshes.append(tube_mesh("frame", rim, radius, is_closed=True))
        hinge = np.array([eye[0] + side * half_width, height + 0.006, front - 1.5 * (abs(eye[0]) + half_width) ** 2])
        ear = np.array([side * max(0.078, abs(hinge[0]) + 0.006), height + 0.004, -0.03])
        meshes.append(tube_mesh("frame", hinge + np.linspace(0.0, 1.0, 8)[:, None] * (ear - hinge), radius))
        if is_dark:
            fan = np.stack([np.full(28, 28), np.arange(28), (np.arange(28) + 1) % 28], axis=1)
            meshes.append(WornMesh.of_kind("lens", np.concatenate([rim, rim.mean(axis=0)[None]]), fan))
    inner = [eyes[0][0] + half_width, eyes[1][0] - half_width]
    share = np.linspace(0.0, 1.0, 7)
    bridge = np.stack(
        [inner[0] + share * (inner[1] - inner[0]), height + 0.003 + 0.004 * np.sin(np.pi * share), np.full(7, front)],
        axis=1,
    )
    return tube_mesh("frame", bridge, radius).joined(*meshes)


def worn_colours(
    person: Person,
    wear: Wear,
    *,
    points: Float[np.ndarray, "N 3"],
    places: Float[np.ndarray, "N 3"],
    shade: Float[np.ndarray, " N"],
    kinds: Int[np.ndarray, " N"],
) -> Float[np.ndarray, "N 3"]:
    """Colours (linear light) at points of the worn mesh (head frame, m)."""
    colour = np.empty((len(points), 3))
    hair = kinds == KINDS.index("hair")
    strands = noise(person.grain, places[hair], GRAIN) + 0.5 * noise(person.grain, places[hair], 4.0 * GRAIN)
    colour[hair] = person.hair * np.exp(0.4 * strands)[:, None]
    cloth = kinds == KINDS.index("cloth")
    colour[cloth] = _cloth(person, wear, points[cloth])
    colour[kinds == KINDS.index("frame")] = wear.frame
    colour[kinds == KINDS.index("lens")] = LENS
    return np.clip(colour * shade[:, None], 0.0, 1.0)


def _cloth(person: Person, wear: Wear, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Shirt, what shows of the skin above it, and a jacket over it."""
    woven = 1.0 + 0.12 * noise(person.grain, points * STRAND[::-1], 2.0 * GRAIN)[:, None]
    colour = person.cloth * woven
    x, y, is_front = np.abs(points[:, 0]), points[:, 1], points[:, 2] > TORSO_MIDDLE
    throat = TORSO_HEIGHTS[1]
    skin = is_front & (y > throat - wear.neckline + 1.2 * x)
    colour[skin | (y > throat)] = person.skin
    if wear.lapel > 0.0:
        open_width = wear.lapel * np.clip(1.0 + (y - throat) / 0.25, 0.1, 1.0)
        colour[(~is_front | (x > open_width)) & (y < throat - 0.008)] = wear.jacket
    return colour
