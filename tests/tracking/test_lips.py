"""Lips: as far apart as the landmarks show, and touching where they nearly touch."""

import numpy as np
import pytest

from likeness.heads.landmark_sets import CHIN, LOWER_LIP_INNER, UPPER_LIP_INNER
from likeness.motion.face_points import face_points, lip_gaps, lip_points, seen_face
from likeness.motion.neutral import with_lip_gaps
from likeness.tracking.lips import measured_seal, person_seal, with_seen_lips
from likeness.tracking.photo import with_touching_lips
from tests.flow_warp.portraits import portrait

ABOVE, BELOW = list(UPPER_LIP_INNER[1:-1]), list(LOWER_LIP_INNER[1:-1])
MILLIMETRE = float(np.linalg.norm(portrait().landmarks[33] - portrait().landmarks[263])) / 89.0


def with_gap(millimetres: float) -> np.ndarray:
    points = portrait().landmarks.copy()
    middle = 0.5 * (points[ABOVE] + points[BELOW])
    half = np.array([0.0, 0.5 * millimetres * MILLIMETRE, 0.0])
    points[ABOVE], points[BELOW] = middle - half, middle + half
    return points


@pytest.mark.parametrize(("gap", "left"), [(0.5, 0.0), (1.4, 0.0), (3.0, 3.0), (8.0, 8.0)])
def test_nearly_closed_lips_touch_and_open_ones_stay(gap: float, left: float) -> None:
    touched = with_touching_lips(with_gap(gap))
    remaining = np.linalg.norm((touched[ABOVE] - touched[BELOW])[:, :2], axis=1) / MILLIMETRE
    np.testing.assert_allclose(remaining, left, atol=1e-6)


@pytest.mark.parametrize("make_seal", [person_seal, measured_seal])
@pytest.mark.parametrize("gap", [0.0, 4.0, 9.0])
def test_fitted_lips_take_the_gap_of_the_landmarks(gap: float, make_seal) -> None:
    subject, points = portrait(), with_gap(gap)
    seal = make_seal(subject.head, subject.shape)
    expression, jaw = with_seen_lips(
        seal,
        subject.camera,
        subject.rest.T_cam_head,
        points,
        expression=subject.rest.expression,
        jaw=subject.rest.jaw,
    )
    wanted = seen_face(subject.head, subject.shape, subject.rest, subject.camera, points).lip_gaps
    measured = lip_gaps(lip_points(subject.head, subject.shape), expression, jaw)
    np.testing.assert_allclose(measured, wanted, atol=6e-4)


def test_a_measured_chin_stays_where_lips_are_brought_to_their_gap() -> None:
    subject = portrait()
    chin = face_points(subject.head, subject.shape, [CHIN])
    start = chin.positions(subject.rest.expression, subject.rest.jaw)
    gaps = lip_gaps(lip_points(subject.head, subject.shape), subject.rest.expression, subject.rest.jaw) + 0.003
    moved = {}
    for make_seal in (person_seal, measured_seal):
        seal = make_seal(subject.head, subject.shape)
        changed = with_lip_gaps(seal, subject.rest.expression, subject.rest.jaw, gaps)
        moved[make_seal] = float(np.linalg.norm(chin.positions(*changed) - start))
    assert moved[measured_seal] < 0.5 * moved[person_seal]
