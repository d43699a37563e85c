"""Weights folders on the command line: made from other projects' weights, and described."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg, subcommand

from likeness.app.console import say
from likeness.errors import InputError, OutputError

Folder = Annotated[Path, arg(metavar="FOLDER")]
OtherFolder = Annotated[Path | None, arg(metavar="FOLDER")]
Pixels = Annotated[int | None, arg(metavar="PIXELS")]
OtherFile = Annotated[Path | None, arg(metavar="FILE")]
UNTRAINED = "assembled from the weights of other projects; not trained on 3D flow"


@dataclass(frozen=True, kw_only=True)
class WeightsMake:
    """Start FG-Portrait's weights from Stable Diffusion 1.5 and others; a training goes on from there."""

    out: Folder  # folder to write
    stable_diffusion: Folder  # Stable Diffusion 1.5 in the layout of diffusers; stays there, and is linked to
    x_portrait: OtherFile = None  # model_state-415001.th: start of the appearance network
    x_portrait_control: FlagCreatePairsOff[bool] = False  # its pose network as the start of the control network
    x_portrait_motion: FlagCreatePairsOff[bool] = False  # its motion modules as temporal layers
    animatediff: OtherFile = None  # motion modules (v1, v2 or v3) as temporal layers
    lcm_lora: OtherFolder = None  # folder with pytorch_lora_weights.safetensors, for --sampler lcm; linked to
    tiny_vae: OtherFolder = None  # folder of the tiny autoencoder (taesd), which decodes faster; linked to
    head: Annotated[str, arg(metavar="HEAD")] = "builtin"  # head model of the flow: builtin, or a head file
    overwrite: FlagCreatePairsOff[bool] = False  # replace OUT if it is a weights folder

    def run(self) -> None:
        for line in make_weights(self):
            say(line)


@dataclass(frozen=True, kw_only=True)
class WeightsShow:
    """Say what a weights folder holds."""

    folder: Annotated[Positional[Path], arg(metavar="FOLDER")]

    def run(self) -> None:
        for line in describe_weights(self.folder):
            say(line)


@dataclass(frozen=True, kw_only=True)
class WeightsPack:
    """Copy weights in half precision with checksums, as they are handed on."""

    folder: Annotated[Positional[Path], arg(metavar="FOLDER")]
    out: Folder  # folder to write
    overwrite: FlagCreatePairsOff[bool] = False  # replace OUT if it is a weights folder

    def run(self) -> None:
        from likeness.nn.require import require_models

        require_models("likeness weights pack")
        from likeness.nn.packed import pack_weights

        size = pack_weights(self.folder, self.out, overwrite=self.overwrite)
        say(f"{self.out}: {size / 1e6:.1f} MB")


@dataclass(frozen=True, kw_only=True)
class WeightsResize:
    """Copy weights of Export3D with lifted features, to draw at another size than they were trained at."""

    folder: Annotated[Positional[Path], arg(metavar="FOLDER")]
    out: Folder  # folder to write
    size: Annotated[int, arg(metavar="PIXELS")]  # side of the pictures
    volume: Pixels = None  # side of the volume's own pictures; otherwise the largest that fits, up to 64
    overwrite: FlagCreatePairsOff[bool] = False  # replace OUT if it is a weights folder

    def run(self) -> None:
        from likeness.nn.require import require_models

        require_models("likeness weights resize")
        from likeness.export3d.weights import save_resized

        volume = save_resized(self.folder, self.out, size=self.size, volume=self.volume, overwrite=self.overwrite)
        say(f"{self.out}: {self.size} x {self.size} pixels, volume at {volume}")


WeightsCommand = Annotated[
    Annotated[WeightsMake, subcommand("make")]
    | Annotated[WeightsShow, subcommand("show")]
    | Annotated[WeightsPack, subcommand("pack")]
    | Annotated[WeightsResize, subcommand("resize")],
    subcommand("weights", description="Make and describe folders of weights."),
]


