"""`likeness report` on a drawn head whose motion is known exactly: it follows; another motion does not."""

from pathlib import Path

import numpy as np
import pytest

from likeness.app.cli import main
from likeness.app.report import report_path, worst_frames
from likeness.evaluation.drawn_photo import draw_moment
from likeness.heads.builtin import builtin_head
from likeness.media.images import write_image
from likeness.media.video import VideoWriter
from likeness.motion.edit import HeadEdit
from likeness.motion.file import save_motion
from likeness.motion.timeline import sweep
from likeness.tracking.photo import portrait_from_image
from tests.evaluation.copying import shipped_face


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A photo, a video of its head turning by 15 degrees and back, and motions: the true one, and another."""
    place = tmp_path_factory.mktemp("report")
    photo = shipped_face()
    write_image(place / "photo.png", photo)
    head = builtin_head()
    portrait = portrait_from_image(photo, head)
    for name, edit in (("true", HeadEdit(yaw=15.0)), ("other", HeadEdit(roll=-20.0, yaw=-20.0))):
        motion = sweep(edit, portrait.rest, head, seconds=1.2, fps=25.0, shape=portrait.shape, camera=portrait.camera)
        save_motion(place / f"{name}.motion.npz", motion)
        if name == "true":
            with VideoWriter(place / "out.mp4", fps=25.0) as whole, VideoWriter(place / "cut.mp4", fps=25.0) as cut:
                for frame, time in zip(motion.frames(), motion.times, strict=True):
                    picture = draw_moment(portrait, frame)
                    whole.write(picture, float(time))
                    cut.write(np.ascontiguousarray(picture[: -len(picture) // 4, len(picture) // 8 :]), float(time))
    return place


def test_a_true_result_follows_and_the_page_stands_alone(folder: Path, tmp_path: Path, capsys):
    page = tmp_path / "page.html"
    options = ["--motion", str(folder / "true.motion.npz"), "--out", str(page)]
    assert main(["report", str(folder / "out.mp4"), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "rotation misses" not in lines[0]
    assert lines[-2:] == [str(page), str(page.with_suffix(".csv"))]
    text = page.read_text()
    assert "<script" not in text and text.count("<svg") == 9 and text.count("data:image/jpeg") == 1
    table = page.with_suffix(".csv").read_text().splitlines()
    assert table[0].startswith("frame,seconds,seen,rotation error,") and "yaw asked,yaw achieved" in table[0]
    columns = dict(zip(table[0].split(","), np.array([line.split(",") for line in table[1:]]).T, strict=True))
    asked, achieved = (columns[f"yaw {side}"].astype(float) for side in ("asked", "achieved"))
    assert np.corrcoef(asked, achieved)[0, 1] > 0.98
    assert main(["report", str(folder / "out.mp4"), *options]) == 2  # the page is not overwritten unasked
    assert "--overwrite" in capsys.readouterr().err


def test_another_motion_does_not_follow(folder: Path, tmp_path: Path, capsys):
    page = tmp_path / "page.html"
    options = ["--motion", str(folder / "other.motion.npz"), "--photo", str(folder / "photo.png")]
    options += ["--transfer", "absolute", "--out", str(page)]
    assert main(["report", str(folder / "out.mp4"), *options]) == 0
    assert capsys.readouterr().out.startswith("does not follow: rotation misses ")


def test_a_cut_result_is_judged_by_its_movement(folder: Path, tmp_path: Path, capsys):
    options = ["--motion", str(folder / "true.motion.npz"), "--photo", str(folder / "photo.png")]
    errors = []
    for name in ("out", "cut"):
        page = tmp_path / f"{name}.html"
        command = ["report", str(folder / f"{name}.mp4"), *options, "--transfer", "absolute", "--out", str(page)]
        assert main(command) == 0
        told = capsys.readouterr().out
        assert ("constant differences are left out" in told) == (name == "cut")
        column = [line.split(",")[3] for line in page.with_suffix(".csv").read_text().splitlines()[1:]]
        errors.append(np.median(np.array(column, dtype=float)))
    assert errors[1] < errors[0] + 1.0


def test_what_cannot_be_compared_is_one_line(folder: Path, tmp_path: Path, capsys):
    for video, motion, message in (
        ("photo.png", "true.motion.npz", "photo.png"),
        ("out.mp4", "missing.npz", "missing.npz"),
    ):
        options = ["--motion", str(folder / motion), "--out", str(tmp_path / "page.html")]
        assert main(["report", str(folder / video), *options]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


def test_every_part_of_a_clip_has_its_worst_frame():
    error = np.array([0.0, 5.0, 1.0, 1.0, np.nan, 3.0])
    assert worst_frames(error, 3) == (1, 2, 4)
    assert worst_frames(np.zeros(2), 6) == (0, 1)
    assert report_path(Path("a/b.mp4")) == Path("a/b.report.html")
