from pathlib import Path

import numpy as np
import pytest

from likeness.errors import InputError
from likeness.evaluation.outside import as_outside, find_clip, missing_text, open_outside, problems
from likeness.media.images import write_image
from tests.evaluation.copying import write_clip


def frame(level: int) -> np.ndarray:
    return np.full((32, 32, 3), level, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "Other"
    write_clip(place / "p008_v009.mp4", [frame(40 * number) for number in range(5)])
    (place / "v001").mkdir()
    for number in (0, 2, 11):
        write_image(place / "v001" / f"frame_{number:06d}.png", frame(number))
    (place / "v001" / "notes.txt").write_text("no frame")
    return place


def test_a_video_answers_by_its_frames(folder):
    (method,) = open_outside([folder])
    assert (method.name, method.suffix) == ("Other", "@Other")
    clip = find_clip(method, "p008/v009")
    assert [clip.has(index) for index in (0, 4, 5)] == [True, True, False]
    levels = [picture.mean() for picture in clip.read((1, 3))]
    np.testing.assert_allclose(levels, [40, 120], atol=4)


def test_pictures_answer_by_their_numbers(folder):
    clip = find_clip(open_outside([folder])[0], "v001")
    assert [clip.has(index) for index in (0, 1, 2, 11)] == [True, False, True, True]
    assert [int(picture[0, 0, 0]) for picture in clip.read((2, 11))] == [2, 11]


def test_what_cannot_be_used_is_one_line(folder, tmp_path):
    (method,) = open_outside([folder])
    write_image(folder / "v001" / "again_2.jpg", frame(0))
    (tmp_path / "second" / "Other").mkdir(parents=True)
    for action in (
        lambda: find_clip(method, "v002"),
        lambda: find_clip(method, "v001"),
        lambda: open_outside([tmp_path / "nowhere"]),
        lambda: open_outside([folder, tmp_path / "second" / "Other"]),
    ):
        with pytest.raises(InputError) as error:
            action()
        assert "\n" not in str(error.value)


def test_missing_frames_in_words():
    assert missing_text([3, 7, 8, 9]) == "3, 7 to 9"
    assert missing_text(list(range(0, 40, 2))).endswith("10 and more")


def test_problems_are_counted_by_item_and_method(folder):
    (method,) = open_outside([folder])
    scored = as_outside({"landmark": 1.0, "landmark_copy": 9.0}, method, [4])
    assert scored == {"landmark@Other": 1.0, "missing_frames@Other": "4"}
    rows = [
        {"item": "a", "landmark": 1.0} | scored,
        {"item": "b", "error": "no face"},
        {"item": "c", "error@Other": "nothing there"},
    ]
    assert problems(rows) == (
        "a, Other: the frames 4 are missing; the others are scored",
        "b: no face",
        "c, Other: nothing there",
    )
