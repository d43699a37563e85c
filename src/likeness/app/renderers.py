"""The table of renderers: by name, a `prepare` once per photo and a `render` that streams frames."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from jaxtyping import UInt8

from likeness.app.options import Method, Rendering
from likeness.errors import InputError
from likeness.motion.record import MotionFrame
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


def check_rendering(rendering: Rendering) -> None:
    """Everything about a renderer's options that can be known before any work; nothing heavy is imported.

    Raises:
        InputError: the renderer is unknown, an option is out of range, or weights or packages are missing.
    """
    if rendering.method not in get_args(Method):
        raise InputError(f"there is no renderer {rendering.method}; choose one of: {', '.join(get_args(Method))}")
    low, high = SEED_RANGE
    if not low <= rendering.seed <= high:
        raise InputError(f"--seed is {rendering.seed}: give {low} to {high}")
    if rendering.method == "flow-warp":
        options = ("weights", "steps", "guidance", "sampler")
        given = [name for name in options if getattr(rendering, name) is not None]
        if given:
            raise InputError(f"--{given[0]} is for renderers with weights: add --method fg-portrait")
        return
    if rendering.weights is None:
        raise InputError("--method fg-portrait needs trained weights, and none ship yet: add --weights FOLDER")
    if not rendering.weights.is_dir():
        raise InputError(f"{rendering.weights} is no folder: give a folder of weights with --weights")
    from likeness.nn.require import require_models

    require_models("--method fg-portrait")


def open_renderer(rendering: Rendering, *, watch: Watch, count: int) -> Renderer:
    """The renderer that is asked for; its packages are imported here and not before.

    Args:
        watch: sees the steps of a renderer that watches itself.
        count: number of frames that will be rendered.

    Raises:
        InputError: there is none, or its options or weights cannot be used.
    """
    check_rendering(rendering)
    if rendering.method == "flow-warp":
        from likeness.flow_warp import prepare, render

        return Renderer(
            prepare=prepare, render=lambda prepared, frames: render(prepared, frames, threads=RENDER_THREADS)
        )
    from likeness.app.fg_portrait import open_fg_portrait

    return open_fg_portrait(rendering, watch=watch, count=count)
