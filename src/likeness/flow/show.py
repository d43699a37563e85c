"""Pictures of a flow condition: its vectors as colours and arrows, its extra channels, the photo carried by it, and the
numbers that tell whether it can be trusted.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from likeness.flow.condition import FlowCondition
from likeness.flow.posed import PosedHead
from likeness.geometry.mesh import unique_edges

ARROW_EVERY = 10  # pixels of the condition's picture at 128 pixels
ARROW, MESH = (255, 240, 60), (255, 255, 255)  # RGB
HIDDEN = (0.45, 0.45, 0.75)  # factors of red, green and blue where the photo does not show the surface
Picture = UInt8[np.ndarray, "_ _ 3"]


def vector_colours(vectors: Float[np.ndarray, "3 H W"], largest: float) -> Picture:
    """x, y, z as red, green, blue: grey is zero, full colours are `largest` or more."""
    shades = 127.5 + 127.5 * np.clip(vectors / max(largest, 1e-12), -1.0, 1.0)
    return np.moveaxis(np.round(shades), 0, -1).astype(np.uint8)


def grey(values: Float[np.ndarray, "H W"], low: float, high: float) -> Picture:
    """One channel, black at `low` and white at `high`."""
    shade = np.round(255.0 * np.clip((values - low) / (high - low), 0.0, 1.0)).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)


def mask_picture(condition: FlowCondition) -> Picture:
    """White: the photo shows this surface; red: the head, but hidden in the photo; black: beside the head."""
    picture = np.zeros((*condition.mask.shape, 3), dtype=np.uint8)
    picture[condition.mask > 0] = (200, 60, 50)
    picture[condition.visibility > 0] = (255, 255, 255)
    return picture


def carried_photo(photo: Picture, condition: FlowCondition, *, marks_hidden: bool = True) -> Picture:
    """The photo looked up where each pixel comes from, as large as the photo; bluish where it is hidden there."""
    import cv2

    height, width = photo.shape[:2]
    positions = cv2.resize(condition.source_pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    pixels = positions * np.array([width, height], dtype=np.float32) - np.float32(0.5)  # cv2 counts centres as integers
    carried = cv2.remap(photo, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if marks_hidden:
        hidden = cv2.resize(condition.mask - condition.visibility, (width, height), interpolation=cv2.INTER_NEAREST) > 0
        carried[hidden] = np.round(carried[hidden] * np.array(HIDDEN)).astype(np.uint8)
    return carried


def draw_arrows(picture: Picture, condition: FlowCondition) -> Picture:
    """Arrows on the head from where a surface point was in the photo to where it is now."""
    import cv2

    height, width = picture.shape[:2]
    size = condition.mask.shape[0]
    drawn = picture.copy()
    every = max(round(ARROW_EVERY * size / 128), 1)
    for row in range(every // 2, size, every):
        for column in range(every // 2, size, every):
            if condition.mask[row, column] == 0:
                continue
            end = np.array([(column + 0.5) / size, (row + 0.5) / size])
            ends = np.stack([condition.source_pixels[row, column], end]) * [width, height] - 0.5
            start, tip = np.round(ends).astype(int).tolist()
            cv2.arrowedLine(drawn, start, tip, ARROW, 1, cv2.LINE_AA, tipLength=0.3)
    return drawn


def draw_wires(picture: Picture, head: PosedHead) -> Picture:
    """The edges of the triangles that face the camera."""
    import cv2

    camera = head.camera.resized(picture.shape[1], picture.shape[0])
    pixels = camera.project(head.vertices)
    a, b, c = (pixels[head.faces[:, corner]] for corner in range(3))
    first, second = b - a, c - a
    front = head.faces[first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0.0]  # the y axis points down
    drawn = picture.copy()
    if len(front):
        lines = np.round((pixels[unique_edges(front)] - 0.5) * 16.0).astype(np.int32)  # cv2: centres as integers
        cv2.polylines(drawn, list(lines), False, MESH, 1, cv2.LINE_AA, 4)
    return cv2.addWeighted(drawn, 0.4, picture, 0.6, 0.0)


def channel_lines(channels: Float32[np.ndarray, "C H W"], clip: float, mask: Bool[np.ndarray, "H W"]) -> list[str]:
    """Mean, spread, largest value and share of clipped values of x, y and z over all samples, head and surroundings."""
    lines = []
    for name, pixels in (("head", mask), ("beside", ~mask)):
        for axis, letter in enumerate("xyz"):
            values = channels[axis::3][:, pixels].astype(np.float64)
            if values.size == 0:
                continue
            lines.append(
                f"{name} {letter}: mean {values.mean():+.3f}, deviation {values.std():.3f}, largest "
                f"{np.abs(values).max():.3f}, clipped {100.0 * (np.abs(values) >= clip).mean():.2f} %"
            )
    return lines


def endpoint_errors(
    condition: FlowCondition, target: Float[np.ndarray, "L 2"], source: Float[np.ndarray, "L 2"]
) -> Float[np.ndarray, " L"]:
    """How far from its place in the source the flow carries each landmark, pictures being 1 wide; NaN where it is
    beside the head or hidden. Landmarks are given in 0 to 1 across the pictures.
    """
    size = condition.mask.shape[0]
    place = np.floor(target * size).astype(int)
    inside = ((place >= 0) & (place < size)).all(axis=1)
    column, row = np.where(inside[:, None], place, 0).T
    reached = condition.source_pixels[row, column] + target - (place + 0.5) / size
    errors = np.linalg.norm(reached - source, axis=1)
    return np.where(inside & (condition.visibility[row, column] > 0), errors, np.nan)
