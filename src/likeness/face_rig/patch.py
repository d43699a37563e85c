"""Small windows of the picture in which eyes and mouth are drawn, and the resampling they share.

Pixel (column c, row r) has its centre at (c + 0.5, r + 0.5); OpenCV counts centres as integers, so `sample` shifts by
half a pixel, here and nowhere else.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from likeness.face_rig.warp_raster import FAR, draw_map


@dataclass(frozen=True, kw_only=True, slots=True)
class Patch:
    """A window of the picture: rows top to bottom, columns left to right, ends excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index a picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be drawn in it."""
        return self.right - self.left < 3 or self.bottom - self.top < 3

    @property
    def corner(self) -> Float[np.ndarray, "2"]:
        """Position of the upper left corner, pixels."""
        return np.array([self.left, self.top], dtype=np.float64)

    def centres(self) -> Float[np.ndarray, "H W 2"]:
        """Pixel centres."""
        y, x = np.mgrid[self.top : self.bottom, self.left : self.right].astype(np.float32)
        return np.stack([x + 0.5, y + 0.5], axis=-1)


def patch_around(points: Float[np.ndarray, "N 2"], margin: float, width: int, height: int) -> Patch:
    """The window around some points, clipped to the picture."""
    low = np.floor(points.min(0) - margin).astype(int)
    high = np.ceil(points.max(0) + margin).astype(int) + 1
    return Patch(
        left=int(np.clip(low[0], 0, width)),
        top=int(np.clip(low[1], 0, height)),
        right=int(np.clip(high[0], 0, width)),
        bottom=int(np.clip(high[1], 0, height)),
    )


def sample(image: np.ndarray, positions: Float[np.ndarray, "H W 2"], *, cubic: bool = False) -> np.ndarray:
    """Image values at pixel positions; positions outside take the nearest edge."""
    import cv2

    maps = np.asarray(positions, dtype=np.float32) - np.float32(0.5)
    method = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return cv2.remap(image, maps, None, method, borderMode=cv2.BORDER_REPLICATE)


def polygon_mask(polygon: Float[np.ndarray, "N 2"], patch: Patch, blur: float) -> Float[np.ndarray, "H W"]:
    """Soft mask (0 to 1) of a polygon given in picture pixels."""
    import cv2

    mask = np.zeros((patch.bottom - patch.top, patch.right - patch.left), np.uint8)
    fixed = np.round((polygon - patch.corner - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32) / 255.0


def strip_triangles(first: tuple[int, ...], second: tuple[int, ...]) -> Int[np.ndarray, "F 3"]:
    """Triangles that close a hole between two chains of vertices with shared ends."""
    faces = []
    for index in range(len(first) - 1):
        a, b, c, d = first[index], first[index + 1], second[index], second[index + 1]
        if a != c:
            faces.append((a, c, b))
        if b != d:
            faces.append((b, c, d))
    return np.array(faces, dtype=np.int32)


def hole_map(
    target: Float[np.ndarray, "468 2"],
    source: Float[np.ndarray, "468 2"],
    faces: Int[np.ndarray, "F 3"],
    patch: Patch,
    outside: Float[np.ndarray, "H W 2"],
) -> tuple[Float[np.ndarray, "H W 2"], np.ndarray]:
    """Piecewise affine map from target to source inside the triangles, `outside` elsewhere; and where it is inside."""
    depth = np.full(outside.shape[:2], FAR, np.float32)
    result = np.array(outside, dtype=np.float32)
    points = np.zeros((len(target), 3), np.float32)
    points[:, :2] = target - patch.corner
    sources = np.zeros((len(source), 3), np.float32)
    sources[:, :2] = source
    draw_map(points, sources, faces, depth, result, result, False, False)
    return result, depth < FAR
