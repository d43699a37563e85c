"""Weights folders: what goes in comes out; other heads, other flow and damaged folders are refused in one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from likeness.errors import InputError, OutputError
from likeness.fg_portrait.networks import Networks, build_networks
from likeness.fg_portrait.presets import second_stage, tiny
from likeness.fg_portrait.weights import load_networks, load_training_weights, save_networks
from likeness.nn.checkpoint import HEADER, read_header
from tests.fg_portrait.models import image_model, video_model
from tests.heads_for_tests import tiny_head


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """An image model's weights folder; never changed."""
    return saved(tmp_path_factory.mktemp("stored"), image_model())


@pytest.fixture
def folder(stored: Path, tmp_path) -> Path:
    """A weights folder of one's own."""
    return Path(shutil.copytree(stored, tmp_path / "copy"))


def saved(folder: Path, networks: Networks) -> Path:
    save_networks(folder / "weights", networks, head=tiny_head(), trained="for a test")
    return folder / "weights"


@pytest.mark.parametrize("make", [image_model, video_model])
def test_networks_come_back_as_they_were(make, tmp_path) -> None:
    networks = make()
    folder = saved(tmp_path, networks)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["weights"]
    loaded, reports = load_networks(folder, head=tiny_head(), flow=networks.config.control.flow)
    assert loaded.config == networks.config
    assert all(report.missing == report.unexpected == () for report in reports)
    expected = networks.state_dict()
    assert set(loaded.state_dict()) == set(expected)
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert read_header(folder).trained == "for a test"


def test_stage_two_starts_from_stage_one(tmp_path) -> None:
    image = image_model()
    folder = saved(tmp_path, image)
    video = build_networks(second_stage(tiny()))
    load_training_weights(folder, video, head=tiny_head())
    for part in ("appearance", "control", "denoiser"):
        assert all(torch.equal(value, image.part(part)[name]) for name, value in video.part(part).items())


def test_weights_from_before_the_later_switches_load(folder) -> None:
    """Configurations without names that came later: the defaults are what those weights were trained with."""
    content = json.loads((folder / HEADER).read_text())
    for later in ("background", "sources"):
        del content["config"]["control"][later]
    del content["config"]["diffusion"]["face"], content["config"]["image_token"]
    (folder / HEADER).write_text(json.dumps(content))
    loaded, _ = load_networks(folder, head=tiny_head())
    assert loaded.config == image_model().config


def test_another_head_is_refused(folder) -> None:
    with pytest.raises(InputError, match="trained on the head"):
        load_networks(folder, head=replace(tiny_head(), version="99"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delta": 0.02}, "flow delta = 0.01, but 0.02"),
        ({"surface_field": "frame"}, "flow surface_field"),
        ({"offhead": "zero"}, "flow offhead"),
        ({"extras": ("visibility",)}, "flow extras"),
    ],
)
def test_other_flow_settings_are_refused(stored, change: dict, message: str) -> None:
    flow = tiny().control.flow
    with pytest.raises(InputError, match=message) as caught:
        load_networks(stored, head=tiny_head(), flow=replace(flow, **change))
    assert "\n" not in str(caught.value)


def test_existing_folders_are_kept_unless_asked(tmp_path) -> None:
    folder = saved(tmp_path, image_model())
    (folder / "base").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        saved(tmp_path, image_model())
    save_networks(folder, video_model(), head=tiny_head(), trained="again", overwrite=True)
    assert read_header(folder).trained == "again"
    assert (folder / "base").is_dir()
    (tmp_path / "photos").mkdir()
    with pytest.raises(OutputError, match="no weights folder"):
        save_networks(tmp_path / "photos", image_model(), head=tiny_head(), trained="", overwrite=True)


def _drop(name: str):
    return lambda folder: (folder / name).unlink()


def _edit(change):
    def edit(folder: Path) -> None:
        content = json.loads((folder / HEADER).read_text())
        change(content)
        (folder / HEADER).write_text(json.dumps(content))

    return edit


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop(HEADER), "holds no weights.json"),
        (_drop("control.safetensors"), "control.safetensors is missing"),
        (lambda folder: (folder / "control.safetensors").write_bytes(b"no tensors"), "damaged"),
        (lambda folder: (folder / HEADER).write_text("{"), "not valid JSON"),
        (_edit(lambda content: content.update(format="other")), "another program"),
        (_edit(lambda content: content.update(format_version=9)), "update likeness"),
        (_edit(lambda content: content.update(method="export3d")), "weights for export3d"),
        (_edit(lambda content: content.update(parts=["../control"])), "is missing"),
        (_edit(lambda content: content.update(parts=[])), "does not name the part appearance"),
        (_edit(lambda content: content.update(parts=["appearance", "control"])), "does not name the part denoiser"),
        (_edit(lambda content: content.update(extra=1)), "unknown entry 'extra'"),
        (_edit(lambda content: content["config"].update(extra=1)), "unknown entry 'extra'"),
        (_edit(lambda content: content["config"]["unet"].update(widths=[16, 64])), "other sizes"),
        (_edit(lambda content: content["config"]["control"]["flow"].update(samples=-1)), "flow setting samples"),
    ],
)
def test_damaged_folders_are_named(folder, damage, message: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=message) as caught:
        load_networks(folder, head=tiny_head())
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_none(tmp_path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        load_networks(tmp_path / "nowhere", head=tiny_head())


def test_weights_for_ddim_need_a_lora_for_lcm(stored) -> None:
    with pytest.raises(InputError, match="not made for the sampler lcm"):
        load_networks(stored, head=tiny_head(), sampler="lcm")
