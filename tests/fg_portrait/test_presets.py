"""Presets have the sizes that the method and its reduced models are known by; full size on tensors without memory."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from likeness.app.train import TrainFgPortrait
from likeness.app.train_fg_portrait import chosen_recipe
from likeness.errors import InputError
from likeness.fg_portrait.config import FgPortraitConfig, RepairShares, SamplingSettings, UnetSettings
from likeness.fg_portrait.cost import estimate_cost
from likeness.fg_portrait.networks import PARTS, Networks, build_motion_adapter, build_networks
from likeness.fg_portrait.presets import PRESETS, full, laptop, second_stage, small, tiny
from likeness.nn.attention_bank import attention_layer, bank_names
from likeness.nn.json_record import record_from_json, record_to_json

MILLION = 1e6


def millions(values: Iterable[torch.Tensor]) -> float:
    return sum(value.numel() for value in values) / MILLION


def parameters(networks: Networks) -> dict[str, float]:
    """Millions of each part."""
    found = {name: millions(networks.part(name).values()) for name in PARTS}
    return {**found, "space": millions(networks.space.parameters())}


def built(config: FgPortraitConfig) -> Networks:
    with torch.device("meta"):
        return build_networks(config)


def test_full_has_the_published_sizes() -> None:
    config = second_stage(full())
    networks = built(config)
    sizes = parameters(networks)
    assert sizes["appearance"] == pytest.approx(859.5, abs=0.05)
    assert sizes["control"] == pytest.approx(361.3 + 1.50 - 1.09, abs=0.05)  # with the wider embedding
    assert sizes["denoiser"] == pytest.approx(859.5 + 77 * 768 / MILLION, abs=0.05)
    assert sizes["motion"] == pytest.approx(417.1, abs=0.05)
    assert sizes["space"] == pytest.approx(83.7, abs=0.05)
    assert config.temporal is not None
    with torch.device("meta"):
        adapter = build_motion_adapter(config.unet, replace(config.temporal, mid_block=True))
    assert millions(adapter.parameters()) == pytest.approx(453.2, abs=0.05)
    names = bank_names(networks.denoiser)
    assert names == bank_names(networks.appearance)
    widths = [attention_layer(networks.denoiser, name).to_q.in_features for name in names]
    assert {width: widths.count(width) for width in set(widths)} == {320: 5, 640: 5, 1280: 6}


def test_full_costs_what_was_counted_elsewhere() -> None:
    config = second_stage(full())
    cost = estimate_cost(config)
    assert cost.unconditional == pytest.approx(1.11, abs=0.01)
    assert cost.conditional == pytest.approx(1.52, abs=0.03)
    assert cost.decode == pytest.approx(2.515, abs=0.001)
    assert cost.per_frame(config.sampling, temporal=True) == pytest.approx(107.6, rel=0.01)


def test_small_laptop_and_tiny_have_their_sizes() -> None:
    sizes = parameters(built(second_stage(small())))
    assert sizes["denoiser"] + sizes["appearance"] + sizes["control"] == pytest.approx(38.28, abs=0.005)
    assert sizes["motion"] == pytest.approx(5.64, abs=0.005)
    assert sum(parameters(built(tiny())).values()) == pytest.approx(0.65, abs=0.005)
    assert sum(parameters(built(laptop())).values()) == pytest.approx(3.7, abs=0.05)


@pytest.mark.parametrize("stage", [lambda config: config, second_stage])
@pytest.mark.parametrize("name", PRESETS)
def test_configurations_survive_json(name, stage) -> None:
    config = stage(PRESETS[name]())
    stored = json.loads(json.dumps(record_to_json(config)))
    assert record_from_json(FgPortraitConfig, stored, where="config") == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stored: stored.update(extra=1), "unknown entry 'extra'"),
        (lambda stored: stored.pop("unet"), "lacks the entry 'unet'"),
        (lambda stored: stored.update(space="pixels"), "must be one of"),
        (lambda stored: stored["control"]["flow"].update(samples="many"), "config.control.flow.samples"),
        (lambda stored: stored["unet"].update(widths=[16, 30]), "must divide"),
    ],
)
def test_damaged_configurations_are_named(change, message: str) -> None:
    stored = record_to_json(tiny())
    change(stored)
    with pytest.raises(ValueError, match=message):
        record_from_json(FgPortraitConfig, stored, where="config")


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(tiny(), image_size=72),
        lambda: replace(tiny(), control=replace(tiny().control, embedding_widths=(16, 32))),
        lambda: replace(tiny(), trained=("motion",)),
        lambda: replace(full(), trained=("denoiser",)),
        lambda: replace(full().diffusion, zero_terminal_snr=True),
        lambda: replace(second_stage(tiny()), sampling=SamplingSettings(window=40, section=48)),
        lambda: SamplingSettings(window=8, overlap=8),
        lambda: SamplingSettings(kept_difference=1.5),
        lambda: replace(tiny(), sampling=replace(tiny().sampling, repair=RepairShares())),
        lambda: UnetSettings(
            widths=(8,), layers=1, attention=(False,), heads=(1,), norm_groups=8, context_tokens=1, context_width=8
        ),
    ],
)
def test_configurations_that_cannot_work_are_refused(make) -> None:
    with pytest.raises(ValueError):
        make()


def test_pictures_of_another_size_take_latents_and_condition_along() -> None:
    command = TrainFgPortrait(preset="laptop", data=(Path("data"),), out=Path("out"), size=64)
    recipe = chosen_recipe(command)
    assert (recipe.model.image_size, recipe.samples.size, recipe.model.control.flow.resolution) == (64, 64, 16)
    assert recipe.model.unet == laptop().unet
    for size in (0, 20):
        with pytest.raises(InputError):
            chosen_recipe(replace(command, size=size))
