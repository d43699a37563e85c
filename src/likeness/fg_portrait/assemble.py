"""Networks from other projects' weights: Stable Diffusion 1.5, X-Portrait, AnimateDiff, the LCM LoRA, the tiny VAE."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diffusers import UNet2DConditionModel

from likeness.errors import InputError
from likeness.fg_portrait.config import AutoencoderSettings, FgPortraitConfig, TemporalSettings, UnetSettings
from likeness.fg_portrait.latents import TinyVaeSpace, VaeSpace
from likeness.fg_portrait.networks import Networks, build_networks, build_unet
from likeness.nn.foreign.animatediff import MotionWeights, read_motion_modules
from likeness.nn.foreign.lora import merge_lora
from likeness.nn.foreign.stable_diffusion import (
    check_schedule,
    empty_prompt,
    model_tensors,
    read_model_config,
)
from likeness.nn.foreign.x_portrait import NEVER_STORED, read_x_portrait
from likeness.nn.load_report import LoadReport, load_tensors, tensors_of

LARGEST_WIDTH, MOST_LEVELS = 4096, 8  # of a foreign config; beyond them it is damaged or hostile
_LATE_UP_MODULES = r"up_blocks\.[0-2]\.motion_modules\.2\."  # X-Portrait's stand elsewhere and are left out


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignWeights:
    """Where foreign weights lie; what is None is not used."""

    stable_diffusion: Path  # folder in the layout of diffusers
    x_portrait: Path | None = None  # model_state-415001.th
    x_portrait_control: bool = False  # its pose network as the control network's start
    x_portrait_motion: bool = False  # its motion modules as the temporal layers' start
    animatediff: Path | None = None
    lcm_lora: Path | None = None  # merged into the denoiser
    tiny_vae: Path | None = None  # folder; replaces the autoencoder


def assemble_networks(config: FgPortraitConfig, weights: ForeignWeights) -> tuple[Networks, list[LoadReport]]:
    """Networks in the sizes of the folder, started from the weights that are given; ready to be trained or saved.

    Raises:
        InputError: a file is missing, damaged, or belongs to a model of other sizes.
    """
    reports: list[LoadReport] = []
    foreign = None if weights.x_portrait is None else read_x_portrait(weights.x_portrait, layers=config.unet.layers)
    motion = None if weights.animatediff is None else read_motion_modules(weights.animatediff)
    if foreign is not None and weights.x_portrait_motion:
        motion = foreign.motion
    config = sized_like(config, weights.stable_diffusion, motion)
    if weights.tiny_vae is not None:
        config = replace(config, space="tiny_vae")
    sizes = config.unet
    context = empty_prompt(weights.stable_diffusion, tokens=sizes.context_tokens, width=sizes.context_width)
    denoiser, report = load_base_denoiser(weights.stable_diffusion, config)
    reports.append(report)
    networks = build_networks(config, denoiser=denoiser)
    networks.context.data.copy_(context)
    if weights.tiny_vae is not None:
        reports.append(load_tiny_autoencoder(networks, weights.tiny_vae))
    else:
        reports.append(load_autoencoder(networks, weights.stable_diffusion))
    if foreign is not None:
        path = str(weights.x_portrait)
        fill = tuple(rf"{name}\." for name in NEVER_STORED)
        appearance = tensors_of(networks.appearance)
        reports.append(load_tensors(appearance, foreign.appearance, part=f"{path} appearance", may_miss=fill))
        if weights.x_portrait_control:
            control = tensors_of(networks.control.net)
            reports.append(load_tensors(control, foreign.control, part=f"{path} control"))
    if motion is not None:
        late = (_LATE_UP_MODULES,) if weights.x_portrait_motion else ()
        source = weights.x_portrait if weights.x_portrait_motion else weights.animatediff
        reports.append(load_motion(networks, motion, part=f"{source} motion", may_miss=late))
    if weights.lcm_lora is not None:
        reports.append(merge_lora(networks.denoiser, weights.lcm_lora))
    return networks, reports


def sized_like(config: FgPortraitConfig, folder: Path, motion: MotionWeights | None) -> FgPortraitConfig:
    """The configuration with the sizes of a Stable Diffusion folder, and with temporal layers if weights are given.

    Raises:
        InputError: the folder's configurations are missing or describe something else.
    """
    unet = read_unet_settings(folder, config.unet)
    config = replace(config, unet=unet, autoencoder=read_autoencoder_settings(folder))
    if motion is None:
        return replace(config, temporal=config.temporal and replace(config.temporal, heads=unet.heads))
    length = motion.max_length or (config.temporal.max_length if config.temporal else TemporalSettings.max_length)
    temporal = TemporalSettings(max_length=length, mid_block=motion.has_mid_block, heads=(8,) * len(unet.widths))
    return replace(config, temporal=temporal)


def read_unet_settings(folder: Path, expected: UnetSettings) -> UnetSettings:
    """Sizes of the U-Net in a Stable Diffusion folder; it must have the levels and layers that are expected.

    Raises:
        InputError: the file is missing, damaged, or describes another kind of U-Net.
    """
    path = folder / "unet"
    config = read_model_config(path, "UNet2DConditionModel")
    widths = _sizes(config, "block_out_channels", path)
    attention = tuple("CrossAttn" in str(name) for name in config.get("down_block_types", ()))
    heads = config.get("num_attention_heads") or config.get("attention_head_dim", 8)
    heads = (heads,) * len(widths) if isinstance(heads, int) else tuple(heads)
    layers = config.get("layers_per_block", 2)
    if layers != expected.layers or attention != expected.attention:
        raise InputError(
            f"{path / 'config.json'} has {layers} layers and attention {attention} per level; "
            f"{expected.layers} and {expected.attention} are needed: give Stable Diffusion 1.5"
        )
    try:
        return UnetSettings(
            widths=widths,
            layers=layers,
            attention=attention,
            heads=heads,
            norm_groups=int(config.get("norm_num_groups", 32)),
            context_tokens=expected.context_tokens,
            context_width=int(config.get("cross_attention_dim", 1280)),
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"{path / 'config.json'} cannot be used: {error}") from error


def read_autoencoder_settings(folder: Path) -> AutoencoderSettings:
    """Sizes of the autoencoder in a Stable Diffusion folder.

    Raises:
        InputError: the file is missing or describes something else.
    """
    path = folder / "vae"
    config = read_model_config(path, "AutoencoderKL")
    return AutoencoderSettings(
        widths=_sizes(config, "block_out_channels", path),
        layers=int(config.get("layers_per_block", 1)),
        norm_groups=int(config.get("norm_num_groups", 32)),
    )


def load_base_denoiser(folder: Path, config: FgPortraitConfig) -> tuple[UNet2DConditionModel, LoadReport]:
    """The U-Net of a Stable Diffusion folder.

    Raises:
        InputError: it is missing, damaged, of other sizes, or made for another noise schedule.
    """
    found = read_unet_settings(folder, config.unet)
    if found != config.unet:
        raise InputError(
            f"{folder / 'unet'} has widths {found.widths}, but the weights were made on {config.unet.widths}: "
            "give the base model that they were trained on"
        )
    check_schedule(folder, config.diffusion.prediction)
    tensors = model_tensors(folder / "unet")
    unet = build_unet(config.unet, config.latent_channels)
    report = load_tensors(tensors_of(unet), tensors, part=str(folder / "unet"))
    return unet, report


def load_autoencoder(networks: Networks, folder: Path) -> LoadReport:
    """Copy the autoencoder of a Stable Diffusion folder.

    Raises:
        InputError: it is missing, damaged or of other sizes.
    """
    assert isinstance(networks.space, VaeSpace)
    if read_autoencoder_settings(folder) != networks.config.autoencoder:
        raise InputError(f"{folder / 'vae'} has other sizes than the weights were made on: give their base model")
    targets = tensors_of(networks.space.autoencoder)
    return load_tensors(targets, model_tensors(folder / "vae"), part=str(folder / "vae"))


def load_tiny_autoencoder(networks: Networks, folder: Path) -> LoadReport:
    """Copy a tiny autoencoder (taesd) from a diffusers folder.

    Raises:
        InputError: it is missing, damaged or of other sizes.
    """
    assert isinstance(networks.space, TinyVaeSpace)
    read_model_config(folder, "AutoencoderTiny")
    return load_tensors(tensors_of(networks.space.autoencoder), model_tensors(folder), part=str(folder))


def load_motion(networks: Networks, motion: MotionWeights, *, part: str, may_miss: tuple[str, ...] = ()) -> LoadReport:
    """Copy temporal layers; those that are missing by permission stay silent.

    Raises:
        InputError: they do not fit.
    """
    if networks.config.temporal is None:
        raise InputError(f"{part}: motion modules need a model with temporal layers (stage 2)")
    targets = networks.part("motion")
    return load_tensors(targets, motion.tensors, part=part, may_miss=may_miss)


def _sizes(config: Mapping[str, Any], name: str, path: Path) -> tuple[int, ...]:
    """A list of widths from a foreign configuration, within sane bounds."""
    values = config.get(name)
    sane = isinstance(values, list) and 0 < len(values) <= MOST_LEVELS
    if not sane or not all(isinstance(value, int) and 0 < value <= LARGEST_WIDTH for value in values or ()):
        raise InputError(f"{path / 'config.json'} has no usable {name}: copy it again")
    assert isinstance(values, list)
    return tuple(values)
