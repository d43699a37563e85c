"""The identity term: faces that come out aligned, a term that is nothing for the truth."""

import numpy as np
import torch

from likeness.data.face_places import ALIGNED
from likeness.data.sample import Shot
from likeness.export3d.identity import face_map, identity_term
from likeness.geometry.camera import default_camera
from likeness.nn.face_recognition import SIDE
from tests.export3d.models import HEAD
from tests.heads_for_tests import rest_frame


def test_the_aligned_places_fall_on_eyes_nose_and_mouth():
    frame, camera = rest_frame(HEAD), default_camera(256, 256)
    shot = Shot(image=np.zeros((256, 256, 3), np.uint8), trust=np.ones((256, 256), bool), frame=frame, camera=camera)
    map_ = face_map(HEAD, np.zeros(HEAD.num_shape), shot)
    places = (np.column_stack([ALIGNED, np.ones(5)]) @ map_.T + 1.0) * 128.0
    left_eye, right_eye, nose, left_mouth, right_mouth = places
    assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert abs(left_eye[1] - right_eye[1]) < 2.0  # pixels: an upright head


def test_the_truth_costs_nothing_and_gradients_reach_the_picture():
    def recogniser(faces):
        return torch.nn.functional.normalize(faces.flatten(1)[:, ::97], dim=1)

    truth = torch.rand(2, 3, 64, 64)
    maps = torch.tensor([[2.0 / SIDE, 0.0, -1.0], [0.0, 2.0 / SIDE, -1.0]]).expand(2, -1, -1)
    assert abs(float(identity_term(recogniser, truth, truth, maps))) < 1e-5
    other = torch.rand(2, 3, 64, 64, requires_grad=True)
    identity_term(recogniser, other, truth, maps).backward()
    assert other.grad.abs().sum() > 0.0
