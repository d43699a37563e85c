"""Adapters for foreign weights: names against an independent converter, every tensor in its place, hostile files."""

import pickle
from collections.abc import Mapping

import pytest
import torch
from diffusers import UNetMotionModel
from diffusers.loaders.single_file_utils import convert_animatediff_checkpoint_to_diffusers, convert_ldm_unet_checkpoint

from likeness.errors import InputError
from likeness.nn.foreign.animatediff import motion_weights, read_motion_modules
from likeness.nn.foreign.ldm_names import diffusers_name
from likeness.nn.foreign.lora import merge_lora
from likeness.nn.foreign.stable_diffusion import check_schedule, empty_prompt, model_tensors, read_model_config
from likeness.nn.foreign.x_portrait import read_x_portrait
from likeness.nn.load_report import load_tensors, tensors_of
from likeness.nn.tensor_files import read_tensors
from tests.nn.foreign import foreign_files as made


def same(some: Mapping[str, torch.Tensor], stored: Mapping[str, torch.Tensor]) -> bool:
    """Whether each of some tensors is the stored one of its name."""
    return all(torch.equal(value, stored[name]) for name, value in some.items())


def test_ldm_names_agree_with_another_converter_on_every_tensor() -> None:
    network = made.unet()
    original = {f"model.diffusion_model.{name}": value for name, value in made.to_ldm(network.state_dict()).items()}
    theirs = convert_ldm_unet_checkpoint(dict(original), {**network.config, "layers_per_block": 2})
    assert len(theirs) == len(network.state_dict())
    for name, value in original.items():
        ours = diffusers_name(name.removeprefix("model.diffusion_model."))
        assert ours is not None
        assert theirs[ours] is value


@pytest.mark.parametrize("name", ["input_hint_block.0.weight", "input_blocks.3.0.weight", "label_emb.0.0.weight"])
def test_names_without_a_place_have_none(name: str) -> None:
    assert diffusers_name(name) is None


def test_x_portrait_parts_come_out_as_they_went_in(tmp_path) -> None:
    appearance, control, motion = made.write_x_portrait(tmp_path / "model.th")
    read = read_x_portrait(tmp_path / "model.th")
    unread = {name for name in appearance.state_dict() if name.startswith(("conv_norm_out", "conv_out"))}
    assert set(read.appearance) == set(appearance.state_dict()) - unread
    assert same(read.appearance, appearance.state_dict())
    hint = {name for name in control.state_dict() if "cond_embedding" in name}
    assert set(read.control) == set(control.state_dict()) - hint
    assert same(read.control, control.state_dict())
    late = {name for name in motion.state_dict() if name.startswith("up_blocks") and ".motion_modules.2." in name}
    late -= {name for name in late if name.startswith("up_blocks.3")}  # the last level has no up-sampler
    tables = {name for name in motion.state_dict() if name.endswith("pos_embed.pe")}
    assert set(read.motion.tensors) == set(motion.state_dict()) - late - tables
    assert same(read.motion.tensors, motion.state_dict())
    assert read.motion.max_length == 24
    assert read.others == len(made.to_ldm(made.unet().state_dict())) + 1


@pytest.mark.parametrize(("length", "mid_block"), [(24, False), (32, True)])
def test_animatediff_agrees_with_another_converter(tmp_path, length: int, mid_block: bool) -> None:
    adapter = made.motion_adapter(mid_block=mid_block, length=length)
    stored = made.to_animatediff(adapter.state_dict())
    torch.save({"state_dict": {f"module.{name}": value for name, value in stored.items()}}, tmp_path / "mm.ckpt")
    read = read_motion_modules(tmp_path / "mm.ckpt")
    assert (read.max_length, read.has_mid_block) == (length, mid_block)
    theirs = convert_animatediff_checkpoint_to_diffusers(stored)
    assert set(read.tensors) == set(theirs)
    assert all(torch.equal(value, theirs[name]) for name, value in read.tensors.items())
    network = UNetMotionModel.from_unet2d(made.unet(), adapter)
    motion = {name: value for name, value in tensors_of(network).items() if "motion_modules" in name}
    report = load_tensors(motion, read.tensors, part="motion", may_miss=(r".*pos_embed\.pe",))
    assert report.loaded == len(theirs)
    assert report.unexpected == ()


