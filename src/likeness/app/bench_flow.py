"""How long the 3D flow condition takes: medians of wall and processor time, the paper's 20 samples per pixel, seen in
the square around the head that networks work in.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice
from statistics import median
from time import perf_counter, process_time

import numpy as np

from likeness.data.square import clip_square, head_box
from likeness.flow.condition import FlowCondition, flow_condition
from likeness.flow.depth import seen_surface
from likeness.flow.settings import FlowSettings
from likeness.geometry.closest import build_surface_index
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait
from likeness.tracking.posed import portrait_head, posed_head

THREADS = 2
ROUNDS = {64: 24, 128: 16, 512: 6}  # resolution: moments that are measured


def flow_lines(portrait: Portrait, moments: Sequence[MotionFrame], label_width: int) -> list[str]:
    """One line per resolution: milliseconds per condition, conditions per second, processor time, and by how much the
    flow beside the head differs from that of a search of every ray, at the moment with the most flow.
    """
    window = clip_square([head_box(portrait.head, portrait.shape, portrait.rest, portrait.camera)])
    camera = portrait.camera.cropped(window.left, window.top, window.size, window.size)
    source = replace(portrait_head(portrait), camera=camera)
    index = build_surface_index(source.vertices, source.faces)
    lines = []
    for resolution, rounds in ROUNDS.items():
        settings = FlowSettings(resolution=resolution)
        seen = seen_surface(source, resolution=resolution, threads=THREADS)
        wall, processor, most = [], [], (-1.0, source)
        for moment in islice(cycle(moments[:: max(len(moments) // rounds, 1)]), rounds + 1):
            target = posed_head(portrait.head, portrait.shape, moment, camera)
            begin = perf_counter(), process_time()
            condition = flow_condition(target, source, settings, index=index, seen=seen, threads=THREADS)
            wall.append(perf_counter() - begin[0])
            processor.append(process_time() - begin[1])
            most = max(most, (float(np.abs(condition.channels).mean()), target), key=lambda entry: entry[0])
        seconds, used = median(wall[1:]), median(processor[1:])  # the first one may have compiled something
        rays = flow_condition(most[1], source, settings, index=index, seen=seen, threads=THREADS)
        begin_all = perf_counter()
        all_rays = replace(settings, offhead_step=1)
        every_ray = flow_condition(most[1], source, all_rays, index=index, seen=seen, threads=THREADS)
        all_seconds = perf_counter() - begin_all
        label = f"3D flow condition, {resolution} x {resolution}, {settings.samples} samples"
        lines.append(
            f"{label:{label_width}s}{'':9s}{1000.0 * seconds:10.1f}{1.0 / seconds:10.1f}"
            f"   ({1000.0 * used:.0f} ms of processor time; every ray: {1000.0 * all_seconds:.0f} ms, "
            f"{100.0 * _deviation(rays, every_ray):.1f} % off)"
        )
    return lines


def _deviation(condition: FlowCondition, exact: FlowCondition) -> float:
    """Mean length of the difference beside the head, as a share of the mean length of the flow there."""
    beside = exact.mask == 0
    flow, difference = (
        values[:, beside].reshape(-1, 3, int(beside.sum()))
        for values in (exact.channels, condition.channels - exact.channels)
    )
    return float(np.linalg.norm(difference, axis=1).mean() / np.linalg.norm(flow, axis=1).mean())
