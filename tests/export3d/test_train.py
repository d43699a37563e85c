"""The training task: pairs are learned by heart, a training goes on exactly, both players move, weights come back."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.data.folder import open_clips
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.errors import InputError
from likeness.export3d.model import Export3dModel
from likeness.export3d.recipes import RECIPES, tiny
from likeness.export3d.train import DISCRIMINATOR, GENERATOR, Export3dTask
from likeness.export3d.weights import load_model, load_start, save_model
from likeness.training.log import read_lines
from likeness.training.loop import train
from likeness.training.processes import Processes
from likeness.training.task import Moment
from tests.export3d.models import HEAD, settings, tiny_model

ALONE = Processes(rank=0, count=1, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Four made heads; the first pose is the source, the second the target."""
    out = tmp_path_factory.mktemp("pairs")
    made = [
        made_head(
            f"head{seed}", HEAD, settings=MadeHeadSettings(size=64, poses=2), generator=np.random.default_rng(seed)
        )
        for seed in range(4)
    ]
    fixed = [replace(one, header=replace(one.header, sources=(0,), targets=(1,))) for one in made]
    write_shard(out / "pairs.clips.tar", fixed)
    return open_clips(out, HEAD)


def recipe(encoding="lebs", **losses):
    chosen = tiny(settings(encoding))
    return replace(chosen, losses=replace(chosen.losses, **losses))


def task(clips, chosen=None, seed=0):
    chosen = recipe() if chosen is None else chosen
    torch.manual_seed(seed)
    return Export3dTask(Export3dModel(chosen.model), clips, HEAD, chosen)


@pytest.mark.parametrize("lift", [False, True])
def test_four_pairs_are_learned_by_heart(clips, lift):
    chosen = recipe(perceptual=0.0, small_perceptual=0.0, density=0.0, adversarial=0.0)
    chosen = replace(chosen, model=replace(chosen.model, lift=lift))
    job = task(clips, chosen)
    optimiser = torch.optim.Adam(job.players[0].parameters.values(), lr=2e-3, betas=(0.9, 0.99))
    batch, losses = job.load(range(4)), []
    for step in range(50):
        moment = Moment(step=step, progress=step / 50.0)
        loss = job.loss(GENERATOR, batch, torch.Generator().manual_seed(step), moment)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        losses.append(float(loss.total.detach()))
    assert losses[-1] < 0.6 * losses[0]


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr(Export3dTask, "validate", lambda self, folder, step: {})


def test_both_players_move(clips, tmp_path, no_pictures):
    chosen = recipe(adversarial_start=0.0, adversarial_ramp=0.0)
    whole = task(clips, chosen)
    train(whole, replace(chosen.training, steps=4, warmup_steps=0), tmp_path / "whole", ALONE)
    first = {name: value.detach().clone() for name, value in whole.model.state_dict().items()}
    fresh = task(clips, chosen).model.state_dict()
    assert any((first[name] != fresh[name]).any() for name in first if name.startswith("generator.blocks"))
    judge = task(clips, chosen).discriminator.state_dict()
    assert any((value != judge[name]).any() for name, value in whole.discriminator.state_dict().items())
    lines = [line for line in read_lines(tmp_path / "whole") if "validation" not in line]
    assert all(np.isfinite(value) for line in lines for value in line.values())


def test_the_same_steps_in_two_runs_are_bit_equal(clips, tmp_path, no_pictures):
    chosen = recipe(adversarial=0.0)
    plan = replace(chosen.training, steps=None, minutes=1e6, warmup_steps=0, final_rate=chosen.training.rate)
    whole, part, rest = (task(clips, chosen, seed=seed) for seed in (0, 0, 7))
    train(whole, replace(plan, steps=4, minutes=None), tmp_path / "whole", ALONE)
    train(part, replace(plan, steps=2, minutes=None), tmp_path / "parts", ALONE)
    train(rest, replace(plan, steps=4, minutes=None), tmp_path / "parts", ALONE)
    for (name, one), other in zip(whole.model.state_dict().items(), rest.model.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def test_the_discriminator_rests_until_the_game_begins(clips):
    job = task(clips, recipe(adversarial_start=0.5))
    loss = job.loss(DISCRIMINATOR, job.load(range(2)), torch.Generator(), Moment(step=0, progress=0.1))
    loss.total.backward()
    assert not any(value.grad.any() for value in job.discriminator.parameters())
    begun = job.loss(DISCRIMINATOR, job.load(range(2)), torch.Generator().manual_seed(0), Moment(step=0, progress=0.9))
    assert {"fake", "real", "penalty"} == set(begun.numbers)


@pytest.mark.parametrize("lift", [False, True])
def test_validation_draws_a_sheet_and_writes_weights_that_come_back(clips, tmp_path, lift):
    job = task(clips, replace(recipe(), model=replace(recipe().model, lift=lift)))
    with torch.no_grad():
        numbers = job.validate(tmp_path, 0)
    assert (tmp_path / "samples.png").is_file()
    assert set(numbers) == {"psnr", "psnr_of_source", "opacity"}
    job.write_weights(tmp_path / "weights", 3)
    again = load_model(tmp_path / "weights", head=HEAD)
    for (name, one), other in zip(job.model.state_dict().items(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, msg=name)


def test_the_expression_is_standardised_over_the_clips(clips):
    job = task(clips)
    inputs = torch.cat([job.load(range(8)).inputs])
    standard = (inputs - job.model.expression.mean) / job.model.expression.deviation
    assert standard.abs().mean() < 2.0
    assert job.model.expression.deviation.std() > 0.0


def test_weights_of_another_resolution_begin_a_training(tmp_path):
    model = tiny_model()
    with torch.no_grad():
        model.generator.average.normal_()
    save_model(tmp_path / "tiny", model, head=HEAD, trained="not at all")
    larger = replace(
        model.config,
        image_size=128,
        generator=replace(model.config.generator, reduction=4),
        volume=replace(model.config.volume, resolution=32),
    )
    with pytest.raises(InputError):  # this reduction has other weights already: 2 x 2, not 4 x 4
        load_start(tmp_path / "tiny", tiny_model(larger), head=HEAD)
    fitting = replace(larger, generator=model.config.generator)
    other = tiny_model(fitting, seed=1)
    load_start(tmp_path / "tiny", other, head=HEAD)
    assert other.generator.average.shape[-1] == 64
    torch.testing.assert_close(
        other.generator.blocks[0].attention.query.weight, model.generator.blocks[0].attention.query.weight
    )


def test_a_reduction_that_was_not_there_begins_as_a_mean(tmp_path):
    model = tiny_model(replace(tiny_model().config, generator=replace(tiny_model().config.generator, reduction=1)))
    save_model(tmp_path / "one", model, head=HEAD, trained="not at all")
    reduced = tiny_model(replace(model.config, generator=replace(model.config.generator, reduction=2)), seed=1)
    load_start(tmp_path / "one", reduced, head=HEAD)
    picture = torch.randn(1, 64, 4, 4)
    means = torch.nn.functional.avg_pool2d(picture, 2)
    torch.testing.assert_close(reduced.generator.blocks[0].attention.coarser(picture), means, atol=1e-6, rtol=1e-5)


def test_every_preset_has_a_recipe_whose_samples_fit():
    for name, make in RECIPES.items():
        made = make(settings())
        assert made.samples.size == made.model.image_size, name
        assert made.samples.augmentation.mirrored_share == 0.0