def test_files_without_motion_modules_are_refused(tmp_path) -> None:
    assert motion_weights({"conv.weight": torch.zeros(1)}).tensors == {}
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "a.ckpt")
    with pytest.raises(InputError, match="no motion modules"):
        read_motion_modules(tmp_path / "a.ckpt")


def test_lora_adds_its_update_to_linear_layers_and_convolutions(tmp_path) -> None:
    network = made.unet()
    layers = (
        "down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0",
        "up_blocks.1.resnets.0.conv1",
        "time_embedding.linear_1",
    )
    deltas = made.write_lcm_lora(tmp_path / "lora.safetensors", network, layers)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    merge_lora(network, tmp_path / "lora.safetensors")
    for name, value in network.state_dict().items():
        expected = before[name] + deltas.get(name.removesuffix(".weight"), 0.0)
        torch.testing.assert_close(value, expected)


def test_lora_of_another_model_changes_nothing(tmp_path) -> None:
    network = made.unet()
    other = made.unet(widths=(24, 32, 64, 64))
    made.write_lcm_lora(tmp_path / "lora.safetensors", other, ("time_embedding.linear_1", "conv_in"))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(InputError, match="another model"):
        merge_lora(network, tmp_path / "lora.safetensors")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_old_attention_names_and_convolutions_of_the_autoencoder_load(tmp_path) -> None:
    made.write_stable_diffusion(tmp_path / "sd")
    from diffusers import AutoencoderKL

    config = read_model_config(tmp_path / "sd" / "vae", "AutoencoderKL")
    network = AutoencoderKL.from_config(config)
    report = load_tensors(tensors_of(network), model_tensors(tmp_path / "sd" / "vae"), part="vae")
    assert (report.missing, report.unexpected, report.reshaped) == ((), (), 8)
    assert report.line == f"vae: {report.loaded} loaded, 0 missing, 0 unexpected, 8 reshaped"


def test_empty_prompt_is_the_encoders_own_and_zero_without_one(tmp_path) -> None:
    tokens, width = made.CONTEXT
    assert not empty_prompt(tmp_path, tokens=tokens, width=width).any()
    encoder = made.write_text_encoder(tmp_path)
    ids = torch.tensor([[98] + [99] * (tokens - 1)])
    expected = encoder(input_ids=ids).last_hidden_state
    torch.testing.assert_close(empty_prompt(tmp_path, tokens=tokens, width=width), expected)
    with pytest.raises(InputError, match="another U-Net"):
        empty_prompt(tmp_path, tokens=tokens, width=width + 8)


def test_another_noise_schedule_is_refused(tmp_path) -> None:
    made.write_stable_diffusion(tmp_path / "sd")
    check_schedule(tmp_path / "sd", "epsilon")
    with pytest.raises(InputError, match="predicts"):
        check_schedule(tmp_path / "sd", "v")
    path = tmp_path / "sd" / "scheduler" / "scheduler_config.json"
    path.write_text('{"beta_schedule": "linear"}')
    with pytest.raises(InputError, match="beta_schedule linear"):
        check_schedule(tmp_path / "sd", "epsilon")


class _Attack:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_malicious_torch_file_is_refused_and_runs_nothing(tmp_path) -> None:
    marker = tmp_path / "executed"
    for name, save in (
        ("a.th", torch.save),
        ("b.ckpt", lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))),
    ):
        save({"state_dict": {"weight": torch.zeros(1)}, "attack": _Attack(str(marker))}, tmp_path / name)
        with pytest.raises(InputError):
            read_tensors(tmp_path / name)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.safetensors", None, "is missing"),
        ("empty.th", b"", "is empty"),
        ("text.safetensors", b"no tensors at all", "damaged"),
        ("text.th", b"no tensors at all", "damaged|more than tensors"),
        ("text.zip", b"no tensors at all", "no weight file"),
    ],
)
def test_files_that_are_no_weights(tmp_path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("weight"), "lacks weight"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "unknown tensor extra"),
        (lambda tensors: tensors.update(weight=torch.zeros(3, 2)), "other sizes"),
        (lambda tensors: tensors.update(weight=torch.full((2, 3), torch.nan)), "not finite"),
    ],
)
def test_loading_is_strict_and_leaves_the_network_alone(change, message: str) -> None:
    network = torch.nn.Linear(3, 2)
    before = network.weight.detach().clone()
    tensors = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    change(tensors)
    with pytest.raises(InputError, match=message):
        load_tensors(tensors_of(network), tensors, part="layer")
    assert torch.equal(network.weight, before)
