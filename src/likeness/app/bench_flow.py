"""How long the 3D flow condition takes: medians of wall and processor time, the paper's 20 samples per pixel."""

from collections.abc import Sequence
from itertools import cycle, islice
from statistics import median
from time import perf_counter, process_time

from likeness.flow.condition import flow_condition
from likeness.flow.depth import seen_surface
from likeness.flow.settings import FlowSettings
from likeness.geometry.closest import build_surface_index
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait
from likeness.tracking.posed import portrait_head, posed_head

THREADS = 2
ROUNDS = {64: 24, 128: 16, 512: 6}  # resolution: moments that are measured


def flow_lines(portrait: Portrait, moments: Sequence[MotionFrame], label_width: int) -> list[str]:
    """One line per resolution: milliseconds per condition, conditions per second, processor time."""
    source = portrait_head(portrait)
    index = build_surface_index(source.vertices, source.faces)
    lines = []
    for resolution, rounds in ROUNDS.items():
        settings = FlowSettings(resolution=resolution)
        seen = seen_surface(source, resolution=resolution, threads=THREADS)
        wall, processor = [], []
        for moment in islice(cycle(moments[:: max(len(moments) // rounds, 1)]), rounds + 1):
            target = posed_head(portrait.head, portrait.shape, moment, portrait.camera)
            begin = perf_counter(), process_time()
            flow_condition(target, source, settings, index=index, seen=seen, threads=THREADS)
            wall.append(perf_counter() - begin[0])
            processor.append(process_time() - begin[1])
        seconds, used = median(wall[1:]), median(processor[1:])  # the first one may have compiled something
        label = f"3D flow condition, {resolution} x {resolution}, {settings.samples} samples"
        lines.append(
            f"{label:{label_width}s}{'':9s}{1000.0 * seconds:10.1f}{1.0 / seconds:10.1f}"
            f"   ({1000.0 * used:.0f} ms of processor time)"
        )
    return lines
