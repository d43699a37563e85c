"""What a set of clips holds: poses, expressions, how far pairs turn, and how much of the target its source hides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from likeness.data.clip import Clip
from likeness.data.pairs import PairRule, draw_pair, has_pair, turn_degrees
from likeness.flow.surface import source_lookup
from likeness.geometry.camera import Camera
from likeness.geometry.raster import rasterise
from likeness.heads.model import HeadModel
from likeness.heads.show import inside_depths
from likeness.heads.skinning import posed_vertices
from likeness.motion.face_points import MIDDLE_PAIRS, lip_gaps, lip_points
from likeness.motion.pose import frontal_angles
from likeness.motion.record import MotionFrame

SURFACE_TOLERANCE = 5e-3  # m: a point this much behind the source's nearest surface is hidden there
RASTER_SIDE = 96  # pixels, for the shares
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, kw_only=True, slots=True)
class PairStatistics:
    """One line per pair."""

    turn_degrees: Float[np.ndarray, " N"]  # angle between the heads
    hidden_share: Float[np.ndarray, " N"]  # of the target's head pixels, not visible in the source
    lip_gap_change: Float[np.ndarray, " N"]  # target minus source, metres


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameStatistics:
    """One line per frame that may be used."""

    angles: Float[np.ndarray, "N 3"]  # yaw, pitch, roll, degrees
    lip_gaps: Float[np.ndarray, " N"]  # metres
    lids: Float[np.ndarray, " N"]  # mean aperture of both eyes


def frame_statistics(clips: Sequence[Clip], head: HeadModel) -> FrameStatistics:
    """Poses, mouths and eyes of all valid frames."""
    angles, gaps, lids = [], [], []
    for clip in clips:
        valid = clip.motion.valid
        angles.append(np.degrees(frontal_angles(clip.motion.rotation[valid])))
        lips = lip_points(head, clip.motion.shape)
        gaps.append(lip_gaps(lips, clip.motion.expression[valid], clip.motion.jaw[valid])[:, MIDDLE_PAIRS].mean(axis=1))
        lids.append(clip.motion.lids[valid].mean(axis=1))
    return FrameStatistics(angles=np.concatenate(angles), lip_gaps=np.concatenate(gaps), lids=np.concatenate(lids))


def pair_statistics(clips: Sequence[Clip], head: HeadModel, *, pairs: int, seed: int = 0) -> PairStatistics:
    """Of pairs as training draws them, from clips that all have one."""
    turns, shares, changes = [], [], []
    for number in range(pairs):
        clip = clips[number % len(clips)]
        source, target = draw_pair(clip, np.random.default_rng((seed, number)), PairRule())
        turns.append(float(turn_degrees(clip, np.array([[source, target]]))[0]))
        frames = clip.motion.frame(source), clip.motion.frame(target)
        camera = clip.camera.resized(RASTER_SIDE, RASTER_SIDE)
        seen, hidden = hidden_pixels(head, clip.motion.shape, *frames, camera)
        shares.append(float(hidden.sum() / max(int(seen.sum()), 1)))
        lips = lip_points(head, clip.motion.shape)
        gaps = [float(lip_gaps(lips, frame.expression, frame.jaw)[MIDDLE_PAIRS].mean()) for frame in frames]
        changes.append(gaps[1] - gaps[0])
    return PairStatistics(turn_degrees=np.array(turns), hidden_share=np.array(shares), lip_gap_change=np.array(changes))


def hidden_pixels(
    head: HeadModel, shape: Float[np.ndarray, " S"], source: MotionFrame, target: MotionFrame, camera: Camera
) -> tuple[Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]:
    """Pixels of the target that show the head, and those of them whose surface the source does not show."""
    width, height = camera.width, camera.height
    inside = inside_depths(head)
    posed = [
        frame.T_cam_head.apply(posed_vertices(head, shape, frame.expression, frame.joints))
        for frame in (source, target)
    ]
    rasters = [
        rasterise(camera.project(points), points[:, 2] + inside, head.faces, width=width, height=height)
        for points in posed
    ]
    lookup = source_lookup(rasters[1], head.faces, posed[0], camera)
    on_head = rasters[1].face >= 0
    places = np.nan_to_num(np.floor(lookup.pixels), nan=-1.0).astype(int)
    columns, rows = places[..., 0], places[..., 1]
    in_picture = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    nearest = rasters[0].depth[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
    is_seen = in_picture & (np.nan_to_num(lookup.depth, nan=np.inf) <= nearest + SURFACE_TOLERANCE)
    return on_head, on_head & ~is_seen


def describe(clips: Sequence[Clip], head: HeadModel, *, pairs: int) -> str:
    """The figures in a few lines."""
    counts = Counter(clip.header.kind for clip in clips)
    frames = frame_statistics(clips, head)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    sizes = sorted({clip.header.size for clip in clips})
    lines = [
        f"{len(clips)} clips ({kinds}), {len(frames.lids)} frames with a face, squares of {sizes} pixels",
        "5 %, half, 95 % of the frames lie below",
    ]
    named = zip(("yaw", "pitch", "roll"), frames.angles.T, strict=True)
    lines += [_row(f"{name}, degrees", values) for name, values in named]
    lines += [_row("lips apart, mm", 1000.0 * frames.lip_gaps), _row("lid aperture", frames.lids, digits=2)]
    paired = [clip for clip in clips if has_pair(clip)]
    if paired:
        drawn = pair_statistics(paired, head, pairs=pairs)
        lines.append(f"of {pairs} pairs as training draws them")
        lines.append(_row("turn between them, degrees", drawn.turn_degrees))
        lines.append(_row("of the head hidden in the source, %", 100.0 * drawn.hidden_share))
        lines.append(_row("lips open further in the target, mm", 1000.0 * drawn.lip_gap_change))
    return "\n".join(lines)


def _row(name: str, values: Float[np.ndarray, " N"], digits: int = 1) -> str:
    return f"  {name:<36}" + "".join(f"{value:>8.{digits}f}" for value in np.quantile(values, QUANTILES))
