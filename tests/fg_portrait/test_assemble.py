"""A model from folders and files of other projects, made small: every part in its place, and it runs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from likeness.errors import InputError
from likeness.fg_portrait.assemble import ForeignWeights, assemble_networks
from likeness.fg_portrait.config import FgPortraitConfig
from likeness.fg_portrait.latents import TinyVaeSpace, VaeSpace
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.presets import full, second_stage
from likeness.fg_portrait.sampler import Sampler
from likeness.fg_portrait.weights import load_networks, save_networks
from likeness.flow.settings import FlowSettings
from tests.fg_portrait.models import condition, random
from tests.heads_for_tests import tiny_head
from tests.nn.foreign import foreign_files as made


def config() -> FgPortraitConfig:
    """The full model's structure for 64-pixel pictures, so that a step takes no time."""
    control = replace(full().control, flow=FlowSettings(resolution=64))
    return replace(full(), image_size=64, control=control)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "sd15"
    made.write_stable_diffusion(folder)
    made.write_text_encoder(folder)
    return folder


@pytest.fixture(scope="module")
def assembled(base: Path) -> Networks:
    return assemble_networks(config(), ForeignWeights(stable_diffusion=base))[0]


def test_one_denoising_step_runs_from_a_folder_of_stable_diffusion(assembled: Networks) -> None:
    assert assembled.config.unet.widths == made.WIDTHS
    source = assembled.space.encode(random(1, 3, 64, 64).clamp(-1, 1))
    settings = replace(assembled.config.sampling, steps=1)
    sampler = Sampler(assembled, source, settings=settings, seed=0)
    (latents,) = sampler.sample([condition(assembled.config, 1)])
    assert latents is not None
    picture = assembled.space.decode(latents)
    assert picture.shape == (1, 3, 64, 64)
    assert torch.isfinite(picture).all()


def test_the_denoiser_is_frozen_and_its_copies_start_equal(assembled: Networks) -> None:
    original = made.unet()
    stored = original.state_dict()
    for network in (assembled.denoiser, assembled.appearance):
        assert all(torch.equal(value, stored[name]) for name, value in network.state_dict().items())
    down = assembled.control.net.down_blocks.state_dict()
    assert all(torch.equal(value, stored[f"down_blocks.{name}"]) for name, value in down.items())
    assert not any(value.requires_grad for value in assembled.denoiser.parameters())
    assert assembled.context.any() and not assembled.context.requires_grad


def test_every_foreign_part_lands_in_its_place(base: Path, tmp_path) -> None:
    appearance, control, motion = made.write_x_portrait(tmp_path / "model_state-415001.th")
    foreign = ForeignWeights(
        stable_diffusion=base,
        x_portrait=tmp_path / "model_state-415001.th",
        x_portrait_control=True,
        x_portrait_motion=True,
    )
    networks, reports = assemble_networks(second_stage(config()), foreign)
    assert networks.config.temporal is not None and networks.config.temporal.max_length == 24
    base_stored, stored = made.unet().state_dict(), appearance.state_dict()
    for name, value in networks.appearance.state_dict().items():
        source = base_stored if name.startswith(("conv_norm_out", "conv_out")) else stored
        assert torch.equal(value, source[name]), name
    control_stored, motion_stored = control.state_dict(), motion.state_dict()
    for name, value in networks.control.net.state_dict().items():
        assert torch.equal(value, control_stored[name]), name
    late = 0
    for name, value in networks.part("motion").items():
        if name.startswith(("up_blocks.0", "up_blocks.1", "up_blocks.2")) and ".motion_modules.2." in name:
            late += 1
            assert "proj_out" not in name or not value.any()
        else:
            assert torch.equal(value, motion_stored[name]), name
    lines = [report.line for report in reports]
    assert len(lines) == 5
    assert any(f"{late} missing" in line for line in lines)


