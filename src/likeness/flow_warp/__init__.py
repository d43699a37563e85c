"""The learning-free renderer: a photo carried by the 3D flow of a parametric head, layered for hair, eyes and mouth."""

from likeness.flow_warp.prepare import Prepared, prepare
from likeness.flow_warp.render import render, render_frame

__all__ = ["Prepared", "prepare", "render", "render_frame"]
