"""Small files in the exact layouts of Stable Diffusion 1.5, X-Portrait, AnimateDiff, the LCM LoRA and the tiny VAE."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, ControlNetModel, MotionAdapter, UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn

WIDTHS = (16, 32, 64, 64)  # a twentieth of Stable Diffusion 1.5
HEADS = 8
CONTEXT = (77, 24)
GROUPS = 8


def noisy(network: nn.Module, seed: int) -> nn.Module:
    """No tensor is zero, so that a tensor in the wrong place shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(0.05 * torch.randn(value.shape, generator=generator))
    return network.eval()


def unet(seed: int = 0, widths: tuple[int, ...] = WIDTHS) -> UNet2DConditionModel:
    return noisy(
        UNet2DConditionModel(
            block_out_channels=widths,
            cross_attention_dim=CONTEXT[1],
            attention_head_dim=HEADS,
            norm_num_groups=GROUPS,
        ),
        seed,
    )


def write_model(folder: Path, network: nn.Module, class_name: str, **config: object) -> None:
    """One model of a diffusers folder."""
    folder.mkdir(parents=True)
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, folder / "diffusion_pytorch_model.safetensors")
    plain = {name: value for name, value in dict(network.config).items() if not name.startswith("_")}
    (folder / "config.json").write_text(json.dumps({"_class_name": class_name, **plain, **config}))


def write_stable_diffusion(folder: Path, *, widths: tuple[int, ...] = WIDTHS) -> UNet2DConditionModel:
    """The folder; returns its U-Net."""
    network = unet(widths=widths)
    write_model(folder / "unet", network, "UNet2DConditionModel")
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 64),
        layers_per_block=2,
        norm_num_groups=8,
    )
    write_model(folder / "vae", noisy(vae, 1), "AutoencoderKL")
    old_names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    stored = {}
    for name, value in vae.state_dict().items():
        if ".attentions." in name:
            for new, old in old_names.items():
                name = name.replace(f".{new}.", f".{old}.")
            value = value[..., None, None] if name.split(".")[-2] in old_names.values() and value.ndim == 2 else value
        stored[name] = value.contiguous()
    save_file(stored, folder / "vae" / "diffusion_pytorch_model.safetensors")
    (folder / "scheduler").mkdir()
    schedule = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(schedule))
    return network


def write_text_encoder(folder: Path) -> nn.Module:
    """Text encoder and tokenizer beside the other models; returns the encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel

    sizes = {
        "hidden_size": CONTEXT[1],
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "max_position_embeddings": CONTEXT[0],
        "vocab_size": 100,
        "hidden_act": "quick_gelu",
    }
    encoder = noisy(CLIPTextModel(CLIPTextConfig(**sizes, bos_token_id=98, eos_token_id=99, pad_token_id=99)), 5)
    (folder / "text_encoder").mkdir(parents=True)
    published = {
        f"text_model.{name.removeprefix('text_model.')}": value for name, value in encoder.state_dict().items()
    }
    published["text_model.embeddings.position_ids"] = torch.arange(CONTEXT[0])[None]
    torch.save(published, folder / "text_encoder" / "pytorch_model.bin")
    (folder / "text_encoder" / "config.json").write_text(json.dumps(sizes))
    (folder / "tokenizer").mkdir()
    vocabulary = {"a</w>": 0, "<|startoftext|>": 98, "<|endoftext|>": 99}
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(vocabulary))
    return encoder


def ldm_unet_names(levels: int = 4, layers: int = 2) -> dict[str, str]:
    """Original name stem -> diffusers stem of every block, written down from the original's construction loop."""
    names = {
        "time_embed.0": "time_embedding.linear_1",
        "time_embed.2": "time_embedding.linear_2",
        "input_blocks.0.0": "conv_in",
        "middle_block.0": "mid_block.resnets.0",
        "middle_block.1": "mid_block.attentions.0",
        "middle_block.2": "mid_block.resnets.1",
        "out.0": "conv_norm_out",
        "out.2": "conv_out",
    }
    number = 1
    for level in range(levels):
        for layer in range(layers):
            names[f"input_blocks.{number}.0"] = f"down_blocks.{level}.resnets.{layer}"
            if level < levels - 1:
                names[f"input_blocks.{number}.1"] = f"down_blocks.{level}.attentions.{layer}"
            number += 1
        if level < levels - 1:
            names[f"input_blocks.{number}.0.op"] = f"down_blocks.{level}.downsamplers.0.conv"
            number += 1
    number = 0
    for level in range(levels):
        for layer in range(layers + 1):
            place = 0
            names[f"output_blocks.{number}.{place}"] = f"up_blocks.{level}.resnets.{layer}"
            if level > 0:
                place += 1
                names[f"output_blocks.{number}.{place}"] = f"up_blocks.{level}.attentions.{layer}"
            if layer == layers and level < levels - 1:
                names[f"output_blocks.{number}.{place + 1}.conv"] = f"up_blocks.{level}.upsamplers.0.conv"
            number += 1
    return names


RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}


def to_ldm(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A diffusers U-Net's or ControlNet's tensors under their original names; hint block left out."""
    stems = ldm_unet_names()
    stems |= {f"zero_convs.{index}.0": f"controlnet_down_blocks.{index}" for index in range(12)}
    stems["middle_block_out.0"] = "controlnet_mid_block"
    found = {}
    for name, value in tensors.items():
        for theirs, ours in stems.items():
            if name.startswith(ours + "."):
                inner = name.removeprefix(ours + ".")
                if ".resnets." in ours:
                    stem, kind = inner.rsplit(".", 1)
                    inner = f"{next(old for old, new in RESNET.items() if new == stem)}.{kind}"
                found[f"{theirs}.{inner}"] = value
    return found


def motion_adapter(*, mid_block: bool, length: int) -> MotionAdapter:
    adapter = MotionAdapter(
        block_out_channels=WIDTHS,
        motion_norm_num_groups=GROUPS,
        motion_max_seq_length=length,
        use_motion_mid_block=mid_block,
    )
    return noisy(adapter, 7)


def to_animatediff(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A diffusers motion adapter's tensors under AnimateDiff's names."""
    found = {}
    for name, value in tensors.items():
        head, tail = name.split(".motion_modules.")
        index, inner = tail.split(".", 1)
        inner = inner.replace("attn1.", "attention_blocks.0.").replace("attn2.", "attention_blocks.1.")
        inner = inner.replace("norm1.", "norms.0.").replace("norm2.", "norms.1.").replace("norm3.", "ff_norm.")
        inner = inner.replace("pos_embed.pe", "attention_blocks.0.pos_encoder.pe")
        found[f"{head}.motion_modules.{index}.temporal_transformer.{inner}"] = value
        if "pos_encoder" in inner:
            twin = inner.replace("attention_blocks.0", "attention_blocks.1")
            found[f"{head}.motion_modules.{index}.temporal_transformer.{twin}"] = value
    return found


def write_x_portrait(path: Path) -> tuple[nn.Module, nn.Module, MotionAdapter]:
    """The file; returns appearance network, control network and motion adapter that are in it."""
    appearance, motion = unet(2), motion_adapter(mid_block=False, length=24)
    control = noisy(ControlNetModel.from_unet(unet(3)), 4)
    tensors = {}
    for name, value in to_ldm(appearance.state_dict()).items():
        if not name.startswith("out."):
            tensors[f"appearance_control_model.{name}"] = value
    for name, value in to_ldm(control.state_dict()).items():
        tensors[f"pose_control_model.{name}"] = value
    for prefix in ("appearance_control_model", "pose_control_model"):
        tensors[f"{prefix}.input_hint_block.0.weight"] = torch.randn(16, 3, 3, 3)
    tensors |= {f"model.diffusion_model.{name}": value for name, value in to_ldm(unet().state_dict()).items()}
    for name, value in to_animatediff(motion.state_dict()).items():
        side, level, _, layer, inner = name.split(".", 4)
        number = int(level) * (2 if side == "down_blocks" else 3) + int(layer)
        row = "input" if side == "down_blocks" else "output"
        tensors[f"model.diffusion_model.{row}_blocks_motion_module.{number}.0.{inner}"] = value
    tensors["first_stage_model.encoder.conv_in.weight"] = torch.randn(4, 3, 3, 3)
    torch.save({"epoch": 3, "global_step": 415001, "state_dict": tensors}, path)
    return appearance, control, motion


def write_lcm_lora(
    path: Path, network: nn.Module, layers: tuple[str, ...], *, rank: int = 4
) -> dict[str, torch.Tensor]:
    """A LoRA in the names of the LCM LoRA; returns what it adds to each layer's weight."""
    generator = torch.Generator().manual_seed(11)
    tensors, deltas = {}, {}
    for layer in layers:
        weight = network.get_submodule(layer).weight
        down = torch.randn(rank, *weight.shape[1:], generator=generator)
        up = torch.randn(weight.shape[0], rank, *(1,) * (weight.ndim - 2), generator=generator)
        stem = "lora_unet_" + layer.replace(".", "_")
        tensors |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
        tensors[f"{stem}.alpha"] = torch.tensor(2.0)
        deltas[layer] = 2.0 / rank * torch.einsum("or,r...->o...", up.flatten(1), down)
    save_file(tensors, path)
    return deltas


def write_tiny_vae(folder: Path) -> AutoencoderTiny:
    """The folder; returns the autoencoder."""
    vae = noisy(AutoencoderTiny(), 9)
    write_model(folder, vae, "AutoencoderTiny")
    return vae
