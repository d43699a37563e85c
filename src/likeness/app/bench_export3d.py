"""How long the pieces of Export3D take on this machine, preset by preset, beside the counted operations."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float32

from likeness.app.results import Watch
from likeness.data.sample import Shot
from likeness.export3d.batches import picture_tensor
from likeness.export3d.cameras import canonical_camera, frame_of_camera
from likeness.export3d.config import Export3dConfig, ExpressionSettings
from likeness.export3d.cost import estimate_cost
from likeness.export3d.expression import expression_size
from likeness.export3d.model import Export3dModel
from likeness.export3d.presets import PRESETS
from likeness.export3d.subject import read_subject
from likeness.geometry.rotation import axis_angle_from_matrix
from likeness.heads.builtin import builtin_head
from likeness.heads.model import HeadModel
from likeness.motion.record import MotionFrame

LIFTED = ("small", "laptop")  # presets that are timed with flow-lifted features as well
HEADER = (
    f"{'preset':14s}{'photo':>20s}{'planes':>20s}{'volume':>20s}{'super-resolution':>20s}{'further frame':>16s}\n"
    f"{'':14s}{'ms (GFLOP)':>20s}{'ms (GFLOP)':>20s}{'ms (GFLOP)':>20s}{'ms (GFLOP)':>20s}{'per second':>16s}"
)


def bench_export3d(*, repeats: int, threads: int, watch: Watch) -> str:
    """The table: reading the photo, planes per expression, volume and super-resolution per frame; random weights.

    The density of a volume that has learned nothing is everywhere the same, so no ray ends early: the worst case.
    """
    torch.set_num_threads(threads)
    head = builtin_head()
    expression = ExpressionSettings(head=head.name, size=expression_size(head), encoding="lebs")
    lines = [f"Export3D on a CPU, {threads} threads, medians of {repeats}", HEADER]
    for name, preset in watch(sorted(PRESETS.items()), "presets", len(PRESETS)):
        lines.append(_line(name, preset(expression), head, repeats))
        if name in LIFTED:
            lines.append(_line(f"{name} +lift", replace(preset(expression), lift=True), head, repeats))
    return "\n".join(lines)


@torch.no_grad()
def _line(name: str, config: Export3dConfig, head: HeadModel, repeats: int) -> str:
    model, size = Export3dModel(config).eval(), config.image_size
    numbers = canonical_camera()
    shot = _shot_at_rest(head, numbers, size)
    camera = torch.from_numpy(numbers)[None]
    subject = read_subject(model, head, np.zeros(head.num_shape), shot)
    image, matte = picture_tensor(shot.image), torch.zeros(1, 1, size, size)
    content = subject.content(shot.frame)
    seen = model.volume.render(content.planes, camera, lift=content.lift)
    cost = estimate_cost(config)
    pieces: tuple[tuple[Callable[[], object], float], ...] = (
        (lambda: model.read(image, matte), cost.stem),
        (lambda: subject.content(shot.frame), cost.planes),
        (lambda: model.volume.render(content.planes, camera, lift=content.lift), cost.volume),
        (lambda: model.finished(seen, seen.features, camera, content.lift), cost.super_resolution),
    )
    measured = [(_milliseconds(piece, repeats), counted) for piece, counted in pieces]
    cells = "".join(f"{f'{time:.0f} ({counted:.2f})':>20s}" for time, counted in measured)
    frame = sum(time for time, _ in measured[1:])
    return f"{name:14s}{cells}{1000.0 / frame:16.1f}"


def _shot_at_rest(head: HeadModel, numbers: Float32[np.ndarray, "25"], size: int) -> Shot:
    """A grey picture of the head without expression, straight before its camera."""
    T_cam_head, camera = frame_of_camera(numbers, width=size, height=size)
    nothing = np.zeros(3)
    frame = MotionFrame(
        rotation=axis_angle_from_matrix(T_cam_head.rotation),
        translation=T_cam_head.translation,
        neck=nothing,
        jaw=nothing,
        eye_left=nothing,
        eye_right=nothing,
        expression=np.zeros(head.num_expression),
        lids=np.full(2, 0.3),
    )
    image = np.full((size, size, 3), 128, dtype=np.uint8)
    return Shot(image=image, trust=np.ones((size, size), dtype=bool), frame=frame, camera=camera)


def _milliseconds(piece: Callable[[], object], repeats: int) -> float:
    """The median, after one time that does not count: it may compile something."""
    taken = []
    for _ in range(repeats + 1):
        begin = perf_counter()
        piece()
        taken.append(1000.0 * (perf_counter() - begin))
    return median(taken[1:])
