"""Where networks may change the default renderer's picture: a gate that the 3D head alone decides.

It opens at lips that part, at lids that open or shut, on skin that the photo hides or shows too small, and where the
head was and is no more. It is shut wherever nothing moves, on hair and on clothes.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from likeness.fg_portrait.condition import Source, View, posed_head
from likeness.fg_portrait.config import RepairShares
from likeness.flow.condition import flow_condition
from likeness.flow.depth import render_depth
from likeness.flow.posed import PosedHead
from likeness.flow.settings import FlowSettings
from likeness.geometry.smoothstep import smoothstep
from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING, LIPS_OUTER, LOWER_LIP_INNER, UPPER_LIP_INNER
from likeness.heads.skinning import landmark_points

GATE_PIXELS = 128  # side at which the gate is made; it is soft
SOFTNESS = 0.012  # deviation of its rims, of the side
GAP_CHANGE = (0.03, 0.12)  # by which the lips part, in mouth widths: shut below, fully open above
NARROW = (0.2, 0.12)  # of the gap itself: shut above, fully open below
LID_CHANGE = (0.05, 0.15)  # of the aperture of an eye, likewise
CHANGED = (1.0, 4.0)  # difference from the photo, grey levels: still the photo below, another picture above
CHANGE_REACH = 0.05  # of the side, deviation over which it is averaged: as wide as an eye
SHRUNK = (0.55, 0.3)  # of the area that a piece of skin has in the photo, for its distance: shut above, open below
SMALLEST_PART = 0.02  # of the side: hidden or shrunk skin that is narrower is left alone
SKIN = "skin"  # the part of a head that is its face
RIM_PIXELS = 3  # side of what the face is eroded by, in the gate: a rim of one pixel is left out
MOUTH_MARGIN, EYE_MARGIN = 1.15, 1.4  # times the outlines of lips and eyes
FLATTEST = 1.0 / 3.0  # height of an outline, of its width
SMOOTHING = 0.6  # pixels of the networks, deviation: what they change of finer detail is mostly noise

ALL_PARTS = RepairShares(mouth=1.0, eyes=1.0, hidden=1.0, shrunk=1.0, uncovered=1.0)
Gate = Float32[np.ndarray, "R R"]


def repair_gate(source: Source, target: View, shares: RepairShares) -> Gate:
    """How much of the change is kept at each pixel of the target's square, 0 to 1.

    Raises:
        InputError: the motion cannot be posed.
    """
    parts = gate_parts(source, target)
    return np.max([np.float32(getattr(shares, name)) * part for name, part in parts.items()], axis=0)


def but_gaping_mouths(source: Source, target: View) -> Gate:
    """1 everywhere but between lips that gape: there a drawn mouth is better than what photos of smiles have taught.

    Raises:
        InputError: the motion cannot be posed.
    """
    posed = posed_head(source.head, source.shape, target)
    gapes = np.float32(1.0) - _amount(_lip_gap(source, posed), NARROW)
    return np.float32(1.0) - _soft(gapes * _outline(source, posed, LIPS_OUTER, MOUTH_MARGIN, GATE_PIXELS))


def changed_share(draft: UInt8[np.ndarray, "h w 3"], photo: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """0 where a draft still shows what the photo does, which is exact, 1 where and around where that has changed."""
    import cv2

    change = np.abs(draft.astype(np.float32) - photo).mean(axis=-1)
    around = cv2.GaussianBlur(change, (0, 0), CHANGE_REACH * len(change))
    return smoothstep((around - CHANGED[0]) / (CHANGED[1] - CHANGED[0])).astype(np.float32)


def gate_parts(source: Source, target: View) -> dict[str, Gate]:
    """How far each part of the gate is open, by the names of `RepairShares`.

    Raises:
        InputError: the motion cannot be posed.
    """
    size = GATE_PIXELS
    posed = posed_head(source.head, source.shape, target)
    settings = FlowSettings(resolution=size, encoding="centre3", offhead="zero")
    flow = flow_condition(posed, source.posed, settings, index=source.index, seen=source.seen)
    face, faces_before = (render_depth(head, head.camera.resized(size, size)).face for head in (posed, source.posed))
    is_head, was_head = face >= 0, faces_before >= 0
    lips = _outline(source, posed, LIPS_OUTER, MOUTH_MARGIN, size)
    eyes = [_outline(source, posed, ring, EYE_MARGIN, size) for ring in (EYE_LEFT_RING, EYE_RIGHT_RING)]
    is_skin = _skin(source, face) & (np.max([lips, *eyes], axis=0) == 0)
    nearer = np.float32(posed.vertices[:, 2].mean() / source.posed.vertices[:, 2].mean())  # below 1: it has come closer
    lids = np.abs(posed.lids - source.posed.lids)  # left, right
    areas = {
        "mouth": _parting(source, posed) * lips,
        "eyes": np.max([_amount(change, LID_CHANGE) * eye for change, eye in zip(lids, eyes, strict=True)], axis=0),
        "hidden": _without_slivers(is_skin & (flow.visibility == 0)),
        "shrunk": _without_slivers(is_skin & (flow.visibility > 0)) * _shrunk(flow.source_pixels / nearer, is_head),
        "uncovered": _without_slivers(was_head & ~is_head),
    }
    return {name: _soft(area) for name, area in areas.items()}


def _skin(source: Source, face: Int[np.ndarray, "R R"]) -> Bool[np.ndarray, "R R"]:
    """Where the face's own skin is seen, without its rims: ears, neck and hair are not as the mesh has them."""
    import cv2

    head = source.head
    is_skin = face >= 0
    if SKIN in head.part_names:
        is_skin &= head.face_parts[face] == head.part_names.index(SKIN)
    return cv2.erode(is_skin.astype(np.uint8), np.ones((RIM_PIXELS, RIM_PIXELS), np.uint8)) > 0


