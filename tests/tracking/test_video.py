"""A video becomes a motion: synthetic pans over a public photograph, gaps, errors, and real clips where they are."""

from itertools import islice

import numpy as np
import pytest

from likeness.errors import InputError, NoFaceError
from likeness.geometry.rotation import geodesic_angle, matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.media.video import VideoFrame, read_frames
from likeness.tracking.stream import StreamTracker
from likeness.tracking.video import track_video, watch_clip
from tests.tracking.faces import astronaut

HEAD = builtin_head()


def panned(count, *, blank=()):
    """A photo pushed sideways by a pixel per frame; some frames show nothing."""
    picture = astronaut()
    for index in range(count):
        image = np.roll(picture, index, axis=1) if index not in blank else np.full_like(picture, 128)
        yield VideoFrame(image=image, time_seconds=index / 25.0)


def turn_degrees(motion):
    matrices = matrix_from_axis_angle(motion.rotation)
    return np.degrees(geodesic_angle(np.repeat(matrices[:1], len(matrices), axis=0), matrices))


@pytest.fixture(scope="module")
def pan():
    return track_video(panned(14), HEAD, smoothing="none", source="pan.mp4")


def test_a_sideways_pan_is_a_sideways_translation(pan):
    assert len(pan) == 14 and pan.valid.all()
    assert pan.fps == pytest.approx(25.0)
    assert pan.source == "pan.mp4" and pan.image_size == (512, 512)
    focal = pan.intrinsics[0, 0] * 512
    pixels = focal * pan.translation[:, 0] / pan.translation[:, 2]
    np.testing.assert_allclose(np.diff(pixels), 1.0, atol=0.35)
    assert np.ptp(pan.translation[:, 2]) / pan.translation[0, 2] < 0.005
    assert turn_degrees(pan).max() < 0.8  # a pan under perspective is seen as a slight turn
    assert pan.confidence.min() > 0.7


def test_gaps_are_held_and_reported(caplog):
    motion = track_video(panned(10, blank=(4, 5, 6)), HEAD, smoothing="none")
    np.testing.assert_array_equal(np.flatnonzero(~motion.valid), [4, 5, 6])
    assert "no face in 3 of 10 frames" in caplog.text
    for index in (4, 5, 6):
        np.testing.assert_array_equal(motion.expression[index], motion.expression[3])
        assert motion.confidence[index] == 0.0


def test_a_late_face_fills_the_beginning():
    motion = track_video(panned(6, blank=(0, 1)), HEAD, smoothing="two-sided")
    assert motion.valid.tolist() == [False, False, True, True, True, True]
    assert motion.reference >= 2
    assert np.isfinite(motion.rotation).all()


def test_no_frames_and_no_face():
    with pytest.raises(InputError, match="no frames"):
        track_video(iter(()), HEAD)
    with pytest.raises(NoFaceError, match="no frame shows a face"):
        track_video(panned(3, blank=(0, 1, 2)), HEAD)
    with pytest.raises(NoFaceError, match="face 2 was asked for"):
        track_video(panned(3), HEAD, face=2)


def test_fitting_can_be_watched():
    seen = []

    def progress(items, label, total):
        for item in items:
            seen.append((label, total))
            yield item

    track_video(panned(3), HEAD, progress=progress)
    assert seen == [("fitting", 3)] * 3


def test_errors_of_the_reader_arrive():
    def broken():
        yield from panned(2)
        raise InputError("the file is cut off")

    with pytest.raises(InputError, match="cut off"):
        watch_clip(broken(), face=None)


def test_stream_gives_a_moment_per_frame():
    with StreamTracker(HEAD) as tracker:
        moments = [tracker.push(frame.image, frame.time_seconds) for frame in panned(8, blank=(0, 5))]
        assert moments[0] is None
        assert all(moment is not None for moment in moments[1:])
        assert tracker.confidence > 0.7
        np.testing.assert_allclose(moments[7].translation[2], moments[1].translation[2], rtol=0.02)


@pytest.mark.data
@pytest.mark.parametrize("name", ["v028", "v044"])
def test_real_clips(measuring_data, name):
    """Residual of the fit, and a nearly still head that stays nearly still."""
    from likeness.tracking.person import estimate_person
    from likeness.tracking.video import default_camera, read_clip

    clip = watch_clip(islice(read_frames(measuring_data / "videos" / f"{name}.mp4"), 40), face=None)
    points = [frame.points.astype(np.float64) for frame in clip.frames[::8]]
    person = estimate_person(HEAD, default_camera(clip.width, clip.height), points)
    readings = list(read_clip(person, clip))
    assert np.mean([reading.residual for reading in readings]) < 1.6
    rotation = np.array([reading.state.rotation for reading in readings])
    steps = np.degrees(geodesic_angle(rotation[:-1], rotation[1:]))
    depth = np.array([reading.state.translation[2] for reading in readings])
    assert np.median(steps) < 0.3
    assert np.median(np.abs(np.diff(depth))) / depth.mean() < 0.002
