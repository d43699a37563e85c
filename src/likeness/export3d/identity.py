"""The identity term: faces of the drawn and the true picture, aligned by the fitted head, as a recogniser sees them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from likeness.data.sample import Shot
from likeness.export3d.face_crops import MOUTH_CORNERS, similarity
from likeness.geometry.camera import Camera
from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING, NOSE_TIP
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.nn.face_recognition import ALIGNED, aligned_faces

Recogniser = Callable[[Tensor], Tensor]  # aligned faces to embeddings of length 1


def identity_term(
    recogniser: Recogniser,
    pictures: Float[Tensor, "B 3 H W"],
    truth: Float[Tensor, "B 3 H W"],
    maps: Float[Tensor, "B 2 3"],
) -> Float[Tensor, ""]:
    """One minus the mean cosine between embeddings."""
    one, other = (recogniser(aligned_faces(images, maps)) for images in (pictures, truth.detach()))
    return 1.0 - (one * other).sum(dim=1).mean()


def face_map(head: HeadModel, shape: Float[np.ndarray, " S"], shot: Shot) -> Float[np.ndarray, "2 3"]:
    """From pixel positions in an aligned face to places in the shot's picture, -1 to 1 across it."""
    vertices = posed_vertices(head, shape, shot.frame.expression, shot.frame.joints)
    points = shot.camera.project(shot.frame.T_cam_head.apply(landmark_points(head, vertices)))
    return similarity(np.array(ALIGNED), _across(five_points(points), shot.camera))


def five_points(points: Float[np.ndarray, "L 2"]) -> Float[np.ndarray, "5 2"]:
    """Eyes (the picture's left one first), nose tip, mouth corners."""
    eyes = [points[list(ring)].mean(axis=0) for ring in (EYE_RIGHT_RING, EYE_LEFT_RING)]
    return np.stack([*eyes, points[NOSE_TIP], *(points[index] for index in MOUTH_CORNERS)])


def _across(points: Float[np.ndarray, "N 2"], camera: Camera) -> Float[np.ndarray, "N 2"]:
    """Pixel positions as places from -1 to 1."""
    return 2.0 * points / np.array([camera.width, camera.height]) - 1.0
