from pathlib import Path

import numpy as np
from PIL import Image

from likeness.evaluation import moving
from likeness.evaluation.html_report import MOST_MOVING, Outline, report_page
from likeness.evaluation.moments import Moments
from likeness.evaluation.moving import MOST_FRAMES, moving_of, write_moving
from likeness.evaluation.report import Measure, Report


def kept(indices: tuple[int, ...]) -> Moments:
    moments = Moments(indices=indices, side=40)
    for index in indices:
        grey = np.full((60, 80, 3), 5 * index, np.uint8)
        moments.keep(index, grey, {"": 255 - grey, "_copy": grey[:, ::-1]})
    return moments


def test_pairs_are_thinned_to_their_first_frames():
    assert moving_of((0, 1, 3, 4, 6, 7, 9, 10)) == (0, 3, 6, 9)
    assert moving_of((0, 1, 2, 3, 4)) == (0, 1, 2, 3, 4)
    assert len(moving_of(range(0, 1000, 5))) == MOST_FRAMES and moving_of(range(300))[-1] == 299


def test_frames_move_in_the_time_of_the_clip(tmp_path: Path):
    write_moving(kept((0, 3, 6, 9, 30)), tmp_path / "a.webp", {"": "ours", "@x": "absent"}, fps=30.0)
    with Image.open(tmp_path / "a.webp") as picture:
        assert picture.n_frames == 5 and picture.width < 3 * 55 and picture.height < 70
        times = []
        for number in range(5):
            picture.seek(number)
            picture.load()
            times.append(picture.info["duration"])
    assert times == [100, 100, 100, 700, 700]


def test_size_is_bounded_and_few_frames_are_no_clip(tmp_path: Path, monkeypatch):
    write_moving(kept((0, 3, 6)), tmp_path / "few.webp", {"": "ours"}, fps=25.0)
    write_moving(kept(tuple(range(16))), tmp_path / "whole.webp", {"": "ours"}, fps=25.0)
    monkeypatch.setattr(moving, "MAX_BYTES", (tmp_path / "whole.webp").stat().st_size - 1)
    write_moving(kept(tuple(range(16))), tmp_path / "cut.webp", {"": "ours"}, fps=25.0)
    monkeypatch.setattr(moving, "MAX_BYTES", 10)
    write_moving(kept(tuple(range(16))), tmp_path / "none.webp", {"": "ours"}, fps=25.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.webp", "whole.webp"]
    with Image.open(tmp_path / "cut.webp") as picture:
        assert 4 <= picture.n_frames < 16


def test_a_page_holds_the_worst_ones_as_far_as_they_fit(tmp_path: Path, monkeypatch):
    rows = tuple({"item": f"clip{number:02d}", "angle": float(number)} for number in range(20))
    for row in rows:
        (tmp_path / f"{row['item']}.webp").write_bytes(b"1234567890")
    paths = {str(row["item"]): tmp_path / f"{row['item']}.webp" for row in rows}
    (tmp_path / "clip18.webp").unlink()
    outline = Outline(measures=(Measure(key="angle", title="error"),), moving=paths)
    report = Report(title="x", notes=(), tables=(), rows=rows)
    page = report_page(report, outline)
    assert page.count("data:image/webp") == MOST_MOVING and "clip18.webp" not in page
    assert page.index("<figcaption>clip19") < page.index("<figcaption>clip17")
    monkeypatch.setattr("likeness.evaluation.html_report.MOST_MOVING_BYTES", 25)
    assert report_page(report, outline).count("data:image/webp") == 2
