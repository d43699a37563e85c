"""A person's own neutral: lips that meet, habits kept, expressions left out, whatever the order of the frames."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.heads.builtin import builtin_head
from likeness.motion.face_points import SeenFace, lip_gaps, lip_points
from likeness.motion.neutral import (
    LEAST_APERTURE,
    PHOTO_APERTURE_GAIN,
    NeutralEstimator,
    clip_neutral,
    lip_seal,
    photo_neutral,
    with_lip_gaps,
)
from likeness.motion.record import Motion
from tests.heads_for_tests import rest_frame, still_motion

HEAD = builtin_head()
SHAPE = np.zeros(HEAD.num_shape)
LIPS = lip_points(HEAD, SHAPE)
OPEN = HEAD.control("jawOpen")
NO_EXPRESSION = np.zeros(HEAD.num_expression)
TOUCH = 1e-4  # m


def opened(motion: Motion, amounts: np.ndarray) -> Motion:
    """The motion with the jaw opened by these amounts of the control."""
    return motion.with_frames(
        expression=motion.expression + amounts[:, None] * OPEN.expression,
        jaw=motion.jaw + amounts[:, None] * OPEN.joints[2],
    )


def habit(**coefficients: float) -> np.ndarray:
    expression = np.zeros(HEAD.num_expression)
    for name, value in coefficients.items():
        expression[HEAD.expression_names.index(name)] = value
    return expression


def shut(expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    seal = lip_seal(HEAD, LIPS, NO_EXPRESSION, np.zeros(3))
    return with_lip_gaps(seal, expression, np.zeros(3), np.zeros(9))


@pytest.mark.parametrize("wanted", [0.0, 0.004])
def test_lips_are_brought_to_wanted_gaps(wanted):
    expression, jaw = 0.6 * OPEN.expression, 0.6 * OPEN.joints[2]
    seal = lip_seal(HEAD, LIPS, NO_EXPRESSION, np.zeros(3))
    gaps = lip_gaps(LIPS, *with_lip_gaps(seal, expression, jaw, np.full(9, wanted)))
    assert lip_gaps(LIPS, expression, jaw)[4] > 0.01
    np.testing.assert_allclose(gaps[1:-1], wanted, atol=5e-4)


def test_a_habit_is_neutral_though_the_person_talks_most_of_the_time():
    own, jaw = shut(habit(browDownLeft=0.3, mouthFrownLeft=0.25))
    talk = np.concatenate([np.zeros(10), np.linspace(0.2, 0.8, 40)])
    still = still_motion(HEAD, 50)
    motion = opened(still.with_frames(expression=still.expression + own, jaw=still.jaw + jaw), talk)
    neutral = clip_neutral(motion, HEAD)
    np.testing.assert_allclose(neutral.lip_gaps, lip_gaps(LIPS, own, jaw), atol=2 * TOUCH)
    for name in ("browDownLeft", "mouthFrownLeft"):
        index = HEAD.expression_names.index(name)
        assert neutral.expression[index] == pytest.approx(own[index], abs=0.08)


def test_a_mouth_that_never_closes_is_not_neutral():
    motion = opened(still_motion(HEAD, 40), np.linspace(0.5, 0.9, 40))
    neutral = clip_neutral(motion, HEAD)
    np.testing.assert_allclose(lip_gaps(LIPS, neutral.expression, neutral.jaw), 0.0, atol=5e-4)
    assert neutral.jaw[0] < 0.25 * motion.jaw[0, 0]


def test_order_plays_no_part_and_a_stream_comes_to_the_same():
    generator = np.random.default_rng(0)
    motion = still_motion(HEAD, 30)
    motion = motion.with_frames(
        expression=0.1 * generator.standard_normal(motion.expression.shape),
        jaw=0.03 * np.abs(generator.standard_normal((30, 3))),
        lids=0.2 + 0.05 * generator.standard_normal((30, 2)),
        eye_left=0.1 * generator.standard_normal((30, 3)),
    )
    order = generator.permutation(30)
    shuffled = replace(
        motion,
        **{
            name: getattr(motion, name)[order]
            for name in ("expression", "jaw", "lids", "eye_left", "eye_right", "valid")
        },
    )
    estimator = NeutralEstimator(HEAD, motion.shape, prior_frames=0.0)
    for frame in motion.frames():
        estimator.add(frame)
    expected = clip_neutral(motion, HEAD)
    for other in (clip_neutral(shuffled, HEAD), estimator.neutral):
        for name in ("expression", "jaw", "lids", "gaze", "lip_gaps"):
            np.testing.assert_allclose(getattr(other, name), getattr(expected, name), atol=1e-9)


def test_stream_starts_at_the_sealed_identity():
    neutral = NeutralEstimator(HEAD, SHAPE).neutral
    np.testing.assert_allclose(lip_gaps(LIPS, neutral.expression, neutral.jaw), 0.0, atol=5e-4)
    np.testing.assert_allclose(neutral.gaze, 0.0)


def test_blinks_and_glances_do_not_count():
    motion = still_motion(HEAD, 50)
    lids, look = np.full((50, 2), 0.25), np.zeros((50, 3))
    lids[10:20] = 0.01
    look[:15, 1] = 0.5
    neutral = clip_neutral(motion.with_frames(lids=lids, eye_left=look, eye_right=look), HEAD)
    np.testing.assert_allclose(neutral.lids, 0.25)
    np.testing.assert_allclose(neutral.gaze, 0.0, atol=1e-9)


def test_frames_without_a_face_do_not_count():
    motion = opened(still_motion(HEAD, 20), np.where(np.arange(20) < 10, 0.0, 0.7))
    gone = replace(motion, valid=np.arange(20) < 10)
    only = replace(still_motion(HEAD, 10))
    np.testing.assert_allclose(clip_neutral(gone, HEAD).expression, clip_neutral(only, HEAD).expression, atol=1e-9)


def test_an_open_smiling_photo_closes_and_its_smile_fades():
    smile = habit(mouthSmileLeft=0.9, mouthSmileRight=0.9) + 0.4 * OPEN.expression
    rest = replace(rest_frame(HEAD), expression=smile, jaw=0.4 * OPEN.joints[2])
    neutral = photo_neutral(rest, HEAD, SHAPE)
    np.testing.assert_allclose(lip_gaps(LIPS, neutral.expression, neutral.jaw), 0.0, atol=5e-4)
    assert neutral.expression[HEAD.expression_names.index("mouthSmileLeft")] < 0.3


def test_a_photo_is_closed_by_what_its_landmarks_show():
    rest = replace(rest_frame(HEAD), expression=0.3 * OPEN.expression, jaw=0.3 * OPEN.joints[2])
    fitted = lip_gaps(LIPS, rest.expression, rest.jaw)
    seen = SeenFace(lip_gaps=fitted + 0.004, height=0.17)  # the fit missed 4 mm
    neutral = photo_neutral(rest, HEAD, SHAPE, seen)
    np.testing.assert_allclose(lip_gaps(LIPS, neutral.expression, neutral.jaw)[2:-2], -0.004, atol=5e-4)


@pytest.mark.parametrize(("aperture", "least", "most"), [(0.3, 0.3, 0.3), (0.12, 0.14, 0.12 * PHOTO_APERTURE_GAIN)])
def test_half_closed_eyes_of_a_photo_open_a_little(aperture, least, most):
    neutral = photo_neutral(replace(rest_frame(HEAD), lids=np.full(2, aperture)), HEAD, SHAPE)
    assert (neutral.lids >= least - 1e-9).all() and (neutral.lids <= most + 1e-9).all()
    assert (photo_neutral(replace(rest_frame(HEAD), lids=np.zeros(2)), HEAD, SHAPE).lids <= 1.3 * LEAST_APERTURE).all()
