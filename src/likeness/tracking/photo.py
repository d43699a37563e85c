"""From a photograph to a `Portrait`: landmarks of the chosen face, then identity, pose and expression together."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, UInt8

from likeness.geometry.camera import DEFAULT_FOCAL_RATIO, default_camera
from likeness.heads.landmark_sets import LOWER_LIP_INNER, OUTER_EYE_CORNERS, UPPER_LIP_INNER
from likeness.heads.model import HeadModel
from likeness.tracking.basis import free_basis
from likeness.tracking.fit import fit, similarity_start, target_from_landmarks
from likeness.tracking.landmarks import image_landmarks
from likeness.tracking.person import SHAPE_PRIORS, person_with_shape, reading
from likeness.tracking.portrait import Portrait

OUTER_EYES = 89.0  # millimetres between the outer corners of the eyes
TOUCHING, APART = 1.5, 2.5  # millimetres: lips at most this far apart are closed; from the second on they are open
PHOTO_ITERATIONS = 10


def portrait_from_image(
    image: UInt8[np.ndarray, "H W 3"],
    head: HeadModel,
    *,
    face: int | None = None,
    focal_ratio: float = DEFAULT_FOCAL_RATIO,
) -> Portrait:
    """The photo with the head fitted to its face number `face` from the left (from 1), else to the largest.

    `focal_ratio` is the focal length / the longer side, where it is known.

    Raises:
        NoFaceError: no usable face, or not so many.
    """
    found = image_landmarks(image, face=face)
    found = replace(found, points=with_touching_lips(found.points))
    camera = default_camera(image.shape[1], image.shape[0], focal_ratio)
    basis = free_basis(head)
    target = target_from_landmarks(found.points, camera, basis)
    start = similarity_start(basis, target)
    state = fit(basis, target, start, iterations=PHOTO_ITERATIONS, priors=SHAPE_PRIORS)
    shape = state.coefficients[: basis.num_shape]
    person = person_with_shape(head, camera, shape, basis=basis)
    result = reading(person, found.points, replace(state, coefficients=state.coefficients[basis.num_shape :]))
    return Portrait(
        image=image,
        head=head,
        camera=camera,
        shape=shape,
        rest=result.frame,
        landmarks=found.points,
        confidence=result.confidence * found.score,
    )


def with_touching_lips(points: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "478 3"]:
    """Landmarks (pixels) whose inner lips meet where they nearly do: closed lips are read up to 1.5 mm apart, and what
    opens later would open from there.
    """
    millimetre = float(np.linalg.norm(points[OUTER_EYE_CORNERS[0]] - points[OUTER_EYE_CORNERS[1]])) / OUTER_EYES
    upper, lower = list(UPPER_LIP_INNER[1:-1]), list(LOWER_LIP_INNER[1:-1])
    gap = float(np.linalg.norm((points[upper] - points[lower])[:, :2], axis=1).max()) / millimetre
    closing = 1.0 - float(np.clip((gap - TOUCHING) / (APART - TOUCHING), 0.0, 1.0))
    middle = 0.5 * (points[upper] + points[lower])
    result = points.copy()
    for side in (upper, lower):
        result[side] += closing * (middle - points[side])
    return result
