"""Export3D behind the table of renderers: weights from a folder, the device, moves along expression directions."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from likeness.app.beyond_square import with_flow_warp_beyond
from likeness.app.directions import DirectionShifts, dense_shift
from likeness.app.renderers import Renderer, check_method
from likeness.export3d.config import Export3dConfig
from likeness.export3d.model import Export3dModel
from likeness.export3d.renderer import Prepared, Shift, prepare, render
from likeness.export3d.weights import load_model
from likeness.heads.model import HeadModel
from likeness.motion.record import MotionFrame
from likeness.nn.checkpoint import read_config
from likeness.tracking.portrait import Portrait


def open_export3d(folder: Path, directions: DirectionShifts | None = None) -> Renderer:
    """The renderer with the weights of a folder.

    Raises:
        InputError: the folder cannot be used, or its model lacks a direction.
    """
    shift = asked_shift(read_export3d(folder), directions)
    models: dict[tuple[str, str], Export3dModel] = {}  # by head: several photos share them

    def prepare_portrait(portrait: Portrait) -> Prepared:
        key = portrait.head.name, portrait.head.version
        if key not in models:
            models[key] = open_model(folder, portrait.head)
        return prepare(portrait, model=models[key])

    def render_frames(prepared: Prepared, frames: Iterable[MotionFrame]) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        parts = None if directions is None else directions.parts

        def shift_of(number: int) -> Shift | None:
            return shift if shift is None or parts is None else parts[number] * shift

        def draw(passing: Iterable[MotionFrame]) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
            return render(prepared, passing, shift_of=shift_of)

        return with_flow_warp_beyond(prepared.portrait, prepared.square.window, draw, frames)

    return Renderer(prepare=prepare_portrait, render=render_frames)


def read_export3d(folder: Path) -> Export3dConfig:
    """The configuration of a weights folder.

    Raises:
        InputError: it cannot be read, or is of another method.
    """
    check_method(folder, "export3d")
    config: Export3dConfig = read_config(folder, Export3dConfig)
    return config


def open_model(folder: Path, head: HeadModel) -> Export3dModel:
    """The model of a weights folder, where it computes fastest.

    Raises:
        InputError: the folder is not complete, belongs to another head, or does not fit.
    """
    return load_model(folder, head=head).to("cuda" if torch.cuda.is_available() else "cpu")


def asked_shift(config: Export3dConfig, directions: DirectionShifts | None) -> Shift | None:
    """The move along the directions of a model; None where none is asked for.

    Raises:
        InputError: the model lacks one of them.
    """
    if directions is None or not directions.amounts:
        return None
    expression = config.expression
    return dense_shift(directions.amounts, 0 if expression.encoding == "direct" else expression.directions)
