from dataclasses import replace

import numpy as np
import pytest

from likeness.data.folder import open_clips
from likeness.data.track import CLIP_FRAMES, TrackSettings, cut, media_files, track_folder, well_tracked
from likeness.errors import InputError
from likeness.heads.builtin import builtin_head
from likeness.media.images import write_image
from likeness.media.video import VideoWriter
from tests.data.clips import HEAD as TINY
from tests.flow_warp.portraits import PHOTO
from tests.heads_for_tests import wiggled_motion
from tests.tracking.faces import astronaut

HEAD = builtin_head()
FRAMES = 12


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("material")
    (folder / "deeper").mkdir()
    photo = astronaut()
    with VideoWriter(folder / "film.mp4", fps=25.0) as writer:
        for step in range(FRAMES):
            writer.write(np.ascontiguousarray(photo[:256, 90 + 2 * step : 346 + 2 * step]))
    with VideoWriter(folder / "nobody.mp4", fps=25.0) as writer:
        for _ in range(3):
            writer.write(np.full((64, 64, 3), 100, np.uint8))
    (folder / "deeper" / "photo.jpg").write_bytes(PHOTO.read_bytes())
    (folder / "torn.jpg").write_bytes(PHOTO.read_bytes()[:900])
    (folder / "fake.mp4").write_text("no video")
    (folder / "notes.txt").write_text("no medium")
    write_image(folder / ".hidden.png", np.zeros((8, 8, 3), np.uint8))
    return folder


def test_a_folder_becomes_clips_and_what_cannot_be_used_is_named(material, tmp_path):
    settings = TrackSettings(size=96, shortest_seconds=0.4)
    report = track_folder(material, tmp_path, HEAD, settings=settings)
    assert report.made == 2 and report.present == 0
    names = [entry.name.rsplit("/", 1)[-1] for entry in report.skipped]
    assert names == ["fake.mp4", "nobody.mp4", "torn.jpg"]
    assert all("\n" not in entry.reason and entry.reason for entry in report.skipped)
    photo, film = open_clips(tmp_path, HEAD)
    assert (photo.header.name, photo.header.kind, photo.header.num_frames) == ("deeper-photo", "photo", 1)
    assert (film.header.name, film.header.kind, film.header.num_frames) == ("film", "video", FRAMES)
    assert film.motion.image_size == (96, 96) and film.picture(FRAMES - 1).std() > 20.0
    first, last = film.picture(0).astype(int), film.picture(FRAMES - 1).astype(int)
    assert np.abs(first - last).mean() > 5.0  # the square stands still, the face moves in it
    again = track_folder(material, tmp_path, HEAD, settings=settings)
    assert (again.made, again.present, len(again.skipped)) == (0, 2, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deeper-photo.clips.tar", "film.clips.tar"]
    with pytest.raises(InputError, match="holds clips of 96 pixels, and 64 are asked for"):
        track_folder(material, tmp_path, HEAD, settings=replace(settings, size=64))


def test_short_videos_are_skipped(material, tmp_path):
    report = track_folder(material, tmp_path, HEAD, settings=TrackSettings(size=96, shortest_seconds=2.0))
    (entry,) = [entry for entry in report.skipped if entry.name.endswith("film.mp4")]
    assert "0.5 seconds are tracked well, 2 are needed" in entry.reason


def test_folders(material, tmp_path):
    assert [path.name for path in media_files(material)] == [
        "photo.jpg",
        "fake.mp4",
        "film.mp4",
        "nobody.mp4",
        "torn.jpg",
    ]
    with pytest.raises(InputError, match="holds no video or photo"):
        media_files(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        media_files(tmp_path / "missing")


def test_cutting_a_motion():
    motion = wiggled_motion(TINY, 20)
    part = cut(motion, 5, 12)
    assert len(part) == 7 and part.times[0] == 0.0 and CLIP_FRAMES > 100
    np.testing.assert_array_equal(part.expression, motion.expression[5:12])
    assert well_tracked(motion).all()