def _parting(source: Source, posed: PosedHead) -> np.float32:
    """How far the lips part, 0 to 1, and 0 where they gape: photos show teeth, and what is behind them nearly never."""
    gap = _lip_gap(source, posed)
    return _amount(gap - _lip_gap(source, source.posed), GAP_CHANGE) * _amount(gap, NARROW)


def _lip_gap(source: Source, posed: PosedHead) -> float:
    """Mean gap between the inner lips over the width of the mouth, in space."""
    points = landmark_points(source.head, posed.vertices)
    upper, lower = points[list(UPPER_LIP_INNER)], points[list(LOWER_LIP_INNER)]
    width = np.linalg.norm(upper[-1] - upper[0])
    return float(np.linalg.norm(upper - lower, axis=1).mean() / max(width, 1e-4))


def _amount(change: float, bounds: tuple[float, float]) -> np.float32:
    """0 on the near side of the first bound, 1 beyond the second."""
    first, second = bounds
    return np.float32(smoothstep(np.asarray((change - first) / (second - first))))


def _outline(
    source: Source, posed: PosedHead, ring: tuple[int, ...], margin: float, size: int
) -> Float32[np.ndarray, "R R"]:
    """1 inside a ring of landmarks that is widened around its middle; a flat ring gets a least height."""
    import cv2

    camera = posed.camera.resized(size, size)
    points = camera.project(landmark_points(source.head, posed.vertices))[list(ring)]
    offset = margin * (points - points.mean(axis=0))
    reach = np.abs(offset).max(axis=0)
    offset *= np.maximum(FLATTEST * reach.max() / np.maximum(reach, 1e-6), 1.0)
    area = np.zeros((size, size), np.uint8)
    corners = np.clip(points.mean(axis=0) + offset, -size, 2 * size)  # far outside is outside all the same
    cv2.fillConvexPoly(area, cv2.convexHull(np.rint(corners).astype(np.int32)), 1)
    return area.astype(np.float32)


def _shrunk(positions: Float32[np.ndarray, "R R 2"], is_head: Bool[np.ndarray, "R R"]) -> Float32[np.ndarray, "R R"]:
    """How much smaller the source shows the surface than the target: 0 where about as large, 1 where tiny."""
    import cv2

    size = len(positions)
    places = np.where(is_head[..., None], positions, 0.0) * np.float32(size)
    # differences across the rim mean nothing
    inside = cv2.erode(is_head.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    down, right = np.gradient(places, axis=(0, 1))
    area = np.abs(right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0])
    first, second = SHRUNK
    return np.where(inside, smoothstep((area - first) / (second - first)), 0.0).astype(np.float32)


def _without_slivers(area: Bool[np.ndarray, "R R"]) -> Float32[np.ndarray, "R R"]:
    """The area as 0 and 1, without what is too narrow to be worth a repair."""
    import cv2

    width = 2 * round(SMALLEST_PART * len(area) / 2.0) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return cv2.morphologyEx(area.astype(np.uint8), cv2.MORPH_OPEN, kernel).astype(np.float32)


def _soft(area: Float[np.ndarray, "R R"]) -> Gate:
    import cv2

    return np.clip(cv2.GaussianBlur(area.astype(np.float32), (0, 0), SOFTNESS * len(area)), 0.0, 1.0)


def resized_gate(gate: Gate, size: int) -> Float32[np.ndarray, "size size"]:
    """The gate for a picture of another size."""
    import cv2

    return cv2.resize(gate, (size, size), interpolation=cv2.INTER_LINEAR)


def with_gated_difference(
    square: UInt8[np.ndarray, "H W 3"],
    picture: UInt8[np.ndarray, "h w 3"],
    draft: UInt8[np.ndarray, "h w 3"],
    gate: Gate,
    *,
    smoothing: float = SMOOTHING,
) -> UInt8[np.ndarray, "H W 3"]:
    """`square` plus what networks changed of a smaller picture of it, smoothed, enlarged, and as far as the gate opens.

    Args:
        smoothing: deviation, pixels of the smaller picture; 0 for none.
        square: the default renderer's picture, with all its detail.
        picture: what networks made of `draft`, which is the same picture at their size.
    """
    import cv2

    height, width = square.shape[:2]
    difference = picture.astype(np.float32) - draft
    if smoothing > 0.0:
        difference = cv2.GaussianBlur(difference, (0, 0), smoothing)
    difference = cv2.resize(difference, (width, height), interpolation=cv2.INTER_CUBIC)
    share = resized_gate(gate, height)[..., None]
    return np.clip(np.rint(square + share * difference), 0, 255).astype(np.uint8)
