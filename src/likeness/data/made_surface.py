"""The look of a made-up person: colours of a head's surface as a function of the place on it, and of the light.

Colours are looked up at the unposed template, so every point of the surface keeps its colour in all poses.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy.ndimage import map_coordinates

from likeness.heads.landmark_sets import LIPS_INNER, LIPS_OUTER
from likeness.heads.model import HeadModel
from likeness.heads.show import IRIS_ANGLE, PUPIL_ANGLE, eye_angles

# Linear light, from dark to light.
SKINS = np.array(
    [[0.06, 0.028, 0.018], [0.18, 0.085, 0.05], [0.38, 0.2, 0.125], [0.62, 0.37, 0.25], [0.76, 0.51, 0.39]]
)
HAIR = np.array(
    [
        [0.012, 0.01, 0.009],
        [0.03, 0.018, 0.011],
        [0.08, 0.045, 0.024],
        [0.3, 0.19, 0.085],
        [0.32, 0.31, 0.3],
        [0.16, 0.055, 0.022],
    ]
)
HAIR_SHARES = np.array([0.28, 0.24, 0.2, 0.12, 0.1, 0.06])
IRIS = np.array([[0.08, 0.04, 0.02], [0.12, 0.2, 0.35], [0.1, 0.18, 0.1], [0.18, 0.2, 0.22]])
LIPS = np.array([0.92, 0.55, 0.55])  # of the skin's colour
MOUTH, TEETH, SCLERA = np.array([0.12, 0.02, 0.02]), np.array([0.72, 0.69, 0.6]), np.array([0.58, 0.56, 0.55])
BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
BEARD = (
    152, 148, 176, 149, 150, 136, 172, 377, 400, 378, 379, 365, 397, 199, 208, 428, 175, 171, 396, 140, 369, 170, 395,
    135, 364, 169, 394, 32, 262, 194, 418, 201, 421, 200, 18, 83, 313, 164, 167, 393, 92, 322, 186, 410, 57, 287,
)  # fmt: skip
BLUSH_PLACES = np.array([[0.042, -0.015, 0.05], [-0.042, -0.015, 0.05], [0.0, -0.012, 0.08]])  # m: cheeks, nose
BLUSH_REACH = np.array([0.016, 0.016, 0.011])
NOISE_SIDE = 32  # cells of a noise volume along each axis; it repeats beyond
BLOTCH, GRAIN = 0.012, 0.0035  # m, cells of the two volumes
STRAND = np.array([0.6, 0.12, 0.6])  # hair's noise is drawn out along the head's height
TINT = 0.15  # of a background: how far its colours are from grey
MOUSTACHE = (164, 167, 393, 92, 322, 186, 410, 57, 287)
GOATEE = (152, 148, 377, 199, 208, 428, 175, 171, 396, 200, 201, 421, 18, 83, 313, 176, 400)
BEARDS = (BEARD, BEARD, MOUSTACHE, (*MOUSTACHE, *GOATEE))
PAINTS = ("lips", "brows", "beard", "hair", "cloth", "eye angle")


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Colours (linear light, 0 to 1) and patterns of one made-up person."""

    skin: Float[np.ndarray, "3"]
    hair: Float[np.ndarray, "3"]
    iris: Float[np.ndarray, "3"]
    cloth: Float[np.ndarray, "3"]
    beard: float  # 0 to 1
    beard_landmarks: tuple[int, ...]  # where it grows
    beard_length: float  # m
    blush: float  # redder cheeks and nose
    is_shaved: bool  # no hair is painted on the head
    hairline: float  # m, height above which the front of the head has hair
    mottling: float  # how strongly the skin varies
    blotches: Float32[np.ndarray, "N N N 3"]
    grain: Float32[np.ndarray, "N N N"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Light:
    """Two distant lamps and light from all around; it stands still while the head turns."""

    directions: Float[np.ndarray, "2 3"]  # camera axes, unit vectors from the surface to the lamps
    colours: Float[np.ndarray, "2 3"]
    ambient: Float[np.ndarray, "3"]
    gloss: float


def random_person(generator: np.random.Generator) -> Person:
    """Any person."""
    tone = generator.random() * (len(SKINS) - 1)
    skin = np.array([np.interp(tone, np.arange(len(SKINS)), channel) for channel in SKINS.T])
    cloth = generator.uniform(0.02, 0.85) ** 1.5
    return Person(
        skin=skin * (1.0 + 0.03 * generator.standard_normal(3)) * np.exp(0.1 * generator.standard_normal()),
        hair=HAIR[generator.choice(len(HAIR), p=HAIR_SHARES)] * np.exp(0.3 * generator.standard_normal()),
        iris=IRIS[generator.integers(len(IRIS))] * np.exp(0.2 * generator.standard_normal(3)),
        cloth=np.clip(cloth * np.exp(0.45 * generator.standard_normal(3)), 0.01, 0.9),
        beard=float(generator.random() < 0.3) * float(generator.uniform(0.3, 1.0)),
        beard_landmarks=BEARDS[generator.integers(len(BEARDS))],
        beard_length=float(generator.choice([0.0, generator.uniform(0.0, 0.01)])),
        blush=float(generator.uniform(0.0, 0.35)),
        is_shaved=bool(generator.random() < 0.08),
        hairline=float(generator.uniform(0.05, 0.085)),
        mottling=float(generator.uniform(0.1, 0.35)),
        blotches=generator.standard_normal((NOISE_SIDE, NOISE_SIDE, NOISE_SIDE, 3), dtype=np.float32),
        grain=generator.standard_normal((NOISE_SIDE, NOISE_SIDE, NOISE_SIDE), dtype=np.float32),
    )


def random_light(generator: np.random.Generator) -> Light:
    """Lamps above, beside or below the camera."""
    directions = generator.standard_normal((2, 3)) * np.array([1.0, 0.7, 0.5]) + np.array([0.0, -0.4, -1.0])
    tint = 1.0 + 0.12 * generator.standard_normal((2, 3))
    return Light(
        directions=directions / np.linalg.norm(directions, axis=1, keepdims=True),
        colours=np.array([[generator.uniform(0.5, 1.1)], [generator.uniform(0.0, 0.4)]]) * tint,
        ambient=generator.uniform(0.15, 0.45) * (1.0 + 0.08 * generator.standard_normal(3)),
        gloss=float(generator.uniform(0.0, 0.12)),
    )


def paint_layers(head: HeadModel, person: Person) -> Float[np.ndarray, "V K"]:
    """For each vertex how much of each of `PAINTS` lies on it (0 to 1), and its angle from the eyeball's axis."""
    height, depth = head.template[:, 1], head.template[:, 2]
    on_cranium = np.zeros(len(head.template))
    if "cranium" in head.part_names:
        on_cranium[np.unique(head.part_faces("cranium"))] = 1.0
    hair = on_cranium * ((height > person.hairline) | ((depth < 0.0) & (height > -0.06))).astype(float)
    hair = np.maximum(hair, (height > person.hairline + 0.012).astype(float))
    if person.is_shaved:
        hair = np.zeros_like(hair)
    cloth = (height < -0.125).astype(float)
    layers = [
        _near(head, (*LIPS_OUTER, *LIPS_INNER)),
        _near(head, BROWS),
        person.beard * _near(head, person.beard_landmarks),
    ]
    return np.stack([*layers, hair.astype(float), cloth, eye_angles(head)], axis=1)


def albedo(
    person: Person,
    head: HeadModel,
    places: Float[np.ndarray, "N 3"],
    paints: Float[np.ndarray, "N K"],
    parts: Int[np.ndarray, " N"],
) -> Float[np.ndarray, "N 3"]:
    """Colours (linear light) at surface points: `places` on the template (metres), `parts` as in `head.face_parts`."""
    lips, brows, beard, hair, cloth, angle = paints.T
    fine = noise(person.grain, places, GRAIN)
    skin = person.skin * (1.0 + person.mottling * (0.35 * _colour_noise(person.blotches, places) + 0.3 * fine[:, None]))
    warm = np.minimum(np.linalg.norm((places - BLUSH_PLACES[:, None]) / BLUSH_REACH[:, None, None], axis=2), 2.0)
    warm = np.exp(-(warm**2)).sum(axis=0)[:, None] * person.blush
    skin = skin * (1.0 - warm * np.array([0.0, 0.35, 0.3]))
    strands = noise(person.grain, places * STRAND, GRAIN)
    hairy = person.hair * np.exp(0.5 * strands)[:, None]
    woven = person.cloth * (1.0 + 0.3 * noise(person.grain, places, 2.0 * GRAIN))[:, None]
    colour = skin
    for share, other in (
        (0.75 * lips, person.skin * LIPS * (1.0 + 0.1 * fine[:, None])),
        (np.clip(0.85 * brows**2 * (1.0 + 0.3 * fine), 0.0, 0.9), hairy),
        (np.clip(beard * (0.8 + 0.4 * fine), 0.0, 0.9), hairy),
        (np.clip(hair, 0.0, 1.0), hairy),
        (np.clip(cloth, 0.0, 1.0), woven),
    ):
        colour = colour * (1.0 - share[:, None]) + share[:, None] * other
    for name, plain in (("mouth", MOUTH), ("teeth_upper", TEETH), ("teeth_lower", TEETH)):
        if name in head.part_names:
            colour[parts == head.part_names.index(name)] = plain
    for name in ("eye_left", "eye_right"):
        if name in head.part_names:
            chosen = parts == head.part_names.index(name)
            colour[chosen] = _eye_colour(person, angle[chosen], fine[chosen])
    return np.clip(colour, 0.0, 1.0)


def lit(
    colour: Float[np.ndarray, "N 3"],
    normals: Float[np.ndarray, "N 3"],
    views: Float[np.ndarray, "N 3"],
    light: Light,
) -> Float[np.ndarray, "N 3"]:
    """What the camera sees of surface points, in linear light: matte, with a soft gloss (Blinn and Phong).

    `normals` and `views` (from the surface to the camera) are unit vectors in camera axes.
    """
    result = colour * light.ambient
    for direction, lamp in zip(light.directions, light.colours, strict=True):
        facing = np.clip(normals @ direction, 0.0, None)
        half = direction + views
        half = half / np.linalg.norm(half, axis=1, keepdims=True)
        shine = light.gloss * np.clip(np.einsum("nx,nx->n", normals, half), 0.0, None) ** 24 * (facing > 0.0)
        result = result + lamp * (colour * facing[:, None] + shine[:, None])
    return result


def random_background(size: int, generator: np.random.Generator) -> Float32[np.ndarray, "H W 3"]:
    """A soft gradient with blurred shapes in it (linear light)."""
    import cv2

    grey = generator.random((2, 2, 1)) ** 1.5
    corners = (grey * (1.0 + TINT * generator.standard_normal((2, 2, 3)))).astype(np.float32)
    picture = cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)
    for cells in (5, 11, 31):
        spots = generator.standard_normal((cells, cells, 1)) + TINT * generator.standard_normal((cells, cells, 3))
        strength = np.float32(0.4 / cells**0.5 * generator.random())
        picture = picture + strength * cv2.resize(spots.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0.0, 1.0)


