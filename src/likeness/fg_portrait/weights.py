"""FG-Portrait's weights folders: saving, and loading with what they build on.

A folder holds `weights.json`, one safetensors file per part that a training can change, and, for models on Stable
Diffusion 1.5, a folder or link `base` with that model; `tiny_vae`, `lcm_lora` and `image_encoder` likewise, where they
are used.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Literal

from torch import Tensor

from likeness.errors import InputError, OutputError
from likeness.fg_portrait.assemble import load_autoencoder, load_base_denoiser, load_tiny_autoencoder
from likeness.fg_portrait.config import ControlSettings, FgPortraitConfig
from likeness.fg_portrait.networks import Networks, build_networks
from likeness.flow.settings import FlowSettings
from likeness.heads.model import HeadModel
from likeness.nn.checkpoint import HEADER, WeightsHeader, check_head, read_config, read_header, read_part, save_weights
from likeness.nn.foreign.clip_image import load_image_encoder
from likeness.nn.foreign.lora import merge_lora
from likeness.nn.load_report import LoadReport, load_tensors

METHOD = "fg-portrait"
# Folders or links inside a weights folder.
BASE, TINY_VAE, LCM_LORA, IMAGE_ENCODER = "base", "tiny_vae", "lcm_lora", "image_encoder"
LCM_LORA_FILE = "pytorch_lora_weights.safetensors"
CONTEXT = "context"
# What switches of the control network add to it: it is silent at first, so weights without it are a start.
GROWN = {
    "warp_latent": "warp_embedding",
    "draft": "draft_embedding",
    "background": "person_embedding",
    "sources": "visibility_embedding",
}


def save_networks(folder: Path, networks: Networks, *, head: HeadModel, trained: str, overwrite: bool = False) -> None:
    """Write the parts that a weights folder must hold; frozen pretrained ones stay where they came from.

    Args:
        head: the head model whose flow the networks have learned.
        trained: one line for people: on what, for how long.

    Raises:
        OutputError: the folder exists, or cannot be written.
    """
    tensors = {CONTEXT: {CONTEXT: networks.context}}
    parts: dict[str, Mapping[str, Tensor]] = {
        name: tensors.get(name) or networks.part(name)  # type: ignore[arg-type]
        for name in needed_parts(networks.config)
    }
    header = WeightsHeader(
        method=METHOD, head_name=head.name, head_version=head.version, parts=tuple(parts), trained=trained
    )
    save_weights(folder, parts, header=header, config=networks.config, overwrite=overwrite)


def needed_parts(config: FgPortraitConfig) -> tuple[str, ...]:
    """The parts that a weights folder must hold."""
    names = ["appearance", "control", CONTEXT if config.pretrained else "denoiser"]
    return (*names, *([] if config.temporal is None else ["motion"]))


def check_parts(header: WeightsHeader, config: FgPortraitConfig, folder: Path) -> None:
    """The folder holds every part that its model needs.

    Raises:
        InputError: one is not named.
    """
    for name in needed_parts(config):
        if name not in header.parts:
            raise InputError(f"{folder / HEADER} does not name the part {name}: copy the weights folder again")


def load_networks(
    folder: Path,
    *,
    head: HeadModel,
    flow: FlowSettings | None = None,
    sampler: Literal["ddim", "lcm"] | None = None,
) -> tuple[Networks, list[LoadReport]]:
    """The networks of a weights folder on the CPU, in evaluation mode, and a report per part.

    Args:
        head: the head model in use.
        flow: flow settings in use; None: those of the folder will be.
        sampler: the one in use; a model made for DDIM takes up the folder's LCM LoRA for LCM.

    Raises:
        InputError: the folder is not complete, belongs to another head or other flow settings, or does not fit.
    """
    folder = Path(folder)
    header = read_header(folder)
    if header.method != METHOD:
        raise InputError(f"{folder} holds weights for {header.method}: give a folder made for {METHOD}")
    check_head(header, head, folder)
    config: FgPortraitConfig = read_config(folder, FgPortraitConfig)
    check_parts(header, config, folder)
    if flow is not None:
        check_flow(config.control.flow, flow, folder)
    reports: list[LoadReport] = []
    denoiser = None
    if config.pretrained:
        denoiser, report = load_base_denoiser(find_beside(folder, BASE, "Stable Diffusion 1.5"), config)
        reports.append(report)
    networks = build_networks(config, denoiser=denoiser)
    if config.space == "vae":
        reports.append(load_autoencoder(networks, find_beside(folder, BASE, "Stable Diffusion 1.5")))
    if config.space == "tiny_vae":
        reports.append(load_tiny_autoencoder(networks, find_beside(folder, TINY_VAE, "the tiny autoencoder (taesd)")))
    if config.image_token is not None:
        reports.append(read_image_encoder(networks, find_beside(folder, IMAGE_ENCODER, "CLIP's image encoder")))
    for name in header.parts:
        reports.append(_load_part(networks, name, read_part(folder, name)))
    if sampler == "lcm" and config.sampling.sampler != "lcm":
        if not config.pretrained:
            raise InputError(f"{folder} was not made for the sampler lcm: use ddim")
        reports.append(merge_lora(networks.denoiser, find_beside(folder, LCM_LORA, "an LCM LoRA") / LCM_LORA_FILE))
    return networks.eval().requires_grad_(False), reports


def read_image_encoder(networks: Networks, folder: Path) -> LoadReport:
    """Give networks that see CLIP's embedding of the photo their encoder.

    Raises:
        InputError: it is missing or damaged, or gives other numbers than the networks read.
    """
    encoder, report = load_image_encoder(folder)
    if encoder.width != networks.config.image_token:
        raise InputError(
            f"{folder} gives {encoder.width} numbers, but these weights read {networks.config.image_token}: "
            "give the image encoder that they were trained with"
        )
    networks.image_encoder = encoder.to(networks.context.device)
    return report


def load_training_weights(folder: Path, networks: Networks, *, head: HeadModel) -> list[LoadReport]:
    """Copy the parts of a weights folder into networks that go on training, e.g. stage 1's into those of stage 2.

    What a switch adds that the weights were trained without keeps its silent start.

    Raises:
        InputError: the folder belongs to another head, other flow settings, or networks of other sizes.
    """
    header = read_header(Path(folder))
    check_head(header, head, Path(folder))
    config: FgPortraitConfig = read_config(Path(folder), FgPortraitConfig)
    check_parts(header, config, Path(folder))
    check_flow(config.control.flow, networks.config.control.flow, Path(folder))
    wanted = [name for name in header.parts if name != "motion" or networks.config.temporal is not None]
    stored, control = config.control, networks.config.control
    check_switches(stored, control, Path(folder))
    grown = [part for switch, part in GROWN.items() if getattr(control, switch) > getattr(stored, switch)]
    may_miss = {"control": tuple(rf"{part}\." for part in grown)}
    if config.image_token is None:
        may_miss["denoiser"] = (r"image_projection\.",)
    return [_load_part(networks, name, read_part(Path(folder), name), may_miss.get(name, ())) for name in wanted]


def check_flow(stored: FlowSettings, wanted: FlowSettings, folder: Path) -> None:
    """The weights read this flow.

    Raises:
        InputError: they were trained with other settings; the first that differs is named.
    """
    for entry in fields(FlowSettings):
        one, other = getattr(stored, entry.name), getattr(wanted, entry.name)
        if one != other:
            raise InputError(
                f"{folder} was trained with flow {entry.name} = {one}, but {other} is asked for: "
                "use the same setting or other weights"
            )


def check_switches(stored: ControlSettings, wanted: ControlSettings, folder: Path) -> None:
    """Nothing of the control network that the weights were trained with is left out.

    Raises:
        InputError: something is; the first switch is named.
    """
    for switch in GROWN:
        one, other = getattr(stored, switch), getattr(wanted, switch)
        if one > other or (switch == "sources" and 1 < one < other):
            raise InputError(
                f"{folder} was trained with {switch} = {one}, but {other} is asked for: "
                "use the same setting or other weights"
            )


def link_beside(folder: Path, name: str, target: Path) -> None:
    """A link of that name in a weights folder, unless there is one already.

    Raises:
        OutputError: it cannot be made.
    """
    path = folder / name
    try:
        if not path.is_symlink() and not path.exists():
            path.symlink_to(target.resolve(), target_is_directory=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be made: {error.strerror or error}") from error


def find_beside(folder: Path, name: str, what: str) -> Path:
    """The folder or link of that name in a weights folder.

    Raises:
        InputError: it is missing.
    """
    path = folder / name
    if not path.is_dir():
        raise InputError(f"{path} is missing: these weights build on {what}; put that folder, or a link to it, there")
    return path


def _load_part(
    networks: Networks, name: str, tensors: Mapping[str, Tensor], may_miss: tuple[str, ...] = ()
) -> LoadReport:
    """One part of our own making: every tensor must be there and fit, but for those that may miss."""
    targets: Mapping[str, Tensor] = {CONTEXT: networks.context} if name == CONTEXT else networks.part(name)  # type: ignore[arg-type]
    return load_tensors(targets, tensors, part=name, may_miss=may_miss)
