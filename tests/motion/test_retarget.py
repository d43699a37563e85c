"""Retargeting: closed forms of pose, lids, gaze and mouth, and no dependence on which frame comes first."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.errors import MotionFileError
from likeness.geometry.rotation import (
    axis_angle_from_matrix,
    geodesic_angle,
    matrix_from_axis_angle,
    matrix_from_yaw_pitch_roll,
)
from likeness.heads.builtin import builtin_head
from likeness.motion.face_points import face_height, lip_gaps, lip_points
from likeness.motion.neutral import clip_neutral, photo_neutral
from likeness.motion.pose import FRONTAL
from likeness.motion.record import FRAME_FIELDS, Motion
from likeness.motion.retarget import GAZE_GAIN, MOUTH_GAIN, median_rotation, retarget, within
from tests.heads_for_tests import rest_frame, still_motion, tiny_head

HEAD = builtin_head()
SHAPE = np.zeros(HEAD.num_shape)
SHAPE[:6] = (0.03, -0.1, 0.08, 0.01, -0.05, 0.04)
OPEN = HEAD.control("jawOpen")


def source_frame():
    rotation = axis_angle_from_matrix(FRONTAL @ matrix_from_yaw_pitch_roll(0.2, -0.05, 0.02))
    expression = np.zeros(HEAD.num_expression)
    expression[HEAD.expression_names.index("browInnerUpLeft")] = 0.1
    return replace(
        rest_frame(HEAD), rotation=rotation, translation=np.array([0.05, 0.02, 0.9]), expression=expression,
        lids=np.array([0.2, 0.22]), eye_left=np.array([0.02, 0.05, 0.0]),
    )  # fmt: skip


def lively(num_frames: int = 60) -> Motion:
    """A driver that talks, turns, nods, looks about and blinks, and starts in mid-word."""
    motion = still_motion(HEAD, num_frames)
    phase = np.linspace(1.0, 40.0, num_frames)
    talk = np.maximum(np.sin(phase), 0.0) * 0.6
    turns = [matrix_from_yaw_pitch_roll(0.3 * np.sin(0.3 * p), 0.1 * np.cos(0.4 * p), 0.0) for p in phase]
    look = np.stack([np.zeros_like(phase), 0.15 * np.sin(0.5 * phase), np.zeros_like(phase)], axis=1)
    return motion.with_frames(
        rotation=axis_angle_from_matrix(FRONTAL @ np.array(turns)),
        translation=motion.translation + 0.02 * np.sin(np.stack([phase, 2 * phase, 0.5 * phase], axis=1)),
        expression=talk[:, None] * OPEN.expression,
        jaw=talk[:, None] * OPEN.joints[2],
        eye_left=look,
        eye_right=look,
        lids=np.where((np.arange(num_frames) % 20 == 3)[:, None], 0.02, np.array([[0.25, 0.3]])),
    )


def test_a_driver_at_rest_leaves_the_source_at_its_neutral():
    rest = source_frame()
    motion = still_motion(HEAD, 12)
    neutral = clip_neutral(motion, HEAD)
    motion = motion.with_frames(
        expression=np.tile(neutral.expression, (12, 1)), jaw=np.tile(neutral.jaw, (12, 1)), lids=motion.lids
    )
    result = retarget(motion, rest, HEAD, shape=SHAPE)
    wanted = photo_neutral(rest, HEAD, SHAPE)
    settled = clip_neutral(motion, HEAD)  # of a clip that never leaves its neutral
    np.testing.assert_allclose(settled.expression, neutral.expression, atol=0.01)
    np.testing.assert_allclose(result.expression[0], wanted.expression, atol=0.02)
    np.testing.assert_allclose(result.jaw[0], wanted.jaw, atol=2e-3)
    np.testing.assert_allclose(result.lids[0], wanted.lids, atol=1e-9)
    for name in ("rotation", "translation", "eye_left", "eye_right"):
        np.testing.assert_allclose(getattr(result, name)[0], getattr(rest, name), atol=1e-9)
    assert result.shape is not motion.shape and np.array_equal(result.shape, SHAPE)


def test_the_order_of_frames_does_not_matter():
    motion, rest = lively(), source_frame()
    order = np.random.default_rng(1).permutation(len(motion))
    shuffled = replace(motion, **{name: getattr(motion, name)[order] for name in FRAME_FIELDS})
    expected, result = (retarget(each, rest, HEAD, shape=SHAPE) for each in (motion, shuffled))
    for name in FRAME_FIELDS:
        np.testing.assert_allclose(getattr(result, name), getattr(expected, name)[order], atol=1e-7)


@pytest.mark.parametrize("start", [7, 19])
def test_where_a_clip_starts_hardly_matters(start):
    motion, rest = lively(200), source_frame()
    cut = replace(
        motion, **{name: getattr(motion, name)[start:] for name in (*FRAME_FIELDS, "times", "valid", "confidence")}
    )
    whole, part = (retarget(each, rest, HEAD, shape=SHAPE) for each in (motion, cut))
    assert np.abs(whole.jaw[start:] - part.jaw).max() < 0.02 * np.ptp(whole.jaw)
    turns = geodesic_angle(*(matrix_from_axis_angle(each) for each in (whole.rotation[start:], part.rotation)))
    assert turns.max() < 0.1 * 0.6  # a tenth of the range of yaw, radians


def test_constant_offsets_of_the_driver_cancel():
    motion, rest = lively(), source_frame()
    expected = retarget(motion, rest, HEAD, shape=SHAPE)
    camera_turn = matrix_from_yaw_pitch_roll(0.0, 0.0, 0.1)
    moved = motion.with_frames(
        eye_left=motion.eye_left + [0.05, 0.1, 0.0],
        eye_right=motion.eye_right + [0.05, 0.1, 0.0],
        lids=1.3 * motion.lids,
    )
    result = retarget(moved, rest, HEAD, shape=SHAPE)
    for name in FRAME_FIELDS:
        tolerance = 0.01 if name.startswith("eye") else 1e-7  # radians; the median look is known to a quarter degree
        np.testing.assert_allclose(getattr(result, name), getattr(expected, name), atol=tolerance)
    rolled = motion.with_frames(
        rotation=axis_angle_from_matrix(
            matrix_from_axis_angle(motion.rotation) @ camera_turn
        ),  # another rest in the head
        translation=motion.translation,
    )
    again = retarget(rolled, rest, HEAD, shape=SHAPE)
    np.testing.assert_allclose(
        matrix_from_axis_angle(again.rotation), matrix_from_axis_angle(expected.rotation), atol=1e-6
    )


def test_turns_are_the_drivers_in_camera_axes_and_approach_is_a_ratio():
    motion, rest = lively(), source_frame()
    result = retarget(motion, rest, HEAD, shape=SHAPE, pose_reference="first")
    ours, theirs = matrix_from_axis_angle(result.rotation), matrix_from_axis_angle(motion.rotation)
    np.testing.assert_allclose(ours @ ours[0].T, theirs @ theirs[0].T, atol=1e-9)
    np.testing.assert_allclose(result.translation[0], rest.translation, atol=1e-9)
    nearer = still_motion(HEAD, 3)
    nearer = nearer.with_frames(translation=nearer.translation * np.array([[1.0], [1.0], [0.5]]))
    close = retarget(nearer, rest, HEAD, shape=SHAPE)
    neck = HEAD.joint_positions[1] + HEAD.joint_shape_basis[1] @ SHAPE
    depths = [
        float((matrix_from_axis_angle(r) @ neck + t)[2]) for r, t in zip(close.rotation, close.translation, strict=True)
    ]
    pivot = float((matrix_from_axis_angle(nearer.rotation[0]) @ HEAD.joint_positions[1])[2])
    assert depths[2] / depths[0] == pytest.approx((0.3 + pivot) / (0.6 + pivot))


def test_frontal_reference_keeps_a_turned_driver_turned():
    motion = still_motion(HEAD, 5)
    turn = matrix_from_yaw_pitch_roll(0.3, 0.0, 0.0)
    motion = motion.with_frames(rotation=np.tile(axis_angle_from_matrix(FRONTAL @ turn), (5, 1)))
    rest = rest_frame(HEAD)
    frontal = retarget(motion, rest, HEAD, shape=SHAPE, pose_reference="frontal")
    np.testing.assert_allclose(matrix_from_axis_angle(frontal.rotation[0]), FRONTAL @ turn, atol=1e-9)
    median = retarget(motion, rest, HEAD, shape=SHAPE)
    np.testing.assert_allclose(matrix_from_axis_angle(median.rotation[0]), FRONTAL, atol=1e-9)


def test_the_mouth_opens_by_the_same_part_of_the_face():
    motion, rest = lively(), source_frame()
    driver, source = clip_neutral(motion, HEAD), photo_neutral(rest, HEAD, SHAPE)
    ours = lip_gaps(
        lip_points(HEAD, SHAPE), *(getattr(retarget(motion, rest, HEAD, shape=SHAPE), n) for n in ("expression", "jaw"))
    )
    theirs = lip_gaps(lip_points(HEAD, motion.shape), motion.expression, motion.jaw) - driver.lip_gaps
    ratio = face_height(HEAD, SHAPE, rest.expression, rest.jaw) / face_height(
        HEAD, motion.shape, driver.expression, driver.jaw
    )
    wide = theirs[:, 4] > 0.008
    gain = (ours[wide, 4] - source.lip_gaps[4]) / theirs[wide, 4] / ratio
    assert wide.any() and (gain > 0.88 * MOUTH_GAIN).all() and (gain < 1.02 * MOUTH_GAIN).all()
    touching = theirs[:, 4] < 1e-5
    np.testing.assert_allclose(ours[touching, 4], source.lip_gaps[4], atol=3e-4)


def test_lids_follow_the_ratio_to_the_open_eye_and_gaze_the_difference():
    motion, rest = lively(), source_frame()
    result = retarget(motion, rest, HEAD, shape=SHAPE)
    open_source = photo_neutral(rest, HEAD, SHAPE).lids
    np.testing.assert_allclose(result.lids, open_source * motion.lids / np.array([0.25, 0.3]), atol=1e-9)
    shift = motion.eye_left[:, 1] - clip_neutral(motion, HEAD).gaze[1]
    np.testing.assert_allclose(result.eye_left[:, 1] - rest.eye_left[1], GAZE_GAIN * shift, atol=1e-3)


@pytest.mark.parametrize("index", [0, 17])
def test_absolute_motion_reproduces_a_photo_that_is_one_of_its_frames(index):
    motion = lively()
    frame = motion.frame(index)
    noisy = replace(frame, expression=frame.expression + 0.01, lids=frame.lids + 0.004, jaw=frame.jaw + 0.003)
    result = retarget(motion, noisy, HEAD, shape=motion.shape, mode="absolute").frame(index)
    for name in FRAME_FIELDS:
        np.testing.assert_allclose(getattr(result, name), getattr(noisy, name), atol=1e-9)


def test_absolute_motion_of_another_face_is_the_drivers_own():
    motion, rest = lively(), source_frame()
    other = SHAPE.copy()
    other[:20] += 4.0 * HEAD.shape_deviations[:20]
    result = retarget(motion, rest, HEAD, shape=other, mode="absolute")
    np.testing.assert_allclose(*(matrix_from_axis_angle(each.rotation) for each in (result, motion)), atol=1e-9)
    for name in ("expression", "jaw", "lids", "eye_left"):
        np.testing.assert_allclose(getattr(result, name), getattr(motion, name), atol=1e-9)


def test_limits_are_soft():
    change = np.linspace(-3.0, 3.0, 601)[:, None]
    limited = within(change, np.array([-0.5]), np.array([1.0]), least=0.1)[:, 0]
    assert limited[300] == 0.0 and (np.diff(limited) >= 0).all()
    assert limited.min() >= -0.5 and limited.max() <= 1.0
    np.testing.assert_allclose(limited[300:350], change[300:350, 0])
    assert within(np.array([1.0]), np.array([-1.0]), np.array([-0.2]), least=0.1)[0] == pytest.approx(0.1, abs=1e-3)


def test_median_rotation_ignores_outliers():
    turns = [matrix_from_yaw_pitch_roll(0.1, 0.02, 0.0)] * 6 + [matrix_from_yaw_pitch_roll(1.0, 0.0, 0.3)] * 3
    np.testing.assert_allclose(median_rotation(np.array(turns)), turns[0], atol=0.01)


def test_another_head_model_is_refused():
    other = tiny_head()
    with pytest.raises(MotionFileError, match="track the video again"):
        retarget(still_motion(other, 3), rest_frame(HEAD), HEAD, shape=SHAPE)
