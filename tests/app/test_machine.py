"""Where compiled kernels go when nothing beside the code can be written."""

import os

from likeness.app import machine


def test_users_choices_stay(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    monkeypatch.delenv("OPENCV_FOR_THREADS_NUM", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    machine.prepare_libraries()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    assert (os.environ["OPENBLAS_NUM_THREADS"], os.environ["OPENCV_FOR_THREADS_NUM"]) == ("3", "1")


def test_kernels_go_to_a_private_folder_where_no_other_can_be_written(monkeypatch, tmp_path):
    nowhere = tmp_path / "file"
    nowhere.write_text("not a folder")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere))
    machine.prepare_libraries()
    assert "NUMBA_CACHE_DIR" not in os.environ
    monkeypatch.setattr(machine, "_KERNELS", nowhere / "__pycache__")
    machine.prepare_libraries()
    folder = os.environ["NUMBA_CACHE_DIR"]
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    assert os.stat(folder).st_mode & 0o77 == 0
