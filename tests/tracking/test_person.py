"""Identity of a clip, and frame-by-frame fits with it locked."""

import numpy as np
import pytest

from likeness.heads.builtin import builtin_head
from likeness.tracking.basis import free_basis
from likeness.tracking.person import estimate_person, fit_frame, person_with_shape, reading
from tests.tracking.faces import angle_degrees, landmarks, truth

HEAD = builtin_head()


def read_frame(person, points, previous):
    return reading(person, points, fit_frame(person, points, None if previous is None else previous.state))


def test_identity_of_several_frames_explains_the_person():
    poses = [{"yaw": yaw, "pitch": pitch} for yaw, pitch in ((-15, 0), (0, 8), (12, -6), (20, 4))]
    clip = [truth(shape_size=0.6, jaw=(0.05 * i, 0, 0), seed=3, **pose) for i, pose in enumerate(poses)]
    person = estimate_person(HEAD, clip[0].camera, [landmarks(true) for true in clip])
    basis = free_basis(HEAD)
    still = np.zeros(HEAD.num_expression)

    def neutral(shape):
        points = basis.positions(np.concatenate([shape, still]), np.zeros(3))
        return points - points.mean(axis=0)

    true_face, face = neutral(clip[0].shape), neutral(person.shape)
    true_face *= np.linalg.norm(face) / np.linalg.norm(true_face)  # size is not observable
    average = neutral(np.zeros(HEAD.num_shape))
    error, before = (np.sqrt(((points - true_face) ** 2).sum(axis=1).mean()) for points in (face, average))
    assert error < 0.5 * before
    for true in clip:
        assert read_frame(person, landmarks(true), None).residual < 0.6


def test_warm_start_follows_a_turn():
    true = truth(shape_size=0.5)
    person = person_with_shape(HEAD, true.camera, true.shape)
    last = None
    for yaw in np.linspace(-20, 20, 9):
        step = truth(shape_size=0.5, yaw=float(yaw))
        last = read_frame(person, landmarks(step), last)
        assert angle_degrees(last.state.rotation, step.rotation) < 0.5
    assert last.confidence > 0.95


def test_talking_does_not_move_the_head():
    """Cross-talk: with the mouth opening and closing, pitch and distance stay."""
    person = person_with_shape(HEAD, truth().camera, np.zeros(HEAD.num_shape))
    last, readings = None, []
    for opening in 0.12 - 0.12 * np.cos(np.linspace(0, 4 * np.pi, 17)):
        talking = truth(jaw=(float(opening), 0.0, 0.0), named={"mouthFunnel": float(opening)})
        last = read_frame(person, landmarks(talking), last)
        readings.append(last)
    angles = [angle_degrees(readings[0].state.rotation, other.state.rotation) for other in readings]
    depths = np.array([other.state.translation[2] for other in readings])
    openings = np.array([other.state.jaw[0] for other in readings])
    assert max(angles) < 0.15
    assert np.ptp(depths) / depths.mean() < 0.003
    assert openings.max() == pytest.approx(0.24, abs=0.06)


def test_wild_landmarks_have_little_confidence():
    true = truth()
    person = person_with_shape(HEAD, true.camera, true.shape)
    noise = np.random.default_rng(0).normal(0.0, 15.0, (478, 3))
    wild = read_frame(person, landmarks(true) + noise, None)
    assert wild.confidence < 0.3
    assert np.isfinite(wild.frame.expression).all()
