"""Where a fitted head has the points of its face in a picture: for losses that look at faces and at their landmarks."""

import numpy as np
from jaxtyping import Float

from likeness.data.sample import Shot
from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING, LIPS_INNER, LIPS_OUTER, NOSE_BASE, NOSE_TIP
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points, posed_vertices

# Eyes (the picture's left one first), nose tip and mouth corners in an aligned face of 112 x 112 pixels, as face
# recognisers take it.
ALIGNED = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)])
MOUTH_CORNERS = (61, 291)  # the subject's right, left
BROWS = (70, 105, 107, 300, 334, 336)
NOSTRILS = (98, 327)
# What a face says with: every second point of eyes and lips, brows and nose.
SPEAKING = (
    *EYE_LEFT_RING[::2], *EYE_RIGHT_RING[::2], *LIPS_OUTER[::2], *LIPS_INNER[::2], *BROWS, NOSE_TIP, NOSE_BASE,
    *NOSTRILS,
)  # fmt: skip


def face_places(head: HeadModel, shape: Float[np.ndarray, " S"], shot: Shot) -> Float[np.ndarray, "L 2"]:
    """All landmarks of the head in a shot's picture, 0 to 1 across it."""
    vertices = posed_vertices(head, shape, shot.frame.expression, shot.frame.joints)
    points = shot.camera.project(shot.frame.T_cam_head.apply(landmark_points(head, vertices)))
    return points / np.array([shot.camera.width, shot.camera.height])


def five_places(places: Float[np.ndarray, "L 2"], *, is_mirrored: bool) -> Float[np.ndarray, "5 2"]:
    """Eyes (the picture's left one first), nose tip, mouth corners; of the mirrored picture where that is shown."""
    rings, corners = (EYE_RIGHT_RING, EYE_LEFT_RING), MOUTH_CORNERS
    if is_mirrored:
        places, rings, corners = mirrored(places), rings[::-1], corners[::-1]
    eyes = [places[list(ring)].mean(axis=0) for ring in rings]
    return np.stack([*eyes, places[NOSE_TIP], *(places[index] for index in corners)])


def mirrored(places: Float[np.ndarray, "L 2"]) -> Float[np.ndarray, "L 2"]:
    """The same places in the mirrored picture."""
    return places * np.array([-1.0, 1.0]) + np.array([1.0, 0.0])


def similarity(source: Float[np.ndarray, "N 2"], target: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "2 3"]:
    """The turn, size and shift that bring points nearest to others, in the least squares of the target."""
    first, second = source.mean(axis=0), target.mean(axis=0)
    away = (source - first) @ [1.0, 1.0j]
    wanted = (target - second) @ [1.0, 1.0j]
    factor = np.vdot(away, wanted) / max(float(np.vdot(away, away).real), 1e-12)
    matrix = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.concatenate([matrix, (second - matrix @ first)[:, None]], axis=1)
