"""The picture of `likeness flow show`: what is given, the flow and its extra channels, the photo carried by it, a sweep
from the photo to the moment, and the numbers of the checks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from likeness.app.framing import HEAD_MARGIN, cropped_portrait, resized_portrait
from likeness.app.options import Transfer
from likeness.app.results import Watch
from likeness.app.sources import check_face, open_driving, read_portrait
from likeness.errors import InputError
from likeness.flow.condition import FlowCondition, flow_condition
from likeness.flow.depth import seen_surface, visible_points
from likeness.flow.posed import PosedHead
from likeness.flow.settings import Extra, FlowSettings
from likeness.flow.show import (
    carried_photo,
    channel_lines,
    draw_arrows,
    draw_wires,
    endpoint_errors,
    grey,
    mask_picture,
    vector_colours,
)
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.heads.landmark_sets import EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT
from likeness.heads.show import draw_mesh
from likeness.heads.skinning import landmark_points
from likeness.media.crop import clip_window, square_window
from likeness.media.images import IMAGE_SUFFIXES, write_image
from likeness.media.output import check_output
from likeness.media.sheet import SheetStyle, contact_sheet, text_block
from likeness.motion.record import FRAME_FIELDS, Motion, MotionFrame
from likeness.motion.strength import Strengths, scale_regions
from likeness.tracking.performance import perform
from likeness.tracking.portrait import Portrait
from likeness.tracking.posed import portrait_head, posed_head

SIZE = 512  # pixels of the square around the head
CELL = 256  # pixels of a picture in the sheet
THREADS = 2
SWEEP = 6  # steps from the photo to the moment
ALL_EXTRAS: tuple[Extra, ...] = ("mask", "visibility", "normals", "depth", "flow2d", "gaze")
Picture = UInt8[np.ndarray, "_ _ 3"]


def write_flow(
    photo: Path,
    driving: Path,
    *,
    out: Path,
    moment: float | None,
    motion: Transfer,
    faces: tuple[int | None, int | None],
    settings: FlowSettings,
    overwrite: bool,
    watch: Watch,
) -> Iterator[str]:
    """Write the picture; lines about it follow.

    Raises:
        LikenessError: an input cannot be used or the picture cannot be written.
    """
    check_output(out, suffixes=IMAGE_SUFFIXES, overwrite=overwrite, inputs=[photo, driving])
    check_face(faces[0])
    head = builtin_head()
    source = open_driving(driving, head, face=faces[1])
    portrait = square_portrait(read_portrait(photo, head, face=faces[0]))
    performance = perform(source.motion(watch), portrait, mode=motion)
    chosen = choose_moment(performance, portrait.rest, moment)
    sheet, lines = draw_flow(portrait, performance, chosen, settings)
    write_image(out, sheet, overwrite=overwrite)
    yield f"{out}: moment {performance.times[chosen] - performance.times[0]:.2f} s, {settings.channels} channels"
    yield from lines


def square_portrait(portrait: Portrait) -> Portrait:
    """The portrait cut to a square around the head."""
    points = portrait.landmarks[:, :2]
    box = square_window(np.concatenate([points.min(axis=0), points.max(axis=0)]), HEAD_MARGIN)
    window = clip_window(box, portrait.camera.width, portrait.camera.height)
    return resized_portrait(cropped_portrait(portrait, window.left, window.top, window.size, window.size), SIZE, SIZE)


def choose_moment(performance: Motion, rest: MotionFrame, seconds: float | None) -> int:
    """The frame at that time, or the one whose pose and expression differ most from the photo.

    Raises:
        InputError: the time lies outside the motion.
    """
    times = performance.times - performance.times[0]
    if seconds is not None:
        if not 0.0 <= seconds <= times[-1]:
            raise InputError(f"--moment is {seconds} s: give 0 to {times[-1]:.2f}")
        return int(np.argmin(np.abs(times - seconds)))
    turns = matrix_from_axis_angle(performance.rotation) @ matrix_from_axis_angle(rest.rotation).T
    angles = np.linalg.norm(np.array([axis_angle_from_matrix(turn) for turn in turns]), axis=1)
    jaw = np.linalg.norm(performance.jaw - rest.jaw, axis=1)
    expression = np.linalg.norm(performance.expression - rest.expression, axis=1)
    return int(np.argmax(np.where(performance.valid, angles + jaw + 0.1 * expression, -1.0)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    """One pair of heads and its condition with every extra channel."""

    portrait: Portrait
    source: PosedHead
    target: PosedHead
    condition: FlowCondition
    settings: FlowSettings

    def channel(self, *names: str) -> np.ndarray:
        """The channels of those names."""
        return self.condition.channels[[self.condition.names.index(name) for name in names]]


def draw_flow(
    portrait: Portrait, performance: Motion, moment: int, settings: FlowSettings
) -> tuple[Picture, list[str]]:
    """The sheet for one moment of a performance, and the lines that it ends with."""
    source = portrait_head(portrait)
    shown = replace(settings, encoding="stack", extras=ALL_EXTRAS)
    target = posed_head(portrait.head, portrait.shape, performance.frame(moment), portrait.camera)
    condition = flow_condition(target, source, shown, threads=THREADS)
    scene = _Scene(portrait=portrait, source=source, target=target, condition=condition, settings=shown)
    steps = sweep(performance, portrait.rest, moment)
    swept = [posed_head(portrait.head, portrait.shape, step, portrait.camera) for step in steps]
    compact = replace(shown, encoding="centre3", extras=())
    flows = [flow_condition(step, source, compact, threads=THREADS) for step in swept]
    strips = [_given(scene), _flow(scene), _sweep(scene, flows)]
    lines = check_lines(scene, flows)
    return np.concatenate([*strips, text_block(lines, strips[0].shape[1])]), lines


def sweep(performance: Motion, rest: MotionFrame, moment: int) -> list[MotionFrame]:
    """Even steps from the photo to that moment."""
    kept = ("times", "confidence", "valid", *FRAME_FIELDS)
    one_moment = {name: getattr(performance, name)[moment : moment + 1] for name in kept}
    pose = replace(performance.with_frames(**one_moment), reference=0)
    regions = [entry.name for entry in fields(Strengths)]
    parts = np.arange(SWEEP) / (SWEEP - 1)
    return [scale_regions(pose, rest, Strengths(**dict.fromkeys(regions, float(part)))).frame(0) for part in parts]


def _strip(cells: dict[str, Picture]) -> Picture:
    """One row of captioned pictures."""
    style = SheetStyle(cell_width=CELL, cell_height=CELL, font_size=14)
    return contact_sheet([list(cells.values())], column_captions=list(cells), style=style)


def _given(scene: _Scene) -> Picture:
    """Photo, target and what is known of each pixel."""
    portrait, condition = scene.portrait, scene.condition
    gaze, mask = scene.channel("gaze.target", "gaze.source"), condition.mask
    return _strip(
        {
            "photo with the source head": draw_wires(portrait.image, scene.source),
            "target head": draw_mesh(portrait.head, scene.target.vertices, portrait.camera),
            "depth": grey(-scene.channel("depth")[0] - 10.0 * (mask == 0), -1.5, 1.5),
            "visibility": mask_picture(condition),
            "normals": vector_colours(scene.channel("normal.x", "normal.y", "normal.z"), 1.0),
            "gaze: now red, before green": vector_colours(np.stack([*gaze, 0.0 * mask]) * 2.0 - 1.0, 1.0),
        }
    )


def _flow(scene: _Scene) -> Picture:
    """Slices of the flow, and what it does to the photo."""
    stack = scene.condition.channels[: 3 * scene.settings.samples].reshape(-1, 3, *scene.condition.mask.shape)
    largest = largest_flow(stack, scene.condition)
    carried = carried_photo(scene.portrait.image, scene.condition)
    slices = {"near": 0, "middle": len(stack) // 2, "far": len(stack) - 1}
    return _strip(
        {
            **{
                f"{name} slice, full colour {1000 * largest * scene.settings.scale:.0f} mm": vector_colours(
                    stack[number], largest
                )
                for name, number in slices.items()
            },
            "movement in the picture": draw_arrows(carried, scene.condition),
            "photo carried by the flow": carried,
            "with the target head": draw_wires(carried, scene.target),
        }
    )


def largest_flow(stack: Float32[np.ndarray, "N 3 H W"], condition: FlowCondition) -> float:
    """What nearly all samples on the head stay below."""
    values = np.abs(stack[:, :, condition.mask > 0])
    return max(float(np.quantile(values, 0.995)), 1e-3) if values.size else 1.0


def _sweep(scene: _Scene, flows: list[FlowCondition]) -> Picture:
    """The photo carried from its own pose to the moment in even steps."""
    parts = np.arange(SWEEP) / (SWEEP - 1)
    photo = scene.portrait.image
    return _strip({f"sweep {part:.0%}": carried_photo(photo, flow) for part, flow in zip(parts, flows, strict=True)})


def check_lines(scene: _Scene, flows: list[FlowCondition]) -> list[str]:
    """The numbers of the sanity checks, one line each."""
    settings, condition = scene.settings, scene.condition
    same = flow_condition(scene.source, scene.source, settings, threads=THREADS).channels[: 3 * settings.samples]
    head, camera = scene.portrait.head, scene.portrait.camera.resized(1, 1)
    points = landmark_points(head, scene.target.vertices)
    open_landmarks = visible_points(seen_surface(scene.target, resolution=SIZE), head.landmark_faces, points)
    source = camera.project(landmark_points(head, scene.source.vertices))
    eyes = [source[list(corners)].mean(axis=0) for corners in (EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT)]
    errors = endpoint_errors(condition, camera.project(points), source)[open_landmarks]
    seen = errors[np.isfinite(errors)] / np.linalg.norm(eyes[0] - eyes[1])
    inner = np.logical_and.reduce([flow.mask > 0 for flow in flows])
    steps = [np.abs(after.channels - before.channels)[:, inner] for before, after in pairwise(flows)]
    changes = [1000.0 * settings.scale * float(np.quantile(step, 0.99)) for step in steps if step.size]
    shown = 100.0 * condition.visibility.sum() / max(float(condition.mask.sum()), 1.0)
    flow = condition.channels[: 3 * settings.samples]
    return [
        f"photo to itself: largest flow {settings.scale * np.abs(same).max():.1e} m (below 1e-5 is right)",
        f"landmarks carried to the photo: {len(seen)} of {len(points)} seen in both, mean error "
        f"{100 * seen.mean() if len(seen) else np.nan:.2f} % of the distance between the eyes (below 3 is right)",
        f"sweep: each step changes the flow of 99 % of the head by less than "
        f"{', '.join(f'{change:.1f}' for change in changes)} mm (even is right)",
        f"seen in the photo: {shown:.0f} % of the head's pixels",
        *channel_lines(flow, settings.clip, condition.mask > 0),
    ]
