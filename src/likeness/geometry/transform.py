"""Rigid transforms, named `T_to_from`: `points_cam = T_cam_head.apply(points_head)`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle


@dataclass(frozen=True, kw_only=True, slots=True)
class RigidTransform:
    """Rotation followed by translation (metres)."""

    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]

    @staticmethod
    def from_axis_angle(axis_angle: Float[np.ndarray, "3"], translation: Float[np.ndarray, "3"]) -> "RigidTransform":
        """Transform from an axis-angle vector (radians) and a translation (metres)."""
        return RigidTransform(
            rotation=matrix_from_axis_angle(axis_angle), translation=np.asarray(translation, dtype=np.float64)
        )

    @property
    def axis_angle(self) -> Float[np.ndarray, "3"]:
        """The rotation as an axis-angle vector, radians."""
        return axis_angle_from_matrix(self.rotation)

    def apply(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """The points, carried from the `from` frame into the `to` frame."""
        return points @ self.rotation.T + self.translation

    def inverse(self) -> "RigidTransform":
        """The transform that undoes this one."""
        return RigidTransform(rotation=self.rotation.T, translation=-self.rotation.T @ self.translation)

    def __matmul__(self, other: "RigidTransform") -> "RigidTransform":
        """Composition: `(T_a_b @ T_b_c)` carries points from c to a."""
        return RigidTransform(
            rotation=self.rotation @ other.rotation,
            translation=self.rotation @ other.translation + self.translation,
        )


def rotation_about(pivot: Float[np.ndarray, "3"], rotation: Float[np.ndarray, "3 3"]) -> RigidTransform:
    """Transform that rotates about a fixed point instead of the origin."""
    return RigidTransform(rotation=rotation, translation=pivot - rotation @ pivot)
