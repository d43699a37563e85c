"""Results appear whole or not at all, and nothing is overwritten unasked."""

from pathlib import Path

import pytest

from likeness.errors import OutputError
from likeness.files import atomic_output, check_output, made_folder


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.png"
    with atomic_output(path, overwrite=False) as partial:
        assert partial.suffix == ".png" and partial.parent == tmp_path
        partial.write_bytes(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half" and list(tmp_path.iterdir()) == [path]


def test_a_broken_run_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_output(path, overwrite=True) as partial:
        partial.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_system_that_refuses_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="cannot write .*: No space left"),
        atomic_output(tmp_path / "result.txt", overwrite=False),
    ):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_names_that_cannot_be_written_are_refused_before_any_work(tmp_path: Path) -> None:
    taken = tmp_path / "taken.txt"
    taken.write_text("x")
    for path, message in (
        (tmp_path / "missing" / "a.txt", "does not exist: create it"),
        (tmp_path, "is a folder"),
        (taken, "exists already: choose another name or add --overwrite"),
    ):
        with pytest.raises(OutputError, match=message):
            check_output(path, overwrite=False)
    check_output(taken, overwrite=True)


def test_folders_are_made_with_all_above_them(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert made_folder(folder) == folder and folder.is_dir()
    assert made_folder(folder) == folder
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot make the folder .*choose another --out"):
        made_folder(tmp_path / "file" / "c")
