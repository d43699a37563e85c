"""The image token: CLIP's embedding of the photo where the text was, zeros without it, kept with the weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.app.cli import main
from likeness.app.demo import PHOTO
from likeness.data.folder import open_clips
from likeness.data.made_head import MadeHeadSettings, made_head
from likeness.data.shard import write_shard
from likeness.errors import InputError
from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.cost import estimate_cost
from likeness.fg_portrait.networks import Networks, build_networks
from likeness.fg_portrait.objective import training_loss
from likeness.fg_portrait.presets import full, tiny
from likeness.fg_portrait.sampler import Sampler
from likeness.fg_portrait.weights import (
    IMAGE_ENCODER,
    link_beside,
    load_networks,
    load_training_weights,
    read_image_encoder,
    save_networks,
)
from likeness.heads.builtin import builtin_head
from tests.fg_portrait.models import batch, condition, image_model, noisy_networks, random
from tests.heads_for_tests import tiny_head
from tests.nn.foreign.image_encoder_files import WIDTH, write_image_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_image_encoder(tmp_path_factory.mktemp("encoder") / "clip")


def model(width: int = WIDTH) -> FgPortraitConfig:
    return replace(tiny(), image_token=width)


def with_encoder(folder: Path) -> Networks:
    networks = noisy_networks(model())
    read_image_encoder(networks, folder)
    return networks


def predicted(networks: Networks, token: torch.Tensor | None, keep: torch.Tensor | None = None) -> torch.Tensor:
    latents, times = random(2, 48, 16, 16, seed=1), torch.tensor([700, 20])
    bank = networks.read_source(latents, times, keep=keep, token=token)
    embedded = networks.embed(condition(networks.config, 2), latents)
    return networks.predict(random(2, 1, 48, 16, 16, seed=9), times, bank=bank, embedded=embedded)


def test_the_photo_reaches_the_prediction_through_its_token(folder) -> None:
    networks = with_encoder(folder)
    photos = random(2, 3, 64, 64).clamp(-1, 1)
    token = networks.picture_token(photos)
    assert token.shape == (2, WIDTH)
    one, other, none = (predicted(networks, each) for each in (token, -token, None))
    assert not torch.allclose(one, other) and not torch.allclose(one, none)
    mixed = predicted(networks, token, keep=torch.tensor([True, False]))
    torch.testing.assert_close(mixed[0], one[0])
    assert not torch.allclose(mixed[1], one[1])
    given = batch(networks.config)
    first = training_loss(networks, given, torch.Generator().manual_seed(0))
    networks.image_encoder = None  # zeros
    assert torch.equal(networks.picture_token(photos), torch.zeros(2, WIDTH))
    assert training_loss(networks, given, torch.Generator().manual_seed(0)) != first
    assert image_model().picture_token(photos) is None


def test_sampling_reads_the_token_and_its_unconditional_branch_does_not(folder) -> None:
    networks = with_encoder(folder)
    settings = replace(tiny().sampling, steps=1, guidance=2.0)
    motion, source = condition(networks.config, 1), random(1, 48, 16, 16)

    def drawn(seed: int) -> torch.Tensor:
        token = networks.picture_token(random(1, 3, 64, 64, seed=seed).clamp(-1, 1))
        sampler = Sampler(networks, source, settings=settings, seed=0, token=token)
        return next(item for item in sampler.sample([motion]) if item is not None)

    assert torch.equal(drawn(1), drawn(1)) and not torch.allclose(drawn(1), drawn(2))


def test_the_projection_is_trained_where_the_widths_differ_and_the_encoder_never(folder) -> None:
    networks = with_encoder(folder)
    names = set(networks.trained())
    assert {"denoiser.image_projection.weight", "denoiser.image_projection.bias"} <= names
    assert "denoiser.context" not in names and not any("image_encoder" in name for name in names)
    networks.freeze()
    training_loss(networks, batch(networks.config), torch.Generator().manual_seed(0)).backward()
    assert networks.image_projection.weight.grad.abs().sum() > 0.0
    fitting = build_networks(model(width=tiny().unet.context_width))
    assert fitting.image_projection is None
    with pytest.raises(ValueError, match="768 numbers, and the image encoder gives 12"):
        replace(full(), image_token=WIDTH)
    assert replace(full(), image_token=768).image_token == 768
    assert estimate_cost(model()).per_frame(tiny().sampling, temporal=False) > 0.0


def test_weights_come_back_with_their_encoder(folder, tmp_path) -> None:
    networks = with_encoder(folder)
    save_networks(tmp_path / "weights", networks, head=tiny_head(), trained="")
    with pytest.raises(InputError, match="image_encoder is missing: these weights build on CLIP's image encoder"):
        load_networks(tmp_path / "weights", head=tiny_head())
    link_beside(tmp_path / "weights", IMAGE_ENCODER, folder)
    link_beside(tmp_path / "weights", IMAGE_ENCODER, folder)  # there already
    loaded, _ = load_networks(tmp_path / "weights", head=tiny_head())
    expected = networks.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    (tmp_path / "weights" / IMAGE_ENCODER).unlink()
    link_beside(tmp_path / "weights", IMAGE_ENCODER, write_image_encoder(tmp_path / "wider", width=WIDTH + 1))
    with pytest.raises(InputError, match="gives 13 numbers, but these weights read 12"):
        load_networks(tmp_path / "weights", head=tiny_head())


def test_weights_without_the_token_are_a_start(tmp_path) -> None:
    save_networks(tmp_path / "plain", image_model(), head=tiny_head(), trained="")
    load_training_weights(tmp_path / "plain", build_networks(model()), head=tiny_head())


def test_the_command_trains_with_a_token_and_draws_with_it(folder, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("likeness.fg_portrait.train.FgPortraitTask.validate", lambda self, folder, step: {})
    head, options = builtin_head(), MadeHeadSettings(size=64, poses=2)
    (tmp_path / "data").mkdir()
    clip = made_head("h", head, settings=options, generator=np.random.default_rng(0))
    write_shard(tmp_path / "data" / "a.clips.tar", [clip])
    assert open_clips(tmp_path / "data", head)
    common = ["train", "fg-portrait", "tiny", "--data", str(tmp_path / "data"), "--cpu", "--steps", "1"]
    assert main([*common, "--out", str(tmp_path / "run"), "--image-encoder", str(folder)]) == 0
    weights = tmp_path / "run" / "weights"
    assert (weights / IMAGE_ENCODER).resolve() == folder.resolve()
    drawing = ["edit", str(PHOTO), "--method", "fg-portrait", "--weights", str(weights), "--steps", "1"]
    assert main([*drawing, "--out", str(tmp_path / "a.png")]) == 0
    capsys.readouterr()
    assert main([*common, "--out", str(tmp_path / "b"), "--image-encoder", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert "is no folder" in error and error.count("\n") == 1
