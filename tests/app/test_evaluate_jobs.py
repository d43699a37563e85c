"""`likeness evaluate --jobs`: the same rows as one process, with the default renderer; options that cannot work."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from likeness.app.cli import main
from likeness.media.images import write_image
from tests.evaluation.copying import shipped_face


@pytest.fixture
def material(tmp_path: Path) -> Path:
    folder = tmp_path / "material"
    (folder / "portraits").mkdir(parents=True)
    face = shipped_face()
    write_image(folder / "portraits" / "p001.jpg", face)
    write_image(folder / "portraits" / "p002.jpg", face[:, ::-1].copy())
    (folder / "portraits" / "p003.jpg").write_bytes(b"no picture")
    write_image(folder / "portraits" / "p004.jpg", np.zeros((64, 64, 3), np.uint8))
    (folder / "manifest.csv").write_text("file\nportraits/p001.jpg\nportraits/p005.jpg\n")
    return folder


def test_jobs_give_the_rows_of_one_process(material: Path, tmp_path: Path, capsys):
    rows = []
    for jobs in ("1", "2"):
        out = tmp_path / jobs
        assert main(["evaluate", "zero", "--data", str(material), "--out", str(out), "--jobs", jobs]) == 1
        rows.append(json.loads((out / "zero.json").read_text())["rows"])
        errors = capsys.readouterr().err
        assert all(name in errors for name in ("p003: ", "p004: ", "p005: ", "3 problems"))
    assert rows[0] == rows[1]
    assert ["error" in row for row in rows[0]] == [False, False, True, True, True]
    assert rows[0][0]["difference"] < 0.5  # flow-warp at rest


def test_a_process_needs_no_torch(material: Path, tmp_path: Path):
    code = f"""
import sys
from pathlib import Path
from likeness.app.evaluate_plan import Plan, open_items
items = open_items(Plan(data=Path({str(material)!r}), limit=None, frames=10, out=Path({str(tmp_path)!r})), "zero")
print(len(items), "torch" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "5 False\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["self", "--jobs", "0"], "--jobs is 0: give 1 to 256"),
        (["sheets", "--jobs", "2"], "sheets runs in one process: leave --jobs out"),
    ],
)
def test_jobs_that_cannot_work_are_one_line(options: list[str], message: str, tmp_path: Path, capsys):
    assert main(["evaluate", *options, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
