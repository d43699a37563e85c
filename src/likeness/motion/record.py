"""Motion: one performance as numbers, frame by frame, on one head model."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float

from likeness.geometry.transform import RigidTransform


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionFrame:
    """Pose and expression at one moment. Rotations are axis-angle in radians, lengths metres."""

    rotation: Float[np.ndarray, "3"]  # head to camera
    translation: Float[np.ndarray, "3"]
    neck: Float[np.ndarray, "3"]
    jaw: Float[np.ndarray, "3"]
    eye_left: Float[np.ndarray, "3"]  # gaze: rotation of the eyeball in the head
    eye_right: Float[np.ndarray, "3"]
    expression: Float[np.ndarray, " E"]
    lids: Float[np.ndarray, "2"]  # aperture of the left and right eye: lid gap / eye width

    @property
    def T_cam_head(self) -> RigidTransform:
        """Head frame to camera frame."""
        return RigidTransform.from_axis_angle(self.rotation, self.translation)

    @property
    def joints(self) -> Float[np.ndarray, "5 3"]:
        """Axis-angle of root (zero: it is `rotation`), neck, jaw, left eye, right eye."""
        return np.stack([np.zeros(3), self.neck, self.jaw, self.eye_left, self.eye_right])


FRAME_FIELDS = tuple(entry.name for entry in fields(MotionFrame))


@dataclass(frozen=True, kw_only=True, slots=True)
class Motion:
    """T frames of one performance, and what is constant in it."""

    head_name: str
    head_version: str
    expression_names: tuple[str, ...]
    source: str  # file name only
    tracker: str
    fps: float  # nominal; `times` is exact
    times: Float[np.ndarray, " T"]  # seconds from the first frame, increasing
    rotation: Float[np.ndarray, "T 3"]
    translation: Float[np.ndarray, "T 3"]
    neck: Float[np.ndarray, "T 3"]
    jaw: Float[np.ndarray, "T 3"]
    eye_left: Float[np.ndarray, "T 3"]
    eye_right: Float[np.ndarray, "T 3"]
    expression: Float[np.ndarray, "T E"]
    lids: Float[np.ndarray, "T 2"]
    confidence: Float[np.ndarray, " T"]  # 0 to 1
    valid: Bool[np.ndarray, " T"]  # False: no face there; the numbers are held or faded
    shape: Float[np.ndarray, " S"]
    intrinsics: Float[np.ndarray, "3 3"]  # divided by the image size
    image_size: tuple[int, int]  # width, height of the driving frames, pixels
    reference: int  # index of the rest frame

    def __len__(self) -> int:
        return len(self.times)

    def frame(self, index: int) -> MotionFrame:
        """One moment of the performance."""
        return MotionFrame(**{name: getattr(self, name)[index] for name in FRAME_FIELDS})

    def frames(self) -> Iterator[MotionFrame]:
        """All moments in order."""
        return (self.frame(index) for index in range(len(self)))

    def with_frames(self, **arrays: np.ndarray) -> "Motion":
        """A copy with some per-frame arrays replaced."""
        return replace(self, **arrays)  # type: ignore[arg-type]
