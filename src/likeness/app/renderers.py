"""The table of renderers: by name, a `prepare` once per photo and a `render` that streams frames."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from jaxtyping import UInt8

from likeness.app.directions import DirectionShifts
from likeness.app.options import Method, Rendering
from likeness.errors import InputError
from likeness.motion.record import MotionFrame
from likeness.nn.shipped import shipped_weights
from likeness.tracking.portrait import Portrait

RENDER_THREADS = 2
SEED_RANGE = (0, 2**31 - 1)
Watch = Callable[[Iterable[Any], str, int | None], Iterable[Any]]  # sees each item of a long step as it passes


@dataclass(frozen=True, kw_only=True, slots=True)
class Renderer:
    """One way to picture a portrait in motion."""

    prepare: Callable[[Portrait], Any]
    render: Callable[[Any, Iterable[MotionFrame]], Iterator[UInt8[np.ndarray, "H W 3"]]]
    watches: bool = False  # it shows its own, finer steps: nobody else needs to watch its frames


def check_rendering(rendering: Rendering, *, more_photos: Sequence[Path] = ()) -> None:
    """Everything about a renderer's options that can be known before any work.

    Nothing heavy is imported, unless further photos of the person are given: then the weights are looked at.

    Raises:
        InputError: the renderer is unknown, an option is out of range, or weights or packages are missing.
    """
    if rendering.method not in get_args(Method):
        raise InputError(f"there is no renderer {rendering.method}; choose one of: {', '.join(get_args(Method))}")
    low, high = SEED_RANGE
    if not low <= rendering.seed <= high:
        raise InputError(f"--seed is {rendering.seed}: give {low} to {high}")
    if rendering.method == "flow-warp" and rendering.weights is not None:
        raise InputError("--weights is for renderers with weights: add --method fg-portrait or --method export3d")
    if rendering.method != "export3d" and rendering.head is not None:
        raise InputError("--head is for weights that were trained on another head: add --method export3d")
    if rendering.method != "fg-portrait":
        options = ("steps", "guidance", "sampler", "repair", "draft")
        given = [name for name in options if getattr(rendering, name) is not None]
        if given:
            raise InputError(f"--{given[0]} is for renderers that sample: add --method fg-portrait or leave it out")
        if more_photos:
            raise InputError("--more-photos is for renderers that read several: add --method fg-portrait")
    if rendering.method != "flow-warp":
        check_weights(rendering.method, rendering.weights)
    if more_photos:
        from likeness.app.fg_portrait import check_more_photos

        check_more_photos(weights_folder(rendering), more_photos)


def check_weights(method: Method, weights: Path | None) -> None:
    """The weights are a folder, or ship, and the packages that they need are there.

    Raises:
        InputError: they are not.
    """
    if weights is None:
        shipped_weights(method)
    elif not weights.is_dir():
        raise InputError(f"{weights} is no folder: give a folder of weights with --weights")
    from likeness.nn.require import require_models

    require_models(f"--method {method}")


def weights_folder(rendering: Rendering) -> Path:
    """The weights that are asked for, otherwise those that come with this package.

    Raises:
        InputError: none are given and none ship, or what ships is damaged.
    """
    return rendering.weights or shipped_weights(rendering.method)


def check_method(weights: Path, method: Method) -> None:
    """A folder of weights belongs to that method.

    Raises:
        InputError: it belongs to another, or is no folder of weights.
    """
    from likeness.nn.checkpoint import read_header

    found = read_header(weights).method
    if found != method:
        raise InputError(f"{weights} holds weights for {found}: give a folder made for {method}")


def open_renderer(
    rendering: Rendering,
    *,
    watch: Watch,
    count: int,
    directions: DirectionShifts | None = None,
    more: Sequence[Portrait] = (),
) -> Renderer:
    """The renderer that is asked for; its packages are imported here and not before.

    Args:
        watch: sees the steps of a renderer that watches itself.
        count: number of frames that will be rendered.
        directions: moves along the expression directions, for a renderer that has them.
        more: further photos of the person, for a renderer that reads several.

    Raises:
        InputError: there is none, or its options or weights cannot be used.
    """
    check_rendering(rendering)
    if rendering.method == "flow-warp":
        from likeness.flow_warp import prepare, render

        return Renderer(
            prepare=prepare, render=lambda prepared, frames: render(prepared, frames, threads=RENDER_THREADS)
        )
    if rendering.method == "export3d":
        from likeness.app.export3d import open_export3d

        return open_export3d(weights_folder(rendering), directions)
    from likeness.app.fg_portrait import open_fg_portrait

    return open_fg_portrait(rendering, watch=watch, count=count, more=more)
