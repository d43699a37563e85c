from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.app.cli import main
from likeness.data.folder import open_clips
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.errors import InputError
from likeness.fg_portrait.networks import build_networks
from likeness.fg_portrait.recipes import RECIPES, tiny
from likeness.fg_portrait.train import FgPortraitTask
from likeness.fg_portrait.weights import load_networks, load_training_weights
from likeness.heads.builtin import builtin_head
from likeness.training.log import read_lines
from likeness.training.loop import train
from likeness.training.processes import Processes

HEAD = builtin_head()
ALONE = Processes(rank=0, count=1, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight pairs of made heads: the first pose is the source, the second the target."""
    out = tmp_path_factory.mktemp("pairs")
    settings = MadeHeadSettings(size=64, poses=2)
    pairs = [
        made_head(f"head{seed}", HEAD, settings=settings, generator=np.random.default_rng(seed)) for seed in range(8)
    ]
    fixed = [replace(pair, header=replace(pair.header, sources=(0,), targets=(1,))) for pair in pairs]
    write_shard(out / "pairs.clips.tar", fixed)
    return out


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """One made head in eight poses, taken for a film."""
    out = tmp_path_factory.mktemp("films")
    settings = MadeHeadSettings(size=64, poses=8)
    write_shard(
        out / "films.clips.tar", [made_head("film", HEAD, settings=settings, generator=np.random.default_rng(1))]
    )
    return out


def task(folder, stage=1, seed=0):
    recipe = tiny(stage)
    torch.manual_seed(seed)
    return FgPortraitTask(build_networks(recipe.model), open_clips(folder, HEAD), HEAD, recipe.samples, seed=seed)


def mean_loss(subject):
    """Over all eight pairs, at many noise levels, always the same."""
    batch = subject.load(range(8))
    with torch.no_grad():
        values = [
            subject.loss("networks", batch, torch.Generator().manual_seed(seed), None).total.item()
            for seed in range(10)
        ]
    return float(np.mean(values))


def test_sixty_steps_on_eight_pairs_lower_the_loss_by_a_third(folder, tmp_path):
    subject = task(folder)
    before = mean_loss(subject)
    settings = replace(tiny(1).training, steps=60, log_every=30, validate_every=1000)
    train(subject, settings, tmp_path, ALONE)
    assert mean_loss(subject) < 0.7 * before
    lines = [line for line in read_lines(tmp_path) if "rate" in line]
    assert lines[1]["networks/loss"] < 0.8 * lines[0]["networks/loss"]
    (validation,) = [line["validation"] for line in read_lines(tmp_path) if "validation" in line]
    assert {"loss", "psnr", "psnr_of_source"} == set(validation) and np.isfinite(list(validation.values())).all()
    assert (tmp_path / "validation" / "step-00000060" / "samples.png").is_file()
    networks, reports = load_networks(tmp_path / "weights", head=HEAD)
    assert networks.config == tiny(1).model and len(reports) == 3


def test_the_same_seed_gives_the_same_losses(folder, tmp_path):
    settings = replace(tiny(1).training, steps=3, log_every=1, validate_every=1000)
    losses = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(task(folder, seed=seed), replace(settings, seed=seed), tmp_path / name, ALONE)
        losses[name] = [line["networks/loss"] for line in read_lines(tmp_path / name) if "rate" in line]
    assert losses["a"] == losses["b"] != losses["c"]


def test_stage_two_moves_temporal_layers_alone(folder, films, tmp_path):
    short = replace(tiny(1).training, steps=1)
    train(task(folder), short, tmp_path / "one", ALONE)
    subject = task(films, stage=2)
    load_training_weights(tmp_path / "one" / "weights", subject.networks, head=HEAD)
    before = {name: value.detach().clone() for name, value in subject.networks.named_parameters()}
    train(subject, replace(tiny(2).training, steps=2), tmp_path / "two", ALONE)
    changed = {name for name, value in subject.networks.named_parameters() if not torch.equal(value, before[name])}
    assert changed and all("motion_modules" in name for name in changed)


def test_activation_checkpoints_do_not_change_the_numbers(folder):
    plain, saving = task(folder), task(folder)
    saving.save_memory()
    batch = plain.load(range(2))
    gradients = []
    for subject in (plain, saving):
        subject.loss("networks", batch, torch.Generator().manual_seed(0), None).total.backward()
        gradients.append([value.grad for value in subject.players[0].parameters.values()])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-7)


def test_every_recipe_fits_its_model():
    for name, recipe in RECIPES.items():
        for stage in (1, 2):
            made = recipe(stage)
            assert made.samples.size == made.model.image_size, name
            assert (made.samples.window is None) == (stage == 1) == (made.model.temporal is None)
    with pytest.raises(InputError, match="the model draws 64 pixels"):
        recipe = tiny(1)
        FgPortraitTask(build_networks(recipe.model), (), HEAD, replace(recipe.samples, size=32), seed=0)


def test_the_command(folder, tmp_path, capsys):
    run = tmp_path / "run"
    command = ["train", "fg-portrait", "tiny", "--data", str(folder), "--out", str(run), "--cpu"]
    assert main([*command, "--steps", "1"]) == 0
    assert "0.59 million parameters on 8 clips, CPU" in capsys.readouterr().out
    assert main([*command, "--steps", "2"]) == 0
    assert "2 steps in" in capsys.readouterr().out
    for arguments, message in (
        ([*command, "--steps", "3", "--rate", "1"], "begun with other settings (training.final_rate was"),
        (["train", "fg-portrait", "full", "--data", str(folder), "--out", str(tmp_path / "x")], "--base"),
        (["train", "fg-portrait", "tiny", "--data", str(tmp_path), "--out", str(tmp_path / "x")], "holds no clips"),
        ([*command, "--stage", "2"], "--start"),
        ([*command, "--steps", "1", "--batch", "3", "--micro-batch", "2"], "must divide"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
