"""Export3D's weights folders, and those of expression encoders, which are trained before the rest."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from likeness.errors import InputError
from likeness.export3d.clebs import ExpressionEncoder
from likeness.export3d.config import Export3dConfig, ExpressionSettings
from likeness.export3d.model import Export3dModel
from likeness.heads.model import HeadModel
from likeness.nn.checkpoint import WeightsHeader, check_head, read_config, read_header, read_part, save_weights
from likeness.nn.load_report import load_tensors, tensors_of

METHOD, ENCODER_METHOD = "export3d", "clebs"
USUAL_VOLUME, LEAST_VOLUME = 64, 8  # pixels per side of the volume's pictures, where the size is chosen here
ENCODER = "expression"  # the one part of an encoder's folder that inference needs


def save_model(
    folder: Path,
    model: Export3dModel,
    *,
    head: HeadModel,
    trained: str,
    people: tuple[str, ...] = (),
    overwrite: bool = False,
) -> None:
    """Write all networks that inference needs.

    Args:
        head: the head model whose expression the model reads.
        trained: one line for people: on what, for how long.
        people: codes of those who were trained on, see `data.held_out.person_code`.

    Raises:
        OutputError: the folder exists, or cannot be written.
    """
    header = WeightsHeader(
        method=METHOD,
        head_name=head.name,
        head_version=head.version,
        parts=model.parts,
        trained=trained,
        people=people,
    )
    parts: dict[str, Mapping[str, Tensor]] = {name: tensors_of(model.part(name)) for name in model.parts}
    save_weights(folder, parts, header=header, config=model.config, overwrite=overwrite)


def load_model(folder: Path, *, head: HeadModel) -> Export3dModel:
    """The model of a weights folder on the CPU, in evaluation mode.

    Raises:
        InputError: the folder is not complete, belongs to another head, or does not fit.
    """
    folder = Path(folder)
    header = _header_for(folder, METHOD, head)
    config: Export3dConfig = read_config(folder, Export3dConfig)
    model = Export3dModel(config)
    if config.expression.encoding == "clebs":
        model.expression.freeze()
    for name in model.parts:
        if name not in header.parts:
            raise InputError(f"{folder} lacks the part {name}: copy the whole folder again")
        load_tensors(tensors_of(model.part(name)), read_part(folder, name), part=name)
    return model.eval().requires_grad_(False)


def save_resized(folder: Path, out: Path, *, size: int, volume: int | None = None, overwrite: bool = False) -> int:
    """Copy a weights folder whose features are lifted, to draw at another size than it was trained at; returns the
    volume's.

    The generator goes on reading the photo at its own size; the photo's own pixels are carried at the new one.

    Args:
        size: pixels of a picture's side.
        volume: pixels of a side of the volume's pictures; None: the largest that fits, up to `USUAL_VOLUME`.

    Raises:
        InputError: it is no such folder, or the sizes do not go together.
        OutputError: the result exists, or cannot be written.
    """
    header = read_header(folder)
    if header.method != METHOD:
        raise InputError(f"{folder} holds weights for {header.method}: give a folder made for {METHOD}")
    config: Export3dConfig = read_config(folder, Export3dConfig)
    if not config.lift:
        raise InputError(f"{folder} was trained without lifted features: it draws at its own size alone")
    fitting = fitting_volume(config, size)
    chosen = (fitting or USUAL_VOLUME) if volume is None else volume
    try:
        resized = replace(
            config, image_size=size, read_size=config.reads, volume=replace(config.volume, resolution=chosen)
        )
    except ValueError as error:
        advice = f"add --volume {fitting}" if fitting else f"choose a size that divides by {_doubled(config)}"
        raise InputError(f"{size} pixels with a volume of {chosen} cannot be drawn: {error}; {advice}") from error
    parts = {name: read_part(folder, name) for name in header.parts}
    save_weights(out, parts, header=header, config=resized, overwrite=overwrite)
    return chosen


def fitting_volume(config: Export3dConfig, size: int) -> int | None:
    """Side of the largest usual volume's picture whose doublings divide a picture's side; None if there is none."""
    fitting = (side for side in range(USUAL_VOLUME, LEAST_VOLUME - 1, -1) if size % (side * _doubled(config)) == 0)
    return next(fitting, None) if size > 0 else None


def _doubled(config: Export3dConfig) -> int:
    """Pixels that super-resolution makes of one of the volume, along each side."""
    return int(2 ** len(config.super_resolution.doublings))


def load_encoder(folder: Path, *, head: HeadModel) -> tuple[ExpressionSettings, ExpressionEncoder]:
    """A trained expression encoder, frozen, and its settings.

    Raises:
        InputError: the folder is not complete, belongs to another head, or does not fit.
    """
    folder = Path(folder)
    _header_for(folder, ENCODER_METHOD, head)
    settings: ExpressionSettings = read_config(folder, ExpressionSettings)
    encoder = ExpressionEncoder(settings)
    encoder.freeze()
    load_tensors(tensors_of(encoder), read_part(folder, ENCODER), part=ENCODER)
    return settings, encoder.eval().requires_grad_(False)


def _header_for(folder: Path, method: str, head: HeadModel) -> WeightsHeader:
    header = read_header(folder)
    if header.method != method:
        raise InputError(f"{folder} holds weights for {header.method}: give a folder made for {method}")
    check_head(header, head, folder)
    return header


def load_start(folder: Path, model: Export3dModel, *, head: HeadModel) -> None:
    """Copy a weights folder into a model that goes on training, possibly at another resolution.

    The running average of the tri-planes is resized, a reduction of keys that was not there begins as a mean, and the
    expression encoder stays as it is where it was trained before.

    Raises:
        InputError: the folder belongs to another head, or to networks of other widths.
    """
    folder = Path(folder)
    header = _header_for(folder, METHOD, head)
    for name in model.parts:
        if name in header.parts and not (name == "expression" and model.config.expression.encoding == "clebs"):
            targets = tensors_of(model.part(name))
            tensors = read_part(folder, name)
            if name == "generator":
                tensors = at_resolution(tensors, targets)
            load_tensors(targets, tensors, part=name)


def at_resolution(tensors: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A generator's tensors, made to fit one for pictures of another size."""
    changed = dict(tensors)
    average, wanted = changed.get("average"), targets["average"]
    if average is not None and average.shape[1] == wanted.shape[1] and average.shape != wanted.shape:
        changed["average"] = F.interpolate(average, size=wanted.shape[-2:], mode="bilinear", align_corners=False)
    for name, target in targets.items():
        if name in changed or ".attention.coarser." not in name and ".attention.norm." not in name:
            continue
        value = torch.zeros_like(target)
        if name.endswith("coarser.weight"):
            for channel in range(len(target)):
                value[channel, channel] = 1.0 / target[0, 0].numel()
        elif name.endswith("norm.weight"):
            value += 1.0
        changed[name] = value
    return {name: value for name, value in changed.items() if name in targets or ".attention." not in name}
