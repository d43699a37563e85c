"""The table of renderers: by name, a `prepare` once per photo and a `render` that streams frames."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from jaxtyping import UInt8

from likeness.app.options import Method
from likeness.errors import InputError
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait

RENDER_THREADS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Renderer:
    """One way to picture a portrait in motion."""

    prepare: Callable[[Portrait], Any]
    render: Callable[[Any, Iterable[MotionFrame]], Iterator[UInt8[np.ndarray, "H W 3"]]]


def open_renderer(method: Method) -> Renderer:
    """The renderer of that name; its packages are imported here and not before.

    Raises:
        InputError: there is none.
    """
    if method == "flow-warp":
        from likeness.flow_warp import prepare, render

        return Renderer(
            prepare=prepare, render=lambda prepared, frames: render(prepared, frames, threads=RENDER_THREADS)
        )
    raise InputError(f"there is no renderer {method}; choose one of: {', '.join(get_args(Method))}")
