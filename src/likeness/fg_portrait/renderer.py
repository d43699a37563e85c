"""FG-Portrait as a renderer: a square around the head is drawn by the networks and laid back into the photo."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import tee
from time import perf_counter
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from likeness.data.background_plate import background_plate
from likeness.data.head_square import (
    FEATHER,
    HeadSquare,
    head_square,
    laid_back,
    match_background,
    matte_in_square,
)
from likeness.fg_portrait.background import drawn_matte, over_background
from likeness.fg_portrait.condition import (
    Source,
    View,
    in_all_places,
    make_sources,
    motion_condition,
    picture_tensor,
    posed_head,
    tensor_pictures,
)
from likeness.fg_portrait.config import SamplingSettings
from likeness.fg_portrait.control import MotionCondition
from likeness.fg_portrait.cost import cost_line
from likeness.fg_portrait.networks import Networks
from likeness.fg_portrait.repair import (
    GATE_PIXELS,
    but_gaping_mouths,
    changed_share,
    repair_gate,
    resized_gate,
    with_gated_difference,
)
from likeness.fg_portrait.sampler import Sampler
from likeness.media.crop import extract, paste_back, resize
from likeness.motion.record import MotionFrame
from likeness.nn.memory import advised, with_advice
from likeness.tracking.portrait import Portrait

OUT_OF_MEMORY = (
    "not enough memory for this model: close other programs, or use a smaller model, a shorter window or the tiny_vae"
)

logger = logging.getLogger(__name__)
Watch = Callable[[Iterable[Any], str, int | None], Iterable[Any]]
# Whole pictures of the portrait by the default renderer, which is passed in: it stands beside this package.
DrawDrafts = Callable[[Iterable[MotionFrame]], Iterator[UInt8[np.ndarray, "H W 3"]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A portrait, its networks, and everything about it that does not depend on the motion."""

    portrait: Portrait
    square: HeadSquare  # what is drawn, at the model's size
    networks: Networks
    settings: SamplingSettings
    seed: int
    sources: tuple[Source, ...]  # the photo's square, and the head in it; then those of further photos
    source_latents: Float[Tensor, "K C h w"]
    token: Float[Tensor, "1 E"] | None  # of the first photo, where the networks see one
    draw_drafts: DrawDrafts | None  # for networks that work on drafts
    plate: UInt8[np.ndarray, "W W 3"] | None  # the photo's square without the person, where the background stands still


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A frame whose picture is being drawn."""

    frame: MotionFrame
    draft: UInt8[np.ndarray, "H W 3"] | None  # the whole photo by the default renderer


def unwatched(items: Iterable[Any], label: str, total: int | None) -> Iterable[Any]:
    """The items, with nobody looking."""
    return items


@torch.no_grad()
def prepare(
    portrait: Portrait,
    *,
    networks: Networks,
    settings: SamplingSettings,
    seed: int,
    draw_drafts: DrawDrafts | None = None,
    more: Sequence[Portrait] = (),
) -> Prepared:
    """Cut the square around the head and encode it once.

    Args:
        draw_drafts: needed, and used, where the networks work on drafts.
        more: further photos of the person, for networks that read several; where there are fewer than these read, some
            are read again.

    Raises:
        InputError: there is not enough memory.
    """
    if networks.config.control.draft and draw_drafts is None:
        raise ValueError("networks that work on drafts need something that draws them")
    config = networks.config
    squares = [head_square(each, config.image_size) for each in (portrait, *more)]
    square, count = squares[0], config.control.sources
    if len(squares) > count:
        raise ValueError(f"these networks read {count} photos of a person, got {len(squares)}")
    pictures = torch.cat([picture_tensor(each.image) for each in squares])
    try:
        latents = networks.space.encode(pictures.to(networks.context.device))
        token = networks.picture_token(pictures[:1].to(networks.context.device))
    except (RuntimeError, MemoryError) as error:
        raise advised(error, OUT_OF_MEMORY) from error
    needs_mattes = config.control.background or config.control.offsets
    views = []
    for each, cut in zip((portrait, *more), squares, strict=True):
        matte = matte_in_square(each.image, cut.window, config.image_size) if needs_mattes else None
        views.append((each.head, each.shape, View(frame=each.rest, camera=cut.camera, image=cut.image, matte=matte)))
    sources = make_sources(views, config.control)
    return Prepared(
        portrait=portrait,
        square=square,
        networks=networks,
        settings=settings,
        seed=seed,
        sources=sources,
        source_latents=torch.stack(in_all_places(list(latents), count)),
        token=token,
        draw_drafts=draw_drafts if config.control.draft else None,
        plate=_plate(portrait, square, sources[0]) if config.control.background and not config.control.draft else None,
    )


def _plate(portrait: Portrait, square: HeadSquare, source: Source) -> UInt8[np.ndarray, "W W 3"]:
    """The square of the photo without the person, at the photo's resolution."""
    size = square.window.size
    whole = extract(portrait.image, square.window, size)
    return background_plate(whole, matte_in_square(portrait.image, square.window, size), source.posed)


