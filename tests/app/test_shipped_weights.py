"""The weights that come with the package: whole, small, described, and used where no folder is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.media.images import read_image
from likeness.nn import shipped
from likeness.nn.checkpoint import HEADER
from likeness.nn.shipped import SHIPPED, check_packed

MOST_BYTES = 20_000_000
METHODS = sorted(folder.name for folder in SHIPPED.iterdir() if folder.is_dir())
SECTIONS = ("Data", "Training", "Results", "Limits", "Licence")


def test_what_comes_with_weights():
    assert METHODS == ["export3d", "fg-portrait"]


@pytest.mark.parametrize("method", METHODS)
def test_a_folder_is_whole_small_and_described(method: str):
    folder = SHIPPED / method
    check_packed(folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MOST_BYTES
    assert json.loads((folder / HEADER).read_text())["method"] == method
    card = (folder / "MODEL_CARD.md").read_text()
    assert all(f"## {section}" in card for section in SECTIONS)


@pytest.mark.parametrize("method", METHODS)
def test_the_command_line_uses_them_unasked(method: str, tmp_path: Path):
    out = tmp_path / "out.png"
    assert main(["edit", str(PHOTO), "--out", str(out), "--method", method, "--yaw", "15"]) == 0
    drawn, photo = read_image(out).astype(int), read_image(PHOTO).astype(int)
    assert drawn.shape == photo.shape
    changed = np.abs(drawn - photo).sum(axis=-1) > 30
    assert 0.02 < changed.mean() < 0.6  # the head has turned, and the rest of the photo is there


def test_a_damaged_file_is_one_line(tmp_path: Path, capsys, monkeypatch):
    (tmp_path / "assets" / "export3d").mkdir(parents=True)
    (tmp_path / "assets" / "export3d" / "checksums.json").write_text('{"volume.safetensors": "0"}')
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "assets")
    assert main(["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), "--method", "export3d"]) == 2
    error = capsys.readouterr().err
    assert "install" in error and error.count("\n") == 1
