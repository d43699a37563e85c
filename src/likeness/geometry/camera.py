"""Pinhole cameras with OpenCV axes (x right, y down, z forward).

Pixel (column c, row r) has its centre at (c + 0.5, r + 0.5).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

DEFAULT_FOCAL_RATIO = 2.5  # focal length / longer image side when nothing is known (about 23 degrees across)


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """Intrinsics divided by the image size (row 0 by the width, row 1 by the height), and that size in pixels."""

    intrinsics: Float[np.ndarray, "3 3"]
    width: int
    height: int

    @property
    def focal_pixels(self) -> Float[np.ndarray, "2"]:
        """Focal lengths (x, y) in pixels."""
        return np.array([self.intrinsics[0, 0] * self.width, self.intrinsics[1, 1] * self.height])

    @property
    def centre_pixels(self) -> Float[np.ndarray, "2"]:
        """Principal point (x, y) in pixels."""
        return np.array([self.intrinsics[0, 2] * self.width, self.intrinsics[1, 2] * self.height])

    def resized(self, width: int, height: int) -> "Camera":
        """The same view at another resolution."""
        return Camera(intrinsics=self.intrinsics, width=width, height=height)

    def cropped(self, left: float, top: float, width: int, height: int) -> "Camera":
        """The camera of a window whose upper left corner is at (left, top) pixels; it may leave the image."""
        return camera_from_pixels(
            self.focal_pixels, self.centre_pixels - np.array([left, top]), width=width, height=height
        )

    def project(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 2"]:
        """Pixel positions of camera-frame points (metres)."""
        return points[..., :2] / points[..., 2:] * self.focal_pixels + self.centre_pixels

    def unproject(
        self, pixels: Float[np.ndarray, "*batch 2"], depth: Float[np.ndarray, "*batch"]
    ) -> Float[np.ndarray, "*batch 3"]:
        """Camera-frame points (metres) at pixel positions with the given depth z."""
        rays = (pixels - self.centre_pixels) / self.focal_pixels
        return np.concatenate([rays * depth[..., None], depth[..., None]], axis=-1)


def camera_from_pixels(
    focal: Float[np.ndarray, "2"], centre: Float[np.ndarray, "2"], *, width: int, height: int
) -> Camera:
    """Camera from focal lengths and principal point in pixels."""
    intrinsics = np.array(
        [[focal[0] / width, 0.0, centre[0] / width], [0.0, focal[1] / height, centre[1] / height], [0.0, 0.0, 1.0]]
    )
    return Camera(intrinsics=intrinsics, width=width, height=height)


def default_camera(width: int, height: int, focal_ratio: float = DEFAULT_FOCAL_RATIO) -> Camera:
    """A centred camera with square pixels, for a photograph of unknown origin."""
    focal = focal_ratio * max(width, height)
    return camera_from_pixels(
        np.array([focal, focal]), np.array([width / 2.0, height / 2.0]), width=width, height=height
    )
