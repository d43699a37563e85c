"""Places where a result cannot go are named before any work begins."""

import errno
import os
from pathlib import Path

import pytest

from likeness.errors import OutputError
from likeness.media.output import check_output, move_into_place, output_error, temporary_sibling


def refused(path, **options):
    """The message with which a target is refused."""
    with pytest.raises(OutputError) as caught:
        check_output(path, suffixes=(".mp4", ".gif"), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_refusals(tmp_path):
    (tmp_path / "taken.mp4").write_bytes(b"x")
    (tmp_path / "folder.mp4").mkdir()
    assert "use .mp4, .gif" in refused(tmp_path / "a.avi")
    assert "no suffix" in refused(tmp_path / "a")
    assert "does not exist" in refused(tmp_path / "none" / "a.mp4")
    assert "is not a folder" in refused(tmp_path / "taken.mp4" / "a.mp4")
    assert "is a folder" in refused(tmp_path / "folder.mp4", overwrite=True)
    assert "exists already" in refused(tmp_path / "taken.mp4")
    assert "cannot be written" in refused(tmp_path / ("x" * 300 + ".mp4"))
    assert check_output(str(tmp_path / "taken.MP4"), suffixes=(".mp4",), overwrite=True) == tmp_path / "taken.MP4"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder.mp4", "taken.mp4"]


def test_a_folder_that_takes_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "not writable" in refused(tmp_path / "a.mp4")


def test_inputs_are_never_written_over(tmp_path, monkeypatch):
    driving = tmp_path / "driving.mp4"
    driving.write_bytes(b"x")
    (tmp_path / "link.mp4").symlink_to(driving)
    os.link(driving, tmp_path / "hard.mp4")
    monkeypatch.chdir(tmp_path)
    for name in (driving, Path("driving.mp4"), tmp_path / "link.mp4", tmp_path / "hard.mp4"):
        assert "is also an input" in refused(name, overwrite=True, inputs=[driving])


def test_moving_into_place_does_not_replace_what_appeared_meanwhile(tmp_path):
    target = tmp_path / "a.mp4"
    temporary = temporary_sibling(target)
    assert temporary.parent == tmp_path and temporary.suffix == ".mp4"
    temporary.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="appeared meanwhile"):
        move_into_place(temporary, target, overwrite=False)
    move_into_place(temporary, target, overwrite=True)
    assert target.read_bytes() == b"new" and not temporary.exists()


def test_reasons_are_plain_words():
    full = output_error(Path("a.mp4"), OSError(errno.ENOSPC, "No space left on device"))
    assert str(full) == "a.mp4 cannot be written: the disk is full; free some space or write elsewhere"
    assert "odd thing" in str(output_error(Path("a.mp4"), OSError("odd thing")))
