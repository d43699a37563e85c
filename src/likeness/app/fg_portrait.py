"""FG-Portrait behind the table of renderers: weights from a folder, options over those of the weights, the device."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from likeness.app.options import Rendering
from likeness.app.renderers import Renderer, Watch, check_method, open_renderer, weights_folder
from likeness.errors import InputError
from likeness.fg_portrait.config import FgPortraitConfig, RepairShares, SamplingSettings
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.renderer import DrawDrafts, Prepared, prepare, render
from likeness.fg_portrait.schedule import sampling_timesteps
from likeness.fg_portrait.weights import load_networks
from likeness.heads.model import HeadModel
from likeness.media.input import check_input
from likeness.nn.checkpoint import read_config
from likeness.tracking.portrait import Portrait

LCM_STEPS = 8  # where LCM is asked for and no number is given
logger = logging.getLogger(__name__)


def check_more_photos(weights: Path, more_photos: Sequence[Path]) -> None:
    """The weights read as many photos as are given, and these are there.

    Raises:
        InputError: they do not or are not, or the weights cannot be read.
    """
    check_method(weights, "fg-portrait")
    config: FgPortraitConfig = read_config(weights, FgPortraitConfig)
    most, given = config.control.sources, 1 + len(more_photos)
    if most == 1:
        raise InputError(
            f"{weights} was trained to read one photo: leave --more-photos out, or give weights that were "
            "trained with --sources 2 or more"
        )
    if given > most:
        raise InputError(f"{given} photos are given, but {weights} reads at most {most}: leave some out")
    for path in more_photos:
        check_input(path, "photo")


def open_fg_portrait(rendering: Rendering, *, watch: Watch, count: int, more: Sequence[Portrait] = ()) -> Renderer:
    """The renderer with the weights that are asked for.

    Args:
        more: further photos of the person; see `check_more_photos`.

    Raises:
        InputError: the folder or an option cannot be used.
    """
    folder = weights_folder(rendering)
    check_method(folder, "fg-portrait")
    config: FgPortraitConfig = read_config(folder, FgPortraitConfig)
    settings = sampling_settings(config, rendering)

    drafting = None
    if config.control.draft:
        drafting = open_renderer(Rendering(method=settings.draft_by), watch=watch, count=count)
    loaded: dict[tuple[str, str], Networks] = {}  # by head: several photos share them

    def networks_for(head: HeadModel) -> Networks:
        key = head.name, head.version
        if key not in loaded:
            networks, reports = load_networks(folder, head=head, sampler=settings.sampler)
            for report in reports:
                logger.info("%s", report.line)
            loaded[key] = networks.to("cuda" if torch.cuda.is_available() else "cpu")
        return loaded[key]

    def prepare_portrait(portrait: Portrait) -> Prepared:
        networks = networks_for(portrait.head)
        drafts = None if drafting is None else draft_frames(drafting, portrait)
        return prepare(
            portrait, networks=networks, settings=settings, seed=rendering.seed, draw_drafts=drafts, more=more
        )

    def render_frames(prepared: Any, frames: Any) -> Any:
        return render(prepared, frames, watch=watch, count=count)

    return Renderer(prepare=prepare_portrait, render=render_frames, watches=True)


def draft_frames(renderer: Renderer, portrait: Portrait) -> DrawDrafts:
    """Another renderer's pictures of a portrait, for networks that work on them."""
    prepared = renderer.prepare(portrait)
    return lambda frames: renderer.render(prepared, frames)


def sampling_settings(config: FgPortraitConfig, rendering: Rendering) -> SamplingSettings:
    """The weights' own way of sampling, with what the user asks for in its place.

    Raises:
        InputError: a number is out of range, or guidance is asked of weights that have it inside.
    """
    settings = config.sampling
    if config.distilled_guidance is not None:
        if rendering.guidance not in (None, 1.0):
            raise InputError(
                f"--guidance is {rendering.guidance}, but these weights have guidance {config.distilled_guidance} "
                "inside: leave the option out"
            )
        settings = replace(settings, guidance=1.0)
    if rendering.sampler is not None and rendering.sampler != settings.sampler:
        steps, guidance = (LCM_STEPS, 1.0) if rendering.sampler == "lcm" else (settings.steps, settings.guidance)
        settings = replace(settings, sampler=rendering.sampler, steps=steps, guidance=guidance)
    if rendering.draft is not None:
        if not config.control.draft:
            raise InputError("these weights draw pictures of their own and work on none: leave --draft out")
        settings = replace(settings, draft_by=rendering.draft)
    if rendering.repair is not None:
        if not config.control.draft:
            raise InputError("these weights draw pictures of their own and repair none: leave --repair out")
        gate = settings.repair or RepairShares()
        settings = replace(settings, repair=gate if rendering.repair == "gated" else None)
    asked = {name: value for name in ("steps", "guidance") if (value := getattr(rendering, name)) is not None}
    try:
        settings = replace(settings, **asked)
        sampling_timesteps(settings)
    except ValueError as error:
        raise InputError(f"these sampling options cannot be used: {error}") from error
    return settings