def render(
    prepared: Prepared,
    frames: Iterable[MotionFrame],
    *,
    watch: Watch = unwatched,
    count: int | None = None,
) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    """Whole photos in the order of the frames, a section of the clip at a time; says at the end what a frame cost.

    Args:
        watch: sees every denoising step as it passes.
        count: number of frames, if it is known; it tells `watch` how many steps there are.

    Raises:
        InputError: a frame cannot be posed, the weights need a driving picture, or there is not enough memory.
    """
    sampler = Sampler(
        prepared.networks,
        prepared.source_latents,
        settings=prepared.settings,
        seed=prepared.seed,
        token=prepared.token,
    )
    waiting: deque[Waiting] = deque()
    conditions = _conditions(prepared, frames, waiting)
    steps = None if count is None else sampler.sections(count) * len(sampler.timesteps)
    start, shown = perf_counter(), 0
    for latents in watch(with_advice(sampler.sample(conditions), OUT_OF_MEMORY), "denoising", steps):
        if latents is None:
            continue
        for picture in with_advice(decoded(prepared, latents), OUT_OF_MEMORY):
            shown += 1
            yield _laid_back(prepared, picture, waiting.popleft())
    if shown:
        note = cost_line(prepared.networks, prepared.settings, seconds=perf_counter() - start, frames=shown)
        logger.warning("%s", note)


@torch.no_grad()
def decoded(prepared: Prepared, latents: Float[Tensor, "N C h w"]) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    """Square pictures of latents, a batch at a time."""
    size = prepared.settings.batch
    for begin in range(0, len(latents), size):
        with torch.no_grad():
            pictures = prepared.networks.space.decode(latents[begin : begin + size])
        yield from tensor_pictures(pictures)


def _conditions(
    prepared: Prepared, frames: Iterable[MotionFrame], waiting: deque[Waiting]
) -> Iterator[MotionCondition]:
    """The condition of each frame, where the networks are; the frames, with their drafts, are left in the queue."""
    sources, camera, device = prepared.sources, prepared.square.camera, prepared.source_latents.device
    settings = prepared.networks.config.control
    if prepared.draw_drafts is None:
        for frame in frames:
            waiting.append(Waiting(frame=frame, draft=None))
            yield motion_condition(sources, View(frame=frame, camera=camera), settings).to(device)
        return
    passing, beside = tee(frames)
    for whole, frame in zip(prepared.draw_drafts(passing), beside, strict=True):
        waiting.append(Waiting(frame=frame, draft=whole))
        draft = extract(whole, prepared.square.window, prepared.networks.config.image_size)
        target = View(frame=frame, camera=camera, draft=draft)
        yield motion_condition(sources, target, settings).to(device)


def _laid_back(prepared: Prepared, picture: UInt8[np.ndarray, "h w 3"], waiting: Waiting) -> UInt8[np.ndarray, "H W 3"]:
    """The square in its photo; with a draft, what the networks changed of the person is added to it at its own
    resolution, everywhere but in gaping mouths, or where the repair gate is open.

    Where the background stands still, only the person is taken from the square.
    """
    square, photo, draft = prepared.square, prepared.portrait.image, waiting.draft
    window, size = square.window, len(picture)
    if draft is None and prepared.plate is None:
        return laid_back(photo, square, picture)
    target = View(frame=waiting.frame, camera=square.camera)
    if draft is not None:
        behind, small = extract(draft, window, window.size), extract(draft, window, size)
        source, shares = prepared.sources[0], prepared.settings.repair
        if shares is None:
            person = drawn_matte(small, posed_head(source.head, source.shape, target))
            changed = person * changed_share(small, square.image)
            gate = but_gaping_mouths(source, target) * resized_gate(changed, GATE_PIXELS)
            front = with_gated_difference(behind, picture, small, gate, smoothing=0.0)
        else:
            front = with_gated_difference(behind, picture, small, repair_gate(source, target, shares))
    else:
        assert prepared.plate is not None
        behind, front = prepared.plate, match_background(picture, square.image, square.background)
        front = resize(front, window.size, window.size)
    if prepared.networks.config.control.background:
        matte = drawn_matte(picture, posed_head(prepared.sources[0].head, prepared.portrait.shape, target))
        front = over_background(front, matte, behind)
    return paste_back(photo if draft is None else draft, front, window, FEATHER * window.size)
