"""Converted heads at the command line: convert, show, track, import, carry over, animate; and one-line refusals."""

from pathlib import Path

import numpy as np
import pytest

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.heads.builtin import builtin_head
from likeness.heads.library import open_head
from likeness.media.images import read_image
from likeness.motion.file import load_motion
from tests.heads.standins import face_standin, flame_folder, standin, write_flame


def refused(arguments: list[str], capsys) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("likeness: ") and error.count("\n") == 1
    return error


@pytest.fixture(scope="module")
def head(tmp_path_factory) -> Path:
    """A converted head, by the command."""
    folder = tmp_path_factory.mktemp("flame")
    model = flame_folder(folder, face_standin())
    assert main(["head", "convert", str(model), "--out", str(folder / "flame.npz")]) == 0
    return folder / "flame.npz"


def vhap_file(path: Path, count: int = 5) -> Path:
    turn = np.linspace(0.0, 0.2, count)[:, None]
    np.savez(
        path,
        rotation=turn * [0.0, 1.0, 0.0],
        translation=np.tile([0.0, 0.0, -0.5], (count, 1)),
        neck_pose=np.zeros((count, 3)),
        jaw_pose=turn * [0.5, 0.0, 0.0],
        eyes_pose=np.zeros((count, 6)),
        shape=np.zeros(300),
        expr=np.zeros((count, 99)),
        focal_length=np.array([2.5]),
        image_size=np.array([512, 512]),
    )
    return path


def test_a_converted_head_is_named_and_drawn(head, tmp_path, capsys):
    assert main(["head", "list", "--head", str(head)]) == 0
    assert {"jawOpen", "mouthSmile", "eyeLookUpLeft"} <= set(capsys.readouterr().out.split())
    assert main(["head", "show", "--head", str(head), "--out", str(tmp_path / "sheet.png")]) == 0
    assert read_image(tmp_path / "sheet.png").std() > 20.0


def test_a_photo_is_tracked_with_it(head, tmp_path, capsys):
    out = tmp_path / "photo.motion.npz"
    assert main(["track", str(PHOTO), "--head", str(head), "--out", str(out)]) == 0
    motion = load_motion(out, open_head(head))
    assert motion.head_name == "flame" and motion.confidence[0] > 0.7
    assert main(["motion", "show", str(out)]) == 0
    assert "flame" in capsys.readouterr().out
    edited = tmp_path / "edited.motion.npz"
    edit = ["motion", "edit", str(out), "--head", str(head), "--set", "jawOpen=0.5", "--out", str(edited)]
    assert main(edit) == 0
    assert load_motion(edited).jaw[0, 0] > motion.jaw[0, 0] + 0.1


def test_parameters_become_a_motion_that_animates(head, tmp_path, capsys):
    source, motion, carried = vhap_file(tmp_path / "vhap.npz"), tmp_path / "a.motion.npz", tmp_path / "b.motion.npz"
    assert main(["motion", "convert", str(source), "--head", str(head), "--fps", "10", "--out", str(motion)]) == 0
    assert load_motion(motion).fps == 10.0
    command = ["animate", str(PHOTO), str(motion), "--out", str(tmp_path / "out.mp4"), "--size", "128"]
    message = refused(command, capsys)
    assert "head model flame" in message and "--onto builtin" in message
    convert = ["motion", "convert", str(motion), "--head", str(head), "--onto", "builtin", "--out", str(carried)]
    assert main(convert) == 0
    assert main(["motion", "convert", str(motion), "--head", str(head), "--out", str(tmp_path / "a.glb")]) == 0
    assert (tmp_path / "a.glb").read_bytes()[:4] == b"glTF"
    turned = load_motion(carried, builtin_head())
    assert len(turned) == 5 and turned.times[-1] == pytest.approx(0.4)
    assert main(["animate", str(PHOTO), str(carried), "--out", str(tmp_path / "out.mp4"), "--size", "128"]) == 0


def test_what_is_refused(head, tmp_path, capsys):
    source = vhap_file(tmp_path / "vhap.npz")
    out = str(tmp_path / "out.motion.npz")
    assert "need a FLAME head" in refused(["motion", "convert", str(source), "--out", out], capsys)
    assert "not converted yet" in refused(["track", str(PHOTO), "--head", str(tmp_path), "--out", out], capsys)
    assert "cannot read" in refused(["track", str(PHOTO), "--head", "none.npz", "--out", out], capsys)
    model = write_flame(tmp_path, standin())
    message = refused(["head", "convert", str(model), "--out", str(tmp_path / "h.npz")], capsys)
    assert "mediapipe_landmark_embedding.npz" in message
    assert "is unknown here" in refused(["head", "convert", str(model), "--out", str(tmp_path / "h.pkl")], capsys)
    assert {entry.name for entry in tmp_path.iterdir()} == {"vhap.npz", "generic_model.pkl"}