def test_animatediff_gives_the_temporal_layers(base: Path, tmp_path) -> None:
    adapter = made.motion_adapter(mid_block=True, length=32)
    torch.save({"state_dict": made.to_animatediff(adapter.state_dict())}, tmp_path / "mm_sd_v15_v2.ckpt")
    foreign = ForeignWeights(stable_diffusion=base, animatediff=tmp_path / "mm_sd_v15_v2.ckpt")
    networks, _ = assemble_networks(second_stage(config()), foreign)
    stored = adapter.state_dict()
    for name, value in networks.part("motion").items():
        assert torch.equal(value, stored[name]), name


def test_a_saved_model_comes_back_with_its_base_beside_it(base: Path, assembled: Networks, tmp_path) -> None:
    folder = tmp_path / "weights"
    save_networks(folder, assembled, head=tiny_head(), trained="for a test")
    assert {path.stem for path in folder.glob("*.safetensors")} == {"appearance", "control", "context"}
    with pytest.raises(InputError, match="build on Stable Diffusion 1.5"):
        load_networks(folder, head=tiny_head())
    (folder / "base").symlink_to(base)
    loaded, _ = load_networks(folder, head=tiny_head())
    expected = assembled.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert isinstance(loaded.space, VaeSpace)
    with pytest.raises(InputError, match="an LCM LoRA"):
        load_networks(folder, head=tiny_head(), sampler="lcm")
    (folder / "lcm_lora").mkdir()
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    lora = folder / "lcm_lora" / "pytorch_lora_weights.safetensors"
    delta = made.write_lcm_lora(lora, made.unet(), (layer,))[layer]
    fast, _ = load_networks(folder, head=tiny_head(), sampler="lcm")
    changed = fast.denoiser.get_submodule(layer).weight - assembled.denoiser.get_submodule(layer).weight
    torch.testing.assert_close(changed, delta)


def test_the_tiny_autoencoder_takes_the_others_place(base: Path, tmp_path) -> None:
    original = made.write_tiny_vae(tmp_path / "taesd")
    foreign = ForeignWeights(stable_diffusion=base, tiny_vae=tmp_path / "taesd")
    networks, _ = assemble_networks(config(), foreign)
    assert isinstance(networks.space, TinyVaeSpace)
    image = random(1, 3, 64, 64).clamp(-1, 1)
    torch.testing.assert_close(networks.space.encode(image), original.encode(image).latents)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("unet/config.json", "unet/config.json is missing"),
        ("unet/diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors is missing"),
        ("vae/config.json", "vae/config.json is missing"),
        ("tokenizer/vocab.json", "vocab.json is missing"),
        ("text_encoder/pytorch_model.bin", "model.safetensors is missing"),
    ],
)
def test_missing_files_are_named(base: Path, tmp_path, missing: str, message: str) -> None:
    for path in base.rglob("*"):
        relative = path.relative_to(base)
        if path.is_file() and str(relative) != missing:
            (tmp_path / "sd" / relative.parent).mkdir(parents=True, exist_ok=True)
            (tmp_path / "sd" / relative).hardlink_to(path)
    with pytest.raises(InputError, match=message):
        assemble_networks(config(), ForeignWeights(stable_diffusion=tmp_path / "sd"))


def test_another_model_in_the_folder_is_refused(tmp_path) -> None:
    made.write_stable_diffusion(tmp_path / "sd")
    path = tmp_path / "sd" / "unet" / "config.json"
    path.write_text(path.read_text().replace("UNet2DConditionModel", "UNet3DConditionModel"))
    with pytest.raises(InputError, match="describes a UNet3DConditionModel"):
        assemble_networks(config(), ForeignWeights(stable_diffusion=tmp_path / "sd"))
    path.write_text(
        path.read_text().replace("UNet3DConditionModel", "UNet2DConditionModel").replace("64, 64]", "64, 99999]")
    )
    with pytest.raises(InputError, match="no usable block_out_channels"):
        assemble_networks(config(), ForeignWeights(stable_diffusion=tmp_path / "sd"))
