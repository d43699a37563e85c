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
from likeness.fg_portrait.objective import noise_batch, predict_batch
from likeness.fg_portrait.recipes import RECIPES, tiny
from likeness.fg_portrait.schedule import add_noise, make_schedule, prediction_target
from likeness.fg_portrait.train import FgPortraitTask
from likeness.fg_portrait.weights import load_networks, load_training_weights
from likeness.heads.builtin import builtin_head
from likeness.training.log import read_lines
from likeness.training.loop import train
from likeness.training.processes import Processes
from likeness.training.task import Moment

HEAD = builtin_head()
START = Moment(step=0, progress=0.0)
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


@pytest.fixture
def no_pictures(monkeypatch):
    """Validation, whose pictures take longer than the few steps of these trainings, is tested once."""
    monkeypatch.setattr(FgPortraitTask, "validate", lambda self, folder, step: {})


def task(folder, stage=1, seed=0):
    recipe = tiny(stage)
    torch.manual_seed(seed)
    return FgPortraitTask(build_networks(recipe.model), open_clips(folder, HEAD), HEAD, recipe.samples, seed=seed)


def losses_at(subject, batch, timesteps):
    """Mean squared error over all eight pairs at each of these noise levels, with fixed noise."""
    networks = subject.networks
    schedule = make_schedule(networks.config.diffusion)
    values = []
    with torch.no_grad():
        for timestep in timesteps:
            state = noise_batch(networks, batch, torch.Generator().manual_seed(timestep))
            times = torch.full((8, 1), timestep)
            noisy = add_noise(schedule, state.clean, state.noise, times)
            predicted = predict_batch(networks, batch, replace(state, noisy=noisy, timesteps=times[:, 0]))
            target = prediction_target(schedule, state.clean, state.noise, times)
            values.append((predicted - target).square().mean().item())
    return np.array(values)


def test_thirty_steps_on_eight_pairs_lower_the_loss(folder, tmp_path):
    """By 30 % where the picture must be known. Where little noise is left, 16 channels cannot pass the noise of 48."""
    subject = task(folder)
    batch, levels = subject.load(range(8)), (50, 450, 650, 800)
    before = losses_at(subject, batch, levels)
    settings = replace(tiny(1).training, steps=30, log_every=15, validate_every=1000)
    train(subject, settings, tmp_path, ALONE)
    after = losses_at(subject, batch, levels)
    assert after[2:].mean() < 0.7 * before[2:].mean()
    assert after.mean() < 0.9 * before.mean()
    lines = [line for line in read_lines(tmp_path) if "rate" in line]
    assert [line["step"] for line in lines] == [15, 30]
    (validation,) = [line["validation"] for line in read_lines(tmp_path) if "validation" in line]
    assert {"loss", "psnr", "psnr_of_source"} == set(validation) and np.isfinite(list(validation.values())).all()
    assert (tmp_path / "validation" / "step-00000030" / "samples.png").is_file()
    networks, reports = load_networks(tmp_path / "weights", head=HEAD)
    assert networks.config == tiny(1).model and len(reports) == 3


def test_the_same_seed_gives_the_same_losses(folder):
    losses = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        subject = task(folder, seed=seed)
        losses[name] = [
            subject.loss("networks", subject.load(numbers), torch.Generator().manual_seed(seed), START).total.item()
            for numbers in (range(2), range(2, 4))
        ]
    assert losses["a"] == losses["b"] != losses["c"]


def test_stage_two_moves_temporal_layers_alone(folder, films, tmp_path, no_pictures):
    short = replace(tiny(1).training, steps=1)
    train(task(folder), short, tmp_path / "one", ALONE)
    subject = task(films, stage=2)
    load_training_weights(tmp_path / "one" / "weights", subject.networks, head=HEAD)
    before = {name: value.detach().clone() for name, value in subject.networks.named_parameters()}
    train(subject, replace(tiny(2).training, steps=1), tmp_path / "two", ALONE)
    changed = {name for name, value in subject.networks.named_parameters() if not torch.equal(value, before[name])}
    assert changed and all("motion_modules" in name for name in changed)


def test_activation_checkpoints_do_not_change_the_numbers(folder):
    plain, saving = task(folder), task(folder)
    saving.save_memory()
    batch = plain.load(range(2))
    gradients = []
    for subject in (plain, saving):
        subject.loss("networks", batch, torch.Generator().manual_seed(0), START).total.backward()
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


def drafted(pair):
    """The pair with its source for a draft."""
    return replace(pair, header=replace(pair.header, drafts=(1,)), drafts={1: pair.pictures[0]})


def test_models_on_drafts_leave_clips_without_them_out(tmp_path):
    settings = MadeHeadSettings(size=64, poses=2)
    pairs = [
        made_head(f"head{seed}", HEAD, settings=settings, generator=np.random.default_rng(seed)) for seed in (0, 1)
    ]
    pairs = [replace(pair, header=replace(pair.header, sources=(0,), targets=(1,))) for pair in pairs]
    write_shard(tmp_path / "pairs.clips.tar", [drafted(pairs[0]), pairs[1]])
    recipe = tiny(1)
    networks = build_networks(replace(recipe.model, control=replace(recipe.model.control, draft=True)))
    subject = FgPortraitTask(networks, open_clips(tmp_path, HEAD), HEAD, recipe.samples, seed=0)
    assert [clip.header.name for clip in subject.clips] == ["head0"]
    loss = subject.loss("networks", subject.load(range(2)), torch.Generator().manual_seed(0), START).total
    assert torch.isfinite(loss)


def test_the_command(folder, tmp_path, capsys, no_pictures):
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
        (
            ["train", "fg-portrait", "laptop", "--data", str(folder), "--out", str(tmp_path / "x")],
            "none of the 8 clips has",
        ),
        ([*command, "--stage", "2"], "--start"),
        ([*command, "--steps", "1", "--batch", "3", "--micro-batch", "2"], "must divide"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
