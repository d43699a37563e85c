"""`likeness ablate`: two rows of two steps end to end, going on where it stopped, and one-line refusals."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.app import ablate_fg_portrait, ablation
from likeness.app.cli import main
from likeness.data.clip import NewClip
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.fg_portrait.train import FgPortraitTask
from likeness.heads.builtin import builtin_head
from likeness.training.interruption import Interrupted

torch.set_num_threads(1)
HEAD = builtin_head()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Six made-up people in two poses each."""
    folder = tmp_path_factory.mktemp("people")
    write_shard(folder / "people.clips.tar", people())
    return folder


def people() -> list[NewClip]:
    settings = MadeHeadSettings(size=64, poses=2)
    return [
        made_head(f"person{seed}", HEAD, settings=settings, generator=np.random.default_rng(seed)) for seed in range(6)
    ]


@pytest.fixture
def command(data: Path, tmp_path: Path, monkeypatch) -> list[str]:
    """Without what takes its time and is tested elsewhere: identity, many noise levels, validation pictures."""
    monkeypatch.setattr(ablation, "is_available", lambda: False)
    monkeypatch.setattr(ablate_fg_portrait, "LOSS_DRAWS", 1)
    monkeypatch.setattr(FgPortraitTask, "validate", lambda self, folder, step: {})
    start = ["ablate", "fg-portrait", "tiny", "--data", str(data), "--out", str(tmp_path / "out"), "--cpu"]
    return [*start, "--seeds", "1", "--steps", "2", "--scenes", "2"]


def test_two_rows_end_to_end_and_on(command: list[str], tmp_path: Path, monkeypatch, capsys) -> None:
    trained = []
    original = ablation.train
    monkeypatch.setattr(ablation, "train", lambda *args, **options: (trained.append(0), original(*args, **options))[1])
    assert main([*command, "--rows", "N=2,sampling_test"]) == 0
    assert len(trained) == 2  # the last row is drawn with the main row's weights
    shown = capsys.readouterr().out
    assert "Table 5" in shown and "Table 7" in shown and "flow-warp blurred" in shown
    out = tmp_path / "out"
    content = json.loads((out / "ablation.json").read_text())
    rows = {row["item"]: row for row in content["rows"]}
    assert {"copying the source", "flow-warp", "main seed 0", "N=2 seed 0", "sampling_test=uniform seed 0"} <= set(rows)
    assert rows["main seed 0"]["steps"] == 2 and np.isfinite(rows["main seed 0"]["loss"])
    assert rows["flow-warp"]["self_psnr"] > rows["main seed 0"]["self_psnr"]
    numbers = [
        {k: v for k, v in rows[name].items() if k.startswith(("self", "loss"))}
        for name in ("main seed 0", "N=2 seed 0")
    ]
    assert numbers[0] != numbers[1]
    assert "| N=4 (main) |" in (out / "ablation.md").read_text()
    assert not list(out.rglob("checkpoints"))

    # A finished row is neither trained nor scored again; one that was lost is.
    scored = []
    scoring = ablation.score_scenes
    monkeypatch.setattr(ablation, "score_scenes", lambda *args: (scored.append(0), scoring(*args))[1])
    shutil.rmtree(out / "runs" / "N=2")
    kept = [line for line in (out / "ablation.jsonl").read_text().splitlines() if '"N=2' not in line]
    (out / "ablation.jsonl").write_text("\n".join(kept) + "\n")
    assert main([*command, "--rows", "N=2,sampling_test"]) == 0
    assert (len(trained), len(scored)) == (3, 1)
    again = {row["item"]: row for row in json.loads((out / "ablation.json").read_text())["rows"]}
    assert {item: row | {"minutes": 0.0} for item, row in again.items()} == {
        item: row | {"minutes": 0.0} for item, row in rows.items()
    }
    capsys.readouterr()

    assert main([*command, "--rows", "N=2", "--batch", "1"]) == 2
    error = capsys.readouterr().err
    assert "was begun with other settings (main.training.batch was 2, now 1)" in error and error.count("\n") == 1


def test_rows_on_drafts_are_trained_on_clips_that_have_them(command: list[str], data: Path, tmp_path, capsys) -> None:
    assert main([*command, "--rows", "x_draft"]) == 2
    error = capsys.readouterr().err
    assert "none of the 4 clips has" in error and error.count("\n") == 1
    fixed = [
        replace(
            person,
            header=replace(person.header, sources=(0,), targets=(1,), drafts=(1,)),
            drafts={1: person.pictures[0]},
        )
        for person in people()
    ]
    (tmp_path / "drafts").mkdir()
    write_shard(tmp_path / "drafts" / "people.clips.tar", fixed)
    place = command.index("--data") + 1
    assert main([*command[:place], str(tmp_path / "drafts"), *command[place + 1 :], "--rows", "x_draft"]) == 0
    rows = {row["item"]: row for row in json.loads((tmp_path / "out" / "ablation.json").read_text())["rows"]}
    row, other = rows["x_draft=on seed 0"], rows["main seed 0"]
    assert np.isfinite(row["loss"]) and row["self_psnr"] > other["self_psnr"] + 1.0  # two steps spoil a warp little


def test_a_stopped_row_goes_on_from_its_checkpoint(command: list[str], tmp_path: Path, monkeypatch, capsys) -> None:
    losses = []
    original = FgPortraitTask.loss

    def stopped_once(self, *args):
        losses.append(0)
        if len(losses) == 2:
            raise Interrupted(2)
        return original(self, *args)

    monkeypatch.setattr(FgPortraitTask, "loss", stopped_once)
    assert main([*command, "--rows", "x_mask=off"]) == 130
    assert "stopped after 1 steps of main, seed 0" in capsys.readouterr().out
    assert main([*command, "--rows", "x_mask=off"]) == 0
    assert len(losses) == 3  # the first step was not done again
    assert json.loads((tmp_path / "out" / "runs" / "main" / "seed-0" / "finished.json").read_text())["steps"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rows", "x_teeth"], "there is no switch x_teeth; choose from cond, sampling"),
        (["--rows", "cond=voice"], "voice is none of flow3d"),
        (["--seeds", "0"], "--seeds starts at 1"),
        (["--scenes", "1"], "--scenes at 2"),
        (["--test", "nowhere"], "nowhere is no folder"),
        (["--data", "nowhere"], "nowhere is no folder"),
    ],
)
def test_what_cannot_be_is_one_line(command: list[str], options: list[str], message: str, tmp_path, capsys) -> None:
    assert main([*command, *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
