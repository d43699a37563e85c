"""Gaze and lids from exact landmarks, whatever the pose."""

import numpy as np
import pytest

from likeness.geometry.transform import RigidTransform
from likeness.heads.builtin import builtin_head
from likeness.heads.model import JAW
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.tracking.eyes import eye_geometry, read_eyes
from tests.tracking.faces import landmarks, truth

HEAD = builtin_head()


def read(true):
    joints = np.zeros((5, 3))
    joints[JAW] = true.jaw
    fitted = landmark_points(HEAD, posed_vertices(HEAD, true.shape, true.expression, joints))
    pose = RigidTransform(rotation=true.rotation, translation=true.translation)
    return read_eyes(landmarks(true), fitted, pose, true.camera, eye_geometry(HEAD, true.shape))


@pytest.mark.parametrize("pose", [{}, {"yaw": 20, "pitch": 8}, {"yaw": -15, "roll": 20}])
@pytest.mark.parametrize("gaze", [(0.0, 0.0, 0.0), (0.0, 0.3, 0.0), (-0.2, -0.15, 0.0)])
def test_gaze_is_measured_in_the_head(pose, gaze):
    reading = read(truth(gaze=gaze, **pose))
    np.testing.assert_allclose(reading.gaze, np.tile(gaze, (2, 1)), atol=0.01)
    assert reading.trust > 0.9


def test_lids_do_not_depend_on_the_pose():
    frontal, turned = read(truth()).lids, read(truth(yaw=25, pitch=-10, roll=15)).lids
    np.testing.assert_allclose(turned, frontal, rtol=1e-6)
    assert 0.15 < frontal[0] < 0.5


def test_a_blink_closes_one_eye():
    reading = read(truth(named={"eyeBlinkLeft": 1.0}))
    assert reading.lids[0] < 0.25 * reading.lids[1]


def test_shut_eyes_are_not_trusted():
    reading = read(truth(named={"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}))
    assert reading.trust < 0.2
    assert np.isfinite(reading.gaze).all()
