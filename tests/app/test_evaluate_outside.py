"""`likeness evaluate self --outside`: another program's frames in the same table; what is missing ends with code 1."""

import json
from pathlib import Path

import numpy as np
import pytest

from likeness.app import evaluate_plan
from likeness.app.cli import main
from likeness.evaluation.networks import Networks
from likeness.media.images import write_image
from tests.evaluation.copying import copying_pieces, shipped_face, sliding_clip, write_clip

FRAMES = 6


@pytest.fixture
def material(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(evaluate_plan, "renderer_pieces", lambda *_, **__: copying_pieces())
    monkeypatch.setattr("likeness.evaluation.networks.open_networks", lambda folder: Networks())
    folder = tmp_path / "material"
    clip = sliding_clip(shipped_face(), num_frames=FRAMES)
    for name in ("v001", "v002"):
        write_clip(folder / "videos" / f"{name}.mp4", clip)
    (folder / "manifest.csv").write_text("file\nvideos/v001.mp4\nvideos/v002.mp4\n")
    return folder


def run(material: Path, outside: Path, out: Path) -> int:
    options = ["--data", str(material), "--outside", str(outside), "--frames", "10", "--out", str(out)]
    return main(["evaluate", "self", *options])


def test_outside_frames_are_scored_beside_ours(material: Path, tmp_path: Path, capsys):
    other = tmp_path / "Other"
    write_clip(other / "v001.mp4", sliding_clip(shipped_face(), num_frames=FRAMES))
    (other / "v002").mkdir()
    for number, frame in enumerate(sliding_clip(shipped_face(), num_frames=FRAMES)):
        if number != 3:
            write_image(other / "v002" / f"{number:06d}.png", frame)
    out = tmp_path / "out"
    assert run(material, other, out) == 1
    printed = capsys.readouterr()
    assert "v002, Other: the frames 3 are missing" in printed.err and "1 problems" in printed.err
    assert "| copying the first frame | Other | flow-warp blurred |" in printed.out
    rows = {row["item"]: row for row in json.loads((out / "self.json").read_text())["rows"]}
    first, second = rows["v001"], rows["v002"]
    assert first["landmark@Other"] < 0.5 < first["landmark"] == first["landmark_copy"]
    assert first["frames@Other"] == FRAMES and second["frames@Other"] == FRAMES - 1
    assert second["landmark@Other"] < 2.0 and first["psnr_gain@Other"] > 3.0
    page = (out / "self.html").read_text()
    assert "Other" in page and page.count("data:image/jpeg") == 2
    assert (out / "self.csv").read_text().startswith("item,")


def test_a_missing_item_is_told_and_the_others_are_scored(material: Path, tmp_path: Path, capsys):
    other = tmp_path / "Other"
    write_clip(other / "v002.mp4", sliding_clip(shipped_face(), num_frames=FRAMES))
    (material / "videos" / "v003.mp4").write_bytes(b"no video")
    write_clip(material / "videos" / "v004.mp4", [np.zeros((64, 64, 3), np.uint8)])
    assert run(material, other, tmp_path / "out") == 1
    errors = capsys.readouterr().err
    assert "v001, Other: Other has nothing for v001: expected v001.mp4 or v001/000000.png" in errors
    assert "v003: " in errors and "v004: " in errors and "problems; everything else was scored" in errors
    rows = {row["item"]: row for row in json.loads((tmp_path / "out" / "self.json").read_text())["rows"]}
    assert "landmark" in rows["v001"] and rows["v002"]["landmark@Other"] < 0.5


def test_clips_and_frames_of_other_sizes_are_scored(material: Path, tmp_path: Path):
    """A clip of another size than its neighbour, and another program's frames at half the size, without a problem."""
    small = [frame[::2, ::2] for frame in sliding_clip(shipped_face(), num_frames=FRAMES)]
    write_clip(
        material / "videos" / "v002.mp4", [frame[:, :200] for frame in sliding_clip(shipped_face(), num_frames=FRAMES)]
    )
    other = tmp_path / "Other"
    write_clip(other / "v001.mp4", small)
    write_clip(other / "v002.mp4", [frame[:, :100] for frame in small])
    assert run(material, other, tmp_path / "out") == 0
    rows = json.loads((tmp_path / "out" / "self.json").read_text())["rows"]
    assert all(row["landmark@Other"] < 3.0 < row["landmark"] for row in rows)


def test_a_clip_without_a_face_is_a_row(tmp_path: Path):
    """With the tracker itself, which is asked for a face."""
    from likeness.app.options import Rendering
    from likeness.evaluation.protocols import self_reenactment
    from likeness.evaluation.runner import Setup

    write_clip(tmp_path / "videos" / "v001.mp4", [np.full((96, 96, 3), 90, np.uint8)] * 3)
    pieces = evaluate_plan.renderer_pieces(Rendering(), size=None, frames=10)
    (row,) = self_reenactment.run(Setup(pieces=pieces, data=tmp_path, limit=1), tmp_path).rows
    assert "face" in str(row["error"]) and "\n" not in str(row["error"])


@pytest.mark.parametrize(
    ("protocol", "folder", "message"), [("zero", ".", "is for self and cross"), ("self", "nowhere", "is no folder")]
)
def test_what_cannot_work_is_one_line(material: Path, tmp_path: Path, capsys, protocol, folder, message):
    place = str(tmp_path / folder)
    options = ["--data", str(material), "--outside", place, "--out", str(tmp_path / "out")]
    assert main(["evaluate", protocol, *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