def make_weights(command: WeightsMake) -> Iterator[str]:
    """Write a weights folder; yields one line per part that was read, and one for the result.

    Raises:
        LikenessError: a file is missing or does not fit, or the folder cannot be written.
    """
    from likeness.nn.require import require_models

    require_models("likeness weights make")
    from likeness.fg_portrait.assemble import ForeignWeights, assemble_networks
    from likeness.fg_portrait.presets import full, second_stage
    from likeness.fg_portrait.weights import BASE, LCM_LORA, TINY_VAE, save_networks
    from likeness.heads.library import open_head

    if command.animatediff is not None and command.x_portrait_motion:
        raise InputError("temporal layers have one start: give either --animatediff or --x-portrait-motion")
    if command.x_portrait is None and (command.x_portrait_control or command.x_portrait_motion):
        raise InputError("--x-portrait-control and --x-portrait-motion need --x-portrait FILE")
    temporal = command.animatediff is not None or command.x_portrait_motion
    foreign = ForeignWeights(
        stable_diffusion=command.stable_diffusion,
        x_portrait=command.x_portrait,
        x_portrait_control=command.x_portrait_control,
        x_portrait_motion=command.x_portrait_motion,
        animatediff=command.animatediff,
        tiny_vae=command.tiny_vae,
    )
    head = open_head(command.head)
    networks, reports = assemble_networks(second_stage(full()) if temporal else full(), foreign)
    for report in reports:
        yield report.line
    save_networks(command.out, networks, head=head, trained=UNTRAINED, overwrite=command.overwrite)
    beside = {BASE: command.stable_diffusion, LCM_LORA: command.lcm_lora, TINY_VAE: command.tiny_vae}
    for name, target in beside.items():
        if target is not None:
            _link(command.out / name, target)
    yield f"{command.out}: {', '.join(networks.config.trained)} to be trained"


def describe_weights(folder: Path) -> Iterator[str]:
    """What a weights folder holds, line by line.

    Raises:
        InputError: it is none, or is damaged.
    """
    from likeness.nn.require import require_models

    require_models("likeness weights show")
    from likeness.nn.checkpoint import read_header, read_part

    header = read_header(folder)
    yield f"{folder}: {header.method}, head {header.head_name} {header.head_version}"
    yield f"trained: {header.trained}"
    yield from _DESCRIPTIONS[header.method](folder) if header.method in _DESCRIPTIONS else ()
    for name in header.parts:
        count = sum(value.numel() for value in read_part(folder, name).values())
        yield f"{name}: {count / 1e6:.2f} million parameters"


def _describe_fg_portrait(folder: Path) -> Iterator[str]:
    from likeness.fg_portrait.config import FgPortraitConfig
    from likeness.nn.checkpoint import read_config

    config: FgPortraitConfig = read_config(folder, FgPortraitConfig)
    flow = config.control.flow
    yield (
        f"{config.image_size} pixels, {config.space}, condition {config.control.condition} of "
        f"{config.control.channels} channels at {flow.resolution} pixels, "
        f"{'with' if config.temporal else 'without'} temporal layers"
    )
    control = config.control
    words = [entry.name.replace("_", " ") for entry in fields(control) if getattr(control, entry.name) is True]
    words += [f"{control.sources} photos"] if control.sources > 1 else []
    words += [f"image token of {config.image_token} numbers"] if config.image_token is not None else []
    yield f"switches: {', '.join(words) or 'none'}"
    guidance = config.sampling.guidance if config.distilled_guidance is None else config.distilled_guidance
    gate = "" if config.sampling.repair is None else ", repairs where the gate opens"
    yield f"sampling: {config.sampling.sampler}, {config.sampling.steps} steps, guidance {guidance:g}{gate}"


def _describe_export3d(folder: Path) -> Iterator[str]:
    from likeness.export3d.config import Export3dConfig
    from likeness.nn.checkpoint import read_config

    config: Export3dConfig = read_config(folder, Export3dConfig)
    expression = config.expression
    more = [
        word
        for word, is_on in (
            ("background layer", config.background),
            ("lifted features", config.lift),
            ("mirror image", config.mirror),
            ("filled background", config.plate),
            ("the photo's full resolution", config.fine_detail),
            ("shoulders that stay", config.still_body),
            ("drawn mouth", config.drawn_mouth),
            ("drawn eyes", config.drawn_eyes),
        )
        if is_on
    ]
    yield (
        f"{config.image_size} pixels, planes of {config.plane_size}, volume at {config.volume.resolution}, "
        f"encoding {expression.encoding} with {expression.directions} directions, {' and '.join(more) or 'plain'}"
    )


def _describe_encoder(folder: Path) -> Iterator[str]:
    from likeness.export3d.config import ExpressionSettings
    from likeness.nn.checkpoint import read_config

    settings: ExpressionSettings = read_config(folder, ExpressionSettings)
    yield f"{settings.inputs} numbers, {settings.directions} directions, vectors of {settings.width}"


_DESCRIPTIONS: dict[str, Callable[[Path], Iterator[str]]] = {
    "fg-portrait": _describe_fg_portrait,
    "export3d": _describe_export3d,
    "clebs": _describe_encoder,
}


def _link(path: Path, target: Path) -> None:
    """A link to a folder that stays where it is; an older link is replaced."""
    try:
        if path.is_symlink():
            path.unlink()
        path.symlink_to(target.resolve(), target_is_directory=True)
    except OSError as error:
        raise OutputError(f"cannot link {path} to {target} ({error.strerror}): copy the folder there") from error
