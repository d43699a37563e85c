"""The head fitted again to landmarks that were seen in pictures: identity locked, every frame from a cold start.

This is the tracker's fit without its smoothing and texture, alike for truth, results and what others produced.
"""

import numpy as np
from jaxtyping import Float

from likeness.errors import NoFaceError
from likeness.geometry.camera import default_camera
from likeness.heads.model import HeadModel
from likeness.motion.record import Motion
from likeness.tracking.assemble import motion_from_readings
from likeness.tracking.person import Person, Reading, estimate_person, fit_frame, reading

TRACKER = "refit"
SHAPE_FRAMES = 12  # spread over the sequence, from which the identity is estimated


def person_of_landmarks(landmarks: Float[np.ndarray, "T 478 3"], head: HeadModel, *, width: int, height: int) -> Person:
    """The identity of the face in a sequence of pictures of that size.

    Raises:
        NoFaceError: it was found in none of them.
    """
    seen = landmarks[np.isfinite(landmarks[:, 0, 0])]
    if not len(seen):
        raise NoFaceError("no picture shows a face that could be measured")
    chosen = np.linspace(0, len(seen) - 1, min(SHAPE_FRAMES, len(seen))).round().astype(int)
    return estimate_person(head, default_camera(width, height), [seen[index] for index in chosen])


def refit_motion(landmarks: Float[np.ndarray, "T 478 3"], person: Person, times: Float[np.ndarray, " T"]) -> Motion:
    """The motion that the landmarks show; `valid` is False where there are none (NaN).

    Raises:
        NoFaceError: there are none in any frame.
    """

    def read(points: Float[np.ndarray, "478 3"]) -> Reading | None:
        if np.isnan(points[0, 0]):
            return None
        return reading(person, points, fit_frame(person, points, None))

    readings = [read(points) for points in landmarks]
    if all(entry is None for entry in readings):
        raise NoFaceError("no picture shows a face that could be measured")
    return motion_from_readings(person, readings, times, source="", tracker=TRACKER)
