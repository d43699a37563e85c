"""Finding, choosing and following faces in public-domain pictures."""

import cv2
import numpy as np
import pytest

from likeness.errors import NoFaceError
from likeness.tracking.landmarks import FaceLandmarks, LandmarkDetector, choose_face, image_landmarks
from tests.tracking.faces import astronaut


@pytest.fixture(scope="module")
def detector():
    with LandmarkDetector() as opened:
        yield opened


@pytest.fixture(scope="module")
def single(detector):
    (face,) = detector.faces(astronaut())
    return face


def on_canvas(picture, width, height, left, top):
    canvas = np.full((height, width, 3), 90, np.uint8)
    canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return canvas


def made_face(x, height):
    points = np.zeros((478, 3))
    points[:, 0] = x
    points[152, 1] = height
    return FaceLandmarks(points=points, score=1.0)


def test_pixel_centres_are_half_integers(detector, single):
    """Enlarging a picture twice doubles every coordinate, in our convention without an offset."""
    (large,) = detector.faces(cv2.resize(astronaut(), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR))
    difference = large.points[:468, :2] / 2 - single.points[:468, :2]
    assert np.abs(difference.mean(axis=0)).max() < 0.2


def test_small_face_in_a_large_picture(detector, single):
    picture = cv2.resize(astronaut(), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    (found,) = detector.faces(on_canvas(picture, 2600, 1600, 1500, 900))
    expected = single.points[:468, :2] * 0.6 + [1500, 900]
    assert np.linalg.norm(found.points[:468, :2] - expected, axis=1).mean() < 1.5


def test_turned_picture(detector, single):
    (found,) = detector.faces(np.rot90(astronaut(), 1))
    x, y = single.points[:468, 0], single.points[:468, 1]
    expected = np.stack([y, 512 - x], axis=1)
    assert np.linalg.norm(found.points[:468, :2] - expected, axis=1).mean() < 2.0


def test_faces_are_numbered_from_the_left_and_the_largest_is_taken(detector, caplog):
    picture = astronaut()
    small = on_canvas(cv2.resize(picture, (410, 410), interpolation=cv2.INTER_AREA), 420, 512, 5, 50)
    faces = detector.faces(np.hstack([small, picture]))
    assert len(faces) == 2
    assert faces[0].centre[0] < 420 < faces[1].centre[0]
    assert choose_face(faces, None) is faces[1]
    assert "choose with --face N" in caplog.text
    assert choose_face(faces, 1) is faces[0]
    with pytest.raises(NoFaceError, match="face 3 was asked for.*1 at x .*2 at x"):
        choose_face(faces, 3)


def test_a_clearly_larger_face_is_taken_silently(caplog):
    faces = (made_face(50.0, 60.0), made_face(300.0, 200.0))
    assert choose_face(faces, None) is faces[1]
    assert not caplog.records


def test_no_face_and_too_small_a_face():
    with pytest.raises(NoFaceError, match="no face was found"):
        image_landmarks(np.full((300, 400, 3), 128, np.uint8))
    small = cv2.resize(astronaut(), None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA)
    with pytest.raises(NoFaceError, match="pixels high"):
        image_landmarks(on_canvas(small, 640, 480, 200, 150))


def test_following_one_of_two_faces_through_a_gap():
    picture = astronaut()
    pair = np.hstack([picture, picture])
    blank = np.full_like(pair, 128)
    with LandmarkDetector() as detector:
        places = [detector.follow(frame, face=1) for frame in (pair, pair, blank, blank, pair)]
    assert [place is None for place in places] == [False, False, True, True, False]
    assert all(place.centre[0] < 512 for place in places if place is not None)


def test_nothing_is_written_past_python(capfd):
    with LandmarkDetector() as detector:
        detector.faces(astronaut())
        detector.follow(astronaut())
    assert capfd.readouterr().err == ""


def test_coordinates_from_the_wire_equal_the_fields() -> None:
    from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList

    from likeness.tracking.mediapipe_faces import _coordinates

    landmarks = NormalizedLandmarkList()
    for index in range(5):
        landmarks.landmark.add(x=0.25 * index, y=0.0, z=-1.5 * index)
    expected = np.array([[point.x, point.y, point.z] for point in landmarks.landmark])
    np.testing.assert_array_equal(_coordinates(landmarks), expected)
    landmarks.landmark.add(x=1.0, visibility=0.5)  # another layout: read field by field
    np.testing.assert_array_equal(_coordinates(landmarks)[-1], [1.0, 0.0, 0.0])
