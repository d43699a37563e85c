"""The built-in head: measured template, 45 named shapes, correctives and identity modes; ships with the package."""

from functools import cache
from pathlib import Path

import numpy as np

from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JAW, Control, HeadModel

ASSET = Path(__file__).parents[1] / "assets" / "builtin_head.npz"
NAME = "builtin"
VERSION = "1"
JAW_OPEN_ANGLE = np.radians(16.0)  # jawOpen = 1
JAW_SIDE_ANGLE = np.radians(4.0)  # jawLeft or jawRight = 1: about 0.7 cm at the chin
NUM_LANDMARKS = 468
# Beside its own shape, a control takes this much of others: a lip lifted on one side lowers the nose's other wing.
COUNTERED = {"mouthUpperUpLeft": {"noseSneerRight": 0.05}, "mouthUpperUpRight": {"noseSneerLeft": 0.05}}


@cache
def builtin_head() -> HeadModel:
    """The built-in head; the same object on every call. Its first 468 vertices are the face-mesh landmarks."""
    with np.load(ASSET, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    names = tuple(str(name) for name in arrays["expression_names"])
    faces = arrays["faces"]
    landmark_faces, landmark_barycentrics = _vertex_embedding(faces, NUM_LANDMARKS)
    return HeadModel(
        name=NAME,
        version=VERSION,
        template=arrays["template"].astype(np.float64),
        shape_basis=arrays["shape_basis"].astype(np.float32),
        expression_basis=arrays["expression_basis"].astype(np.float32),
        expression_names=names,
        faces=faces,
        face_parts=arrays["face_parts"].astype(np.int32),
        part_names=tuple(str(name) for name in arrays["part_names"]),
        joint_positions=arrays["joint_positions"],
        joint_shape_basis=arrays["joint_shape_basis"],
        skin_weights=arrays["skin_weights"].astype(np.float64),
        landmark_faces=landmark_faces,
        landmark_barycentrics=landmark_barycentrics,
        shape_deviations=arrays["shape_deviations"],
        expression_deviations=arrays["expression_deviations"],
        controls=_controls(names),
    )


@cache
def landmark_mirror() -> np.ndarray:
    """For each of the 468 face-mesh landmarks its partner on the other half of the face."""
    with np.load(ASSET, allow_pickle=False) as stored:
        return stored["mirror"].astype(np.int64)


def _vertex_embedding(faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A face that touches each of the first vertices, and the barycentric corner where it does."""
    flat = faces.ravel()
    first_use = np.full(count, -1)
    order = np.arange(len(flat) - 1, -1, -1)
    inside = flat[order] < count
    first_use[flat[order][inside]] = order[inside]
    return (first_use // 3).astype(np.int32), np.eye(3)[first_use % 3]


def _controls(names: tuple[str, ...]) -> tuple[Control, ...]:
    """Named controls: one per named shape, the jaw's rotations, and the gaze."""
    still = np.zeros((5, 3))

    def rotation(joint: int, axis: int, angle: float) -> np.ndarray:
        joints = np.zeros((5, 3))
        joints[joint, axis] = angle
        return joints

    controls = []
    for index, name in enumerate(names):
        if name.startswith("corrective"):
            continue
        expression = np.zeros(len(names))
        expression[index] = 1.0
        for other, amount in COUNTERED.get(name, {}).items():
            expression[names.index(other)] = amount
        joints = rotation(JAW, 0, JAW_OPEN_ANGLE) if name == "jawOpen" else still
        controls.append(Control(name=name, expression=expression, joints=joints))
    none = np.zeros(len(names))
    controls.append(Control(name="jawLeft", expression=none, joints=rotation(JAW, 1, JAW_SIDE_ANGLE)))
    controls.append(Control(name="jawRight", expression=none, joints=rotation(JAW, 1, -JAW_SIDE_ANGLE)))
    quarter = np.radians(30.0)
    for side, joint, outward in (("Left", EYE_LEFT, 1.0), ("Right", EYE_RIGHT, -1.0)):
        for direction, axis, sign in (("Up", 0, -1.0), ("Down", 0, 1.0), ("Out", 1, outward), ("In", 1, -outward)):
            joints = rotation(joint, axis, sign * quarter)
            controls.append(Control(name=f"eyeLook{direction}{side}", expression=none, joints=joints))
    return tuple(controls)
