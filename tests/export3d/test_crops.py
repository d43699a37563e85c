"""Crops against closed forms: the standard points themselves, scaled and shifted; black beyond the photo; smoothing."""

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.export3d.cameras import FOCAL
from likeness.export3d.crops import (
    STANDARD_POINTS,
    FaceAlignment,
    align_face,
    cut_square,
    fit_square,
    five_of_68,
    picture_square,
    smooth_alignments,
)
from likeness.media.crop import CropWindow

AT_FIT = STANDARD_POINTS[:, :2] * [102.0, -102.0] + 112.0  # where the fit's crop of 224 pixels has them


def test_five_points_are_those_of_the_68_counted_from_one():
    landmarks = np.arange(1.0, 69.0)[:, None] * [1.0, 10.0]
    expected = np.array([38.5, 44.5, 31.0, 49.0, 55.0])
    np.testing.assert_allclose(five_of_68(landmarks), expected[:, None] * [1.0, 10.0])


def test_standard_points_give_the_whole_crop():
    alignment = align_face(AT_FIT)
    assert alignment.scale == pytest.approx(102.0) and alignment.centre == pytest.approx((112.0, 112.0))
    assert fit_square(alignment) == CropWindow(left=0, top=0, size=224)
    assert picture_square(alignment) == CropWindow(left=-7, top=-7, size=238)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_the_square_follows_size_and_place(scale):
    alignment = align_face(scale * AT_FIT + [50.25, -29.75])
    centre = 112.0 * scale + np.array([50.25, -29.75])
    np.testing.assert_allclose(alignment.centre, centre, atol=1e-9)
    for square, side in ((fit_square(alignment), 224.0 * scale), (picture_square(alignment), 238.0 * scale)):
        left, top = np.round(centre - side / 2.0).astype(int)
        assert square == CropWindow(left=int(left), top=int(top), size=int(side))


def test_the_camera_of_the_pictures_square_is_that_of_eg3d():
    alignment = align_face(20.0 * AT_FIT)
    ratio = picture_square(alignment).size / fit_square(alignment).size
    assert ratio == pytest.approx(238.0 / 224.0, abs=1e-4)
    assert pytest.approx(FOCAL, rel=1e-4) == 1015.0 / 224.0 / ratio


def test_a_turned_face_is_as_large_as_its_affine_camera():
    """The scale is the mean length of the camera's two rows, whatever it turns."""
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    points = 40.0 * STANDARD_POINTS @ turn[:2].T + [300.0, -200.0]
    alignment = align_face(points * [1.0, -1.0])
    assert alignment.scale == pytest.approx(40.0) and alignment.centre == pytest.approx((300.0, 200.0))


def test_black_beyond_the_photo_and_untouched_inside():
    photo = np.random.default_rng(0).integers(1, 256, (30, 40, 3), dtype=np.uint8)
    cut = cut_square(photo, CropWindow(left=-5, top=10, size=24), 24)
    np.testing.assert_array_equal(cut[:20, 5:], photo[10:, :19])
    assert not cut[:, :5].any() and not cut[20:].any()
    assert not cut_square(photo, CropWindow(left=100, top=0, size=8), 8).any()


def test_resizing_keeps_places_and_levels():
    ramp = np.broadcast_to((4.0 * np.arange(60) + 2.0)[None, :, None], (60, 60, 3)).astype(np.uint8)  # 4 x
    for size in (30, 96):
        cut = cut_square(ramp, CropWindow(left=6, top=6, size=48), size)
        places = 6.0 + (np.arange(size) + 0.5) * 48.0 / size
        np.testing.assert_allclose(cut[size // 2, 4:-4, 1], 4.0 * places[4:-4], atol=1.5)


def test_smoothing_stills_noise_keeps_a_still_face_and_follows_a_moving_one():
    times = np.arange(100) / 25.0
    still = [FaceAlignment(scale=80.0, centre=(300.0, 200.0))] * 100
    assert {(entry.scale, entry.centre) for entry in smooth_alignments(still, times)} == {(80.0, (300.0, 200.0))}
    noise = np.random.default_rng(0).normal(size=(100, 3))
    shaking = [FaceAlignment(scale=80.0 + s, centre=(300.0 + x, 200.0 + y)) for x, y, s in noise]

    def steps(alignments) -> np.ndarray:
        return np.abs(np.diff([[*entry.centre, entry.scale] for entry in alignments], axis=0)).mean(axis=0)

    assert (steps(smooth_alignments(shaking, times)) < 0.2 * steps(shaking)).all()
    moving = [FaceAlignment(scale=80.0, centre=(300.0 + 160.0 * time, 200.0)) for time in times]  # two units a second
    lag = 300.0 + 160.0 * times[-1] - smooth_alignments(moving, times)[-1].centre[0]
    assert 0.0 < lag < 0.1 * 2.2 * 80.0  # a tenth of the square
    doubled = [FaceAlignment(scale=2 * a.scale, centre=(2 * a.centre[0], 2 * a.centre[1])) for a in shaking]
    for one, two in zip(smooth_alignments(shaking, times), smooth_alignments(doubled, times), strict=True):
        assert (two.scale, *two.centre) == pytest.approx((2 * one.scale, 2 * one.centre[0], 2 * one.centre[1]))
    assert smooth_alignments([], np.zeros(0)) == ()
    with pytest.raises(ValueError, match="times must increase"):
        smooth_alignments(still[:2], np.zeros(2))


def test_landmarks_that_are_no_face():
    with pytest.raises(InputError, match="not finite"):
        align_face(np.full((5, 2), np.nan))
    with pytest.raises(InputError, match="in one place"):
        align_face(np.full((5, 2), 7.0))
    with pytest.raises(InputError, match="a crop of"):
        fit_square(FaceAlignment(scale=1e6, centre=(0.0, 0.0)))
