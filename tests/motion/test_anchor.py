"""Anchored absolute motion: two fits of one face that differ by a turn and a scale of the head's own frame."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.geometry.rotation import axis_angle_from_matrix, geodesic_angle, matrix_from_axis_angle
from likeness.motion.anchor import anchored, find_anchor
from likeness.motion.edit import HeadEdit
from likeness.motion.record import FRAME_FIELDS, Motion
from likeness.motion.timeline import motion_of_edits
from tests.flow_warp.portraits import portrait

OFFSET = matrix_from_axis_angle(np.radians([2.0, -1.0, 0.5]))
SCALE = 1.04


def truth() -> Motion:
    """The portrait's own person, turning and smiling; frame 0 is the photo."""
    edits = [HeadEdit(yaw=float(3 * i), pitch=float(-i), controls={"mouthSmile": 0.05 * i}) for i in range(8)]
    subject = portrait()
    return motion_of_edits(
        edits, subject.rest, subject.head, fps=25.0, shape=subject.shape, camera=subject.camera, source="photo"
    )


def as_tracked_otherwise(motion: Motion) -> Motion:
    """The same performance from a fit whose head frame is turned and whose head is larger and further away."""
    rotation = matrix_from_axis_angle(motion.rotation) @ OFFSET.T
    return replace(motion, rotation=axis_angle_from_matrix(rotation), translation=SCALE * motion.translation)


def test_the_photo_is_found_and_reproduced() -> None:
    motion = as_tracked_otherwise(truth())
    anchor, weight = find_anchor(motion, portrait().rest, portrait().head, motion.shape)
    assert anchor == 0 and weight == pytest.approx(1.0)
    result = anchored(motion, portrait().rest, portrait().head, motion.shape)
    for name in FRAME_FIELDS:
        np.testing.assert_allclose(getattr(result, name)[0], getattr(portrait().rest, name), atol=1e-6)


def test_every_other_frame_keeps_the_fixed_offset_of_the_two_fits() -> None:
    expected = truth()
    result = anchored(as_tracked_otherwise(expected), portrait().rest, portrait().head, expected.shape)
    turn = geodesic_angle(matrix_from_axis_angle(result.rotation), matrix_from_axis_angle(expected.rotation))
    assert np.degrees(turn).max() < 1e-4
    np.testing.assert_allclose(result.translation, expected.translation, atol=1e-6)
    np.testing.assert_allclose(result.expression, expected.expression, atol=1e-9)
