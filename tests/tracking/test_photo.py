"""A photograph becomes a portrait."""

import cv2
import numpy as np
import pytest

from likeness.errors import NoFaceError
from likeness.geometry.rotation import yaw_pitch_roll_from_matrix
from likeness.heads.builtin import builtin_head
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.tracking.photo import portrait_from_image
from tests.tracking.faces import astronaut


def residual_of(portrait):
    head = portrait.head
    vertices = posed_vertices(head, portrait.shape, portrait.rest.expression, portrait.rest.joints)
    pixels = portrait.camera.project(portrait.rest.T_cam_head.apply(landmark_points(head, vertices)))
    width = np.linalg.norm(portrait.landmarks[33, :2] - portrait.landmarks[263, :2])
    error = np.sqrt(((pixels - portrait.landmarks[:468, :2]) ** 2).sum(axis=1).mean())
    return 100.0 * error / width


def test_public_portrait():
    portrait = portrait_from_image(astronaut(), builtin_head())
    assert residual_of(portrait) < 1.3
    assert portrait.confidence > 0.7
    facing = np.diag([1.0, -1.0, -1.0])
    angles = np.degrees(yaw_pitch_roll_from_matrix(facing @ portrait.rest.T_cam_head.rotation))
    assert np.abs(angles).max() < 30.0
    assert (portrait.rest.lids > 0.1).all()


def test_no_face():
    with pytest.raises(NoFaceError):
        portrait_from_image(np.zeros((200, 200, 3), np.uint8), builtin_head())


@pytest.mark.data
def test_measured_portraits(measuring_data):
    paths = sorted((measuring_data / "portraits").glob("*.jpg"))[:40:8]
    for path in paths:
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        assert residual_of(portrait_from_image(image, builtin_head())) < 1.6, path.name
