"""How long the pieces of Export3D take on this machine, preset by preset, beside the counted operations."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch

from likeness.app.results import Watch
from likeness.export3d.cameras import canonical_camera
from likeness.export3d.config import Export3dConfig, ExpressionSettings
from likeness.export3d.cost import estimate_cost
from likeness.export3d.expression import expression_size
from likeness.export3d.model import Export3dModel
from likeness.export3d.presets import PRESETS
from likeness.heads.builtin import builtin_head

HEADER = (
    f"{'preset':10s}{'photo':>20s}{'planes':>20s}{'volume':>20s}{'super-resolution':>20s}{'further frame':>16s}\n"
    f"{'':10s}{'ms (GFLOP)':>20s}{'ms (GFLOP)':>20s}{'ms (GFLOP)':>20s}{'ms (GFLOP)':>20s}{'per second':>16s}"
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
        lines.append(_line(name, preset(expression), repeats))
    return "\n".join(lines)


@torch.no_grad()
def _line(name: str, config: Export3dConfig, repeats: int) -> str:
    model = Export3dModel(config).eval()
    image = torch.rand(1, 3, config.image_size, config.image_size) * 2.0 - 1.0
    camera = torch.from_numpy(canonical_camera())[None]
    source = model.read(image)
    vector = model.expression(torch.randn(1, config.expression.inputs))
    planes = model.generator(source.read, vector)
    features = model.volume.render(planes, camera).features
    cost = estimate_cost(config)
    pieces: tuple[tuple[Callable[[], object], float], ...] = (
        (lambda: model.read(image), cost.stem),
        (lambda: model.generator(source.read, vector), cost.planes),
        (lambda: model.volume.render(planes, camera), cost.volume),
        (lambda: model.super_resolution(features), cost.super_resolution),
    )
    measured = [(_milliseconds(piece, repeats), counted) for piece, counted in pieces]
    cells = "".join(f"{f'{time:.0f} ({counted:.2f})':>20s}" for time, counted in measured)
    frame = sum(time for time, _ in measured[1:])
    return f"{name:10s}{cells}{1000.0 / frame:16.1f}"


def _milliseconds(piece: Callable[[], object], repeats: int) -> float:
    """The median, after one time that does not count: it may compile something."""
    taken = []
    for _ in range(repeats + 1):
        begin = perf_counter()
        piece()
        taken.append(1000.0 * (perf_counter() - begin))
    return median(taken[1:])
