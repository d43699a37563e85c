import subprocess
import sys

import pytest

from likeness.app.cli import main
from tests.flow_warp.portraits import PHOTO


def test_synthesise_and_show(tmp_path, capsys):
    photos, out = tmp_path / "photos", tmp_path / "made" / "pairs"
    photos.mkdir()
    (photos / "astronaut.jpg").write_bytes(PHOTO.read_bytes())
    (photos / "torn.jpg").write_bytes(PHOTO.read_bytes()[:900])
    command = ["data", "synthesise", str(photos), "--out", str(out), "--count", "2", "--size", "64"]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("1 clips made, 0 shards were there already, 1 photos skipped")
    assert lines[1].startswith("skipped ") and "torn.jpg: is damaged" in lines[1]
    assert main(["data", "show", str(out), "--pairs", "3"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("1 clips (1 round-trip), 2 frames with a face, squares of [64] pixels")
    assert "yaw, degrees" in shown and "of the head hidden in the source, %" in shown


def test_people_go_on_where_they_were_stopped(tmp_path, capsys):
    photos, out = tmp_path / "photos", tmp_path / "people"
    photos.mkdir()
    (photos / "astronaut.jpg").write_bytes(PHOTO.read_bytes())
    (photos / "torn.jpg").write_bytes(PHOTO.read_bytes()[:900])
    command = ["data", "people", str(photos), "--out", str(out), "--photos", "2", "--views", "2", "--size", "64"]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("1 people made, 0 shards were there already, 1 photos skipped")
    assert main([*command, "--heads", "2"]) == 0
    assert "2 people made, 1 shards were there already" in capsys.readouterr().out
    assert main([*command, "--heads", "2", "--size", "96"]) == 2
    assert "holds clips of 64 pixels, and 96 are asked for: use another folder" in capsys.readouterr().err
    assert main([*command, "--heads", "3"]) == 0
    assert "1 people made, 2 shards were there already" in capsys.readouterr().out
    assert main(["data", "show", str(out), "--pairs", "3"]) == 0
    assert capsys.readouterr().out.startswith("4 clips (3 made-head, 1 photo-views), 8 frames with a face")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["track", "{folder}/missing", "--out", "{folder}/out"], "is no folder"),
        (["track", "{folder}", "--out", "{folder}/out"], "holds no video or photo"),
        (["track", "{folder}", "--out", "{folder}/out", "--size", "9"], "--size must be 64 to 4096 pixels, got 9"),
        (["track", "{folder}", "--out", "{folder}/out", "--shortest", "nan"], "--shortest is nan"),
        (["track", "{folder}", "--out", "{folder}/out", "--shortest", "-1"], "--shortest is -1"),
        (["synthesise", "--out", "{folder}/out"], "ask for some"),
        (["synthesise", "--out", "{folder}/out", "--heads", "1", "--seed", "-1"], "--seed is -1"),
        (["synthesise", "--out", "{folder}/out", "--count", "1"], "pairs need a folder"),
        (["synthesise", "--out", "{folder}/out", "--heads", "1", "--processes", "0"], "--processes must be at least 1"),
        (["people", "--out", "{folder}/out"], "ask for some"),
        (["people", "--out", "{folder}/out", "--heads", "1", "--seed", "-1"], "--seed is -1"),
        (["people", "--out", "{folder}/out", "--heads", "1", "--seed", str(10**30)], f"--seed is {10**30}"),
        (["people", "--out", "{folder}/out", "--photos", "1"], "people of photos need a folder"),
        (["people", "--out", "{folder}/out", "--heads", "1", "--views", "1"], "--views must be 2 to 1000, got 1"),
        (["drafts", "{folder}", "--out", "{folder}/out"], "holds no clips"),
        (["drafts", "{folder}", "--out", "{folder}"], "give --out another folder"),
        (["drafts", "{folder}", "--out", "{folder}/out", "--sources", "0"], "--sources must be 1 to 100, got 0"),
        (["show", "{folder}"], "holds no clips"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, arguments, message):
    assert main(["data", *(part.format(folder=tmp_path) for part in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []  # no folder is made for what cannot be


def test_the_commands_load_no_torch():
    code = "import sys, likeness.app.cli, likeness.app.data_sets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
