"""Lips as the landmarks show them: a fit alone misses several millimetres of an opening, which viewers see at once."""

import numpy as np
from jaxtyping import Float

from likeness.geometry.camera import Camera
from likeness.geometry.transform import RigidTransform
from likeness.heads.model import HeadModel
from likeness.motion.face_points import LIP_PAIRS, face_points, lip_points
from likeness.motion.neutral import LipSeal, lip_seal, with_lip_gaps

NUM_LANDMARKS = 468
_PAIRED = [upper for upper, _ in LIP_PAIRS] + [lower for _, lower in LIP_PAIRS]


def person_seal(head: HeadModel, shape: Float[np.ndarray, " S"]) -> LipSeal:
    """How this person's lips are brought to measured gaps with the least change of the fit."""
    return lip_seal(head, lip_points(head, shape), np.zeros(head.num_expression), np.zeros(3))


def measured_seal(head: HeadModel, shape: Float[np.ndarray, " S"]) -> LipSeal:
    """The same where the rest of the face was measured too: chin, cheeks and the lips' outer rims stay."""
    paired = {landmark for pair in LIP_PAIRS for landmark in pair}
    held = face_points(head, shape, [landmark for landmark in range(NUM_LANDMARKS) if landmark not in paired])
    return lip_seal(head, lip_points(head, shape), np.zeros(head.num_expression), np.zeros(3), held=held)


def with_seen_lips(
    seal: LipSeal,
    camera: Camera,
    T_cam_head: RigidTransform,
    points: Float[np.ndarray, "N 3"],
    *,
    expression: Float[np.ndarray, " E"],
    jaw: Float[np.ndarray, "3"],
) -> tuple[Float[np.ndarray, " E"], Float[np.ndarray, "3"]]:
    """Expression and jaw with the lip gaps of the landmarks (pixels), each seen at the depth of the fitted lip."""
    fitted = seal.lips.positions(expression, jaw)
    depths = T_cam_head.apply(fitted)[:, 2]
    seen = T_cam_head.inverse().apply(camera.unproject(points[_PAIRED, :2].astype(np.float64), depths))
    pairs = len(LIP_PAIRS)
    return with_lip_gaps(seal, expression, jaw, seen[:pairs, 1] - seen[pairs:, 1])
