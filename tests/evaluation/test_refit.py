"""Made-up heads whose landmarks are projected exactly are found again by the fit."""

import numpy as np
import pytest

from likeness.errors import NoFaceError
from likeness.evaluation.motion_measures import average_expression_distance, rotation_error
from likeness.evaluation.refit import person_of_landmarks, refit_motion
from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_yaw_pitch_roll
from likeness.heads.builtin import builtin_head
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.motion.pose import FRONTAL
from likeness.tracking.person import person_with_shape

SIDE = 512
YAWS = (-20.0, -5.0, 10.0)


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    head, camera = builtin_head(), default_camera(SIDE, SIDE)
    frames = []
    for number, yaw in enumerate(YAWS):
        expression = np.zeros(head.num_expression)
        expression[head.expression_names.index("jawOpen") if "jawOpen" in head.expression_names else 3] = 0.2 * number
        vertices = posed_vertices(head, np.zeros(head.num_shape), expression, np.zeros((5, 3)))
        turn = FRONTAL @ matrix_from_yaw_pitch_roll(float(np.radians(yaw)), 0.0, 0.0)
        points = landmark_points(head, vertices) @ turn.T + np.array([0.0, 0.0, 1.0])
        pixels = np.concatenate([camera.project(points), points[:, 2:] * camera.focal_pixels[0]], axis=1)
        irises = np.repeat(pixels[[33, 263]], 5, axis=0)
        frames.append(np.concatenate([pixels, irises]))
    return np.array(frames)


def test_known_turns_are_found(landmarks):
    head = builtin_head()
    person = person_with_shape(head, default_camera(SIDE, SIDE), np.zeros(head.num_shape))
    motion = refit_motion(landmarks, person, np.arange(3) / 25.0)
    wanted = np.stack(
        [axis_angle_from_matrix(FRONTAL @ matrix_from_yaw_pitch_roll(float(np.radians(yaw)), 0.0, 0.0)) for yaw in YAWS]
    )
    assert rotation_error(motion.rotation, wanted).max() < 0.5
    again = refit_motion(landmarks, person, np.arange(3) / 25.0)
    assert average_expression_distance(again.expression, motion.expression, head.expression_deviations).max() == 0.0


def test_missed_frames_are_told_and_nothing_at_all_is_refused(landmarks):
    person = person_of_landmarks(landmarks, builtin_head(), width=SIDE, height=SIDE)
    holed = landmarks.copy()
    holed[1] = np.nan
    assert refit_motion(holed, person, np.arange(3) / 25.0).valid.tolist() == [True, False, True]
    with pytest.raises(NoFaceError):
        refit_motion(np.full((2, 478, 3), np.nan), person, np.arange(2) / 25.0)
    with pytest.raises(NoFaceError):
        person_of_landmarks(np.full((2, 478, 3), np.nan), builtin_head(), width=SIDE, height=SIDE)
