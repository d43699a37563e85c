"""`likeness ablate export3d`: rows of two steps end to end, encoders that rows share, one-line refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.app import ablation
from likeness.app.cli import main
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.export3d.clebs_train import ClebsTask
from likeness.export3d.train import Export3dTask
from likeness.heads.builtin import builtin_head

torch.set_num_threads(1)
HEAD = builtin_head()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Six made-up people in as many poses as the contrast compares."""
    folder = tmp_path_factory.mktemp("people")
    settings = MadeHeadSettings(size=64, poses=4)
    people = [
        made_head(f"person{seed}", HEAD, settings=settings, generator=np.random.default_rng(seed)) for seed in range(6)
    ]
    write_shard(folder / "people.clips.tar", people)
    return folder


@pytest.fixture
def command(data: Path, tmp_path: Path, monkeypatch) -> list[str]:
    """Without what takes its time and is tested elsewhere: identity and validation pictures."""
    monkeypatch.setattr(ablation, "is_available", lambda: False)
    for task in (Export3dTask, ClebsTask):
        monkeypatch.setattr(task, "validate", lambda self, folder, step: {})
    start = ["ablate", "export3d", "tiny", "--data", str(data), "--out", str(tmp_path / "out"), "--cpu"]
    return [*start, "--seeds", "1", "--steps", "2", "--clebs-steps", "3", "--scenes", "2"]


def test_rows_end_to_end_and_on(command: list[str], tmp_path: Path, monkeypatch, capsys) -> None:
    trained = []
    original = ablation.train

    def counted(task, *args, **options):
        trained.append(type(task).__name__)
        return original(task, *args, **options)

    monkeypatch.setattr(ablation, "train", counted)
    rows = ["--rows", "expr=direct,clebs_negatives"]
    assert main([*command, *rows]) == 0
    assert (trained.count("ClebsTask"), trained.count("Export3dTask")) == (2, 3)
    shown = capsys.readouterr().out
    assert "Encoding of the expression" in shown and "HiDe-NeRF" in shown and "flow-warp blurred" in shown
    out = tmp_path / "out"
    found = {row["item"]: row for row in json.loads((out / "ablation.json").read_text())["rows"]}
    own, direct = found["main seed 0"], found["expr=direct seed 0"]
    assert (own["steps"], own["encoder_steps"]) == (2, 3) and "encoder_steps" not in direct
    losses = {found[f"{name} seed 0"]["loss"] for name in ("main", "expr=direct")}
    assert len(losses) == 2 and all(np.isfinite(loss) for loss in losses)
    assert found["flow-warp"]["self_psnr"] > own["self_psnr"]
    assert {path.name for path in (out / "encoders").iterdir()} == {"main", "clebs_negatives=mixed"}
    assert not list(out.rglob("checkpoints"))

    # More rows can be asked for later; what is finished is not trained again, and rows share main's encoder.
    assert main([*command, "--rows", "x_tema"]) == 0
    assert (trained.count("ClebsTask"), trained.count("Export3dTask")) == (2, 4)
    capsys.readouterr()
    assert main([*command, "--rows", "x_tema", "--clebs-steps", "4"]) == 2
    error = capsys.readouterr().err
    assert "main.encoder.training.steps was 3, now 4" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rows", "sampling"], "there is no switch sampling; choose from expr"),
        (["--rows", "x_background"], "none of the 4 clips has"),
        (["--clebs-steps", "-1"], "--clebs-steps is -1"),
        (["--lpips-linear", "nowhere"], "needs both"),
    ],
)
def test_what_cannot_be_is_one_line(command: list[str], options: list[str], message: str, tmp_path, capsys) -> None:
    assert main([*command, *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