def _near(head: HeadModel, landmarks: tuple[int, ...]) -> Float[np.ndarray, " V"]:
    """1 at the vertices that carry these face-mesh landmarks, 0 elsewhere."""
    painted = np.zeros(len(head.template))
    chosen = [index for index in landmarks if index < len(head.landmark_faces)]
    corners, shares = head.faces[head.landmark_faces[chosen]], head.landmark_barycentrics[chosen]
    np.maximum.at(painted, corners, shares)
    return painted


def _eye_colour(
    person: Person, angle: Float[np.ndarray, " N"], fine: Float[np.ndarray, " N"]
) -> Float[np.ndarray, "N 3"]:
    """Sclera, iris and pupil by the angle from the eyeball's axis."""
    colour = np.tile(SCLERA, (len(angle), 1))
    on_iris = angle < IRIS_ANGLE
    colour[on_iris] = person.iris * (1.0 + 0.4 * fine[on_iris, None])
    colour[angle < PUPIL_ANGLE] = 0.01
    return colour


def noise(
    volume: Float32[np.ndarray, "N N N"], places: Float[np.ndarray, "M 3"], cell: float
) -> Float[np.ndarray, " M"]:
    """A noise volume at places (m), whose cells have that side (m); deviation below 1 between the cells' centres."""
    return map_coordinates(volume, (places / cell).T, order=1, mode="grid-wrap")


def _colour_noise(volume: Float32[np.ndarray, "N N N 3"], places: Float[np.ndarray, "M 3"]) -> Float[np.ndarray, "M 3"]:
    """The same change for all channels, and a smaller one of the tint."""
    channels = [noise(np.ascontiguousarray(volume[..., channel]), places, BLOTCH) for channel in range(3)]
    return channels[0][:, None] + 0.35 * np.stack(channels, axis=1)
