"""Export3D on a Basel Face Model from end to end: a photo is tracked, a model trained and animated with it; what was
made for one head is refused with another in one line.
"""

from pathlib import Path

import pytest

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.heads.library import open_head
from likeness.media.images import read_image
from likeness.nn.checkpoint import read_header
from tests.heads.standins import face_standin, write_bfm


@pytest.fixture(scope="module")
def head(tmp_path_factory) -> Path:
    """The built-in face in the layout of a Basel Face Model, converted."""
    folder = tmp_path_factory.mktemp("bfm")
    model = write_bfm(folder, face_standin())
    assert main(["head", "convert", str(model), "--out", str(folder / "bfm.npz")]) == 0
    return folder / "bfm.npz"


def refused(arguments: list[str], capsys) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("likeness: ") and error.count("\n") == 1
    return error


def test_tracking_training_and_animating_with_it(head, tmp_path, capsys):
    photos, clips, run = tmp_path / "photos", tmp_path / "clips", tmp_path / "run"
    photos.mkdir()
    (photos / "a.jpg").symlink_to(PHOTO)
    assert main(["data", "track", str(photos), "--out", str(clips), "--size", "64", "--head", str(head)]) == 0
    assert "1 tracked" in capsys.readouterr().out
    train = ["train", "export3d", "tiny", "--data", str(clips), "--out", str(run), "--encoding", "lebs", "--cpu"]
    train += ["--steps", "1"]
    assert "head model bfm" in refused(train, capsys)
    assert main([*train, "--head", str(head)]) == 0
    header = read_header(run / "weights")
    assert (header.head_name, header.head_version) == ("bfm", open_head(head).version)
    out = tmp_path / "out.png"
    animate = ["animate", str(PHOTO), str(PHOTO), "--out", str(out), "--weights", str(run / "weights")]
    animate += ["--method", "export3d"]
    assert "was trained on the head bfm" in refused(animate, capsys)
    assert main([*animate, "--head", str(head)]) == 0
    assert read_image(out).std() > 5.0


def test_renderers_without_other_heads(head, tmp_path, capsys):
    out = str(tmp_path / "out.png")
    assert "--head is for" in refused(["animate", str(PHOTO), str(PHOTO), "--out", out, "--head", str(head)], capsys)
    view = ["view", str(PHOTO), "--out", out, "--method", "flow-warp", "--head", str(head)]
    assert "--head needs" in refused(view, capsys)
    assert "leave --head out" in refused(["evaluate", "self", "--head", str(head)], capsys)
