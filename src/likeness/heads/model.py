"""Parametric head models: fixed linear bases and five joints as data; functions deform them (`heads/skinning.py`)."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

JOINT_NAMES = ("root", "neck", "jaw", "eye_left", "eye_right")
ROOT, NECK, JAW, EYE_LEFT, EYE_RIGHT = range(5)
JOINT_PARENTS = (-1, ROOT, NECK, NECK, NECK)


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """A named, editable direction: expression coefficients and joint rotations per unit of the control."""

    name: str  # ARKit name where one exists, with Left / Right seen from the subject
    expression: Float[np.ndarray, " E"]
    joints: Float[np.ndarray, "5 3"]  # axis-angle, radians per unit
    minimum: float = 0.0
    maximum: float = 1.0

    @property
    def coefficient(self) -> int | None:
        """The one coefficient that it moves, beside others by less than a tenth of it; None where there are several."""
        sizes = np.abs(self.expression)
        moved = np.flatnonzero(sizes > 0.1 * sizes.max(initial=0.0))
        return int(moved[0]) if len(moved) == 1 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadModel:
    """Linear head shape space with skinning. Metres; +x subject's left, +y up, +z out of the face.

    `landmark_faces` / `landmark_barycentrics` embed the 468 MediaPipe face-mesh landmarks, in their order.
    """

    name: str
    version: str
    template: Float[np.ndarray, "V 3"]
    shape_basis: Float[np.ndarray, "V 3 S"]
    expression_basis: Float[np.ndarray, "V 3 E"]
    expression_names: tuple[str, ...]  # E names; correctives are called corrective00, corrective01, ...
    faces: Int[np.ndarray, "F 3"]  # counter-clockwise seen from outside
    face_parts: Int[np.ndarray, " F"]  # index into part_names
    part_names: tuple[str, ...]  # e.g. skin, cranium, ear, neck, eye_left, eye_right, mouth
    joint_positions: Float[np.ndarray, "5 3"]
    joint_shape_basis: Float[np.ndarray, "5 3 S"]
    skin_weights: Float[np.ndarray, "V 5"]
    landmark_faces: Int[np.ndarray, " L"]
    landmark_barycentrics: Float[np.ndarray, "L 3"]
    shape_deviations: Float[np.ndarray, " S"]  # typical size of each coefficient; the fit's prior
    expression_deviations: Float[np.ndarray, " E"]
    controls: tuple[Control, ...] = field(default=())
    joint_expression_basis: Float[np.ndarray, "5 3 E"] | None = None  # how expression moves the joints, if it does
    # Displacement per entry of (R - 1), row by row, of neck, jaw, left and right eye (FLAME's pose correctives).
    pose_basis: Float[np.ndarray, "V 3 36"] | None = None

    @property
    def num_shape(self) -> int:
        return self.shape_basis.shape[2]

    @property
    def num_expression(self) -> int:
        return self.expression_basis.shape[2]

    def control(self, name: str) -> Control:
        """The control of that name.

        Raises:
            KeyError: there is none.
        """
        for control in self.controls:
            if control.name == name:
                return control
        raise KeyError(name)

    def joints_of(
        self, shape: Float[np.ndarray, " S"], expression: Float[np.ndarray, " E"] | None = None
    ) -> Float[np.ndarray, "5 3"]:
        """Where the joints of a person are before any of them rotates; without `expression`, of a face at rest."""
        positions = self.joint_positions + self.joint_shape_basis @ shape
        if expression is not None and self.joint_expression_basis is not None:
            positions = positions + self.joint_expression_basis @ expression
        return positions

    def part_faces(self, *names: str) -> Int[np.ndarray, "F 3"]:
        """The triangles of the named parts."""
        wanted = [self.part_names.index(name) for name in names]
        return self.faces[np.isin(self.face_parts, wanted)]
