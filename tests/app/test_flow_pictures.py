"""`likeness flow show`: the picture, its numbers, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

import likeness
from likeness.app.cli import main
from likeness.geometry.camera import default_camera
from likeness.heads.builtin import builtin_head
from likeness.media.images import read_image
from likeness.motion.edit import HeadEdit
from likeness.motion.file import save_motion
from likeness.motion.timeline import sweep
from tests.heads_for_tests import rest_frame

PHOTO = Path(likeness.__file__).parent / "assets" / "astronaut.jpg"


@pytest.fixture
def recording(tmp_path):
    """A motion in which the jaw opens and the head turns, there and back in two seconds."""
    head = builtin_head()
    edit = HeadEdit(yaw=15.0, pitch=0.0, controls={"jawOpen": 0.5})
    camera, shape = default_camera(512, 512), np.zeros(head.num_shape)
    motion = sweep(edit, rest_frame(head), head, seconds=2.0, fps=10.0, shape=shape, camera=camera)
    save_motion(tmp_path / "turn.motion.npz", motion, overwrite=False)
    return tmp_path / "turn.motion.npz"


def test_picture_and_numbers(recording, tmp_path, capsys):
    out = tmp_path / "flow.png"
    assert (
        main(
            ["flow", "show", str(PHOTO), str(recording), "--out", str(out), "--flow.resolution", "64", "--moment", "1"]
        )
        == 0
    )
    assert read_image(out).shape[1] > 1000
    said = capsys.readouterr().out
    assert "largest flow 0.0e+00 m" in said and "clipped 0.00 %" in said
    error = float(said.split("mean error ")[1].split(" %")[0])
    assert 0.0 < error < 3.0  # % of the distance between the eyes


def test_refusals_are_one_line(recording, tmp_path, capsys):
    arguments = ["flow", "show", str(PHOTO), str(recording), "--out", str(tmp_path / "flow.png")]
    for extra, message in (
        (["--moment", "99"], "--moment is 99.0 s: give 0 to"),
        (["--flow.samples", "0"], "flow setting samples is 0"),
        (["--face", "0"], "faces are counted from 1"),
    ):
        assert main([*arguments, *extra]) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1
    assert not list(tmp_path.glob("*.png"))
