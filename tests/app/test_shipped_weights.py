"""The weights that come with the package: whole, small, described, and used where no folder is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.fg_portrait.presets import tiny
from likeness.fg_portrait.weights import save_networks
from likeness.heads.builtin import builtin_head
from likeness.media.images import read_image
from likeness.nn import shipped
from likeness.nn.checkpoint import HEADER
from likeness.nn.shipped import SHIPPED, check_packed
from tests.fg_portrait.models import noisy_networks

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


def test_networks_repair_the_picture_of_the_renderer_that_is_asked_for(tmp_path: Path):
    photo = read_image(PHOTO).astype(int)
    drawn = {}
    for name, options in {
        "flow-warp": [],
        "export3d": ["--method", "export3d"],
        "on flow-warp": ["--method", "fg-portrait", "--draft", "flow-warp"],
        "on export3d": ["--method", "fg-portrait", "--draft", "export3d"],
    }.items():
        out = tmp_path / f"{name}.png"
        assert main(["edit", str(PHOTO), "--out", str(out), "--yaw", "20", *options]) == 0
        drawn[name] = read_image(out).astype(int)
    for method, other in (("flow-warp", "export3d"), ("export3d", "flow-warp")):
        changes = [np.abs(drawn[f"on {method}"] - drawn[each]).mean() for each in (method, other)]
        assert 0.0 < changes[0] < 0.5 * changes[1]
    assert np.abs(drawn["on export3d"] - photo).mean() > 1.0


def test_only_networks_on_drafts_take_drafts(tmp_path: Path, capsys):
    command = ["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), "--draft", "export3d"]
    for method in ("flow-warp", "export3d"):
        assert main([*command, "--method", method]) == 2
        assert "--draft is for renderers that sample" in capsys.readouterr().err
    save_networks(tmp_path / "weights", noisy_networks(tiny()), head=builtin_head(), trained="for a test")
    assert main([*command, "--method", "fg-portrait", "--weights", str(tmp_path / "weights")]) == 2
    error = capsys.readouterr().err
    assert "work on none: leave --draft out" in error and error.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_a_damaged_file_is_one_line(tmp_path: Path, capsys, monkeypatch):
    (tmp_path / "assets" / "export3d").mkdir(parents=True)
    (tmp_path / "assets" / "export3d" / "checksums.json").write_text('{"volume.safetensors": "0"}')
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "assets")
    assert main(["edit", str(PHOTO), "--out", str(tmp_path / "a.png"), "--method", "export3d"]) == 2
    error = capsys.readouterr().err
    assert "install" in error and error.count("\n") == 1
