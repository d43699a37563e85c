"""A few landmarks of one person's face as functions of expression and jaw: what retargeting looks at (lips, lids,
brows).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from likeness.geometry.camera import Camera
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.landmark_sets import CHIN, FOREHEAD, LOWER_LIP_INNER, UPPER_LIP_INNER
from likeness.heads.model import JAW, HeadModel
from likeness.motion.record import MotionFrame

LIP_PAIRS = tuple(zip(UPPER_LIP_INNER[1:-1], LOWER_LIP_INNER[1:-1], strict=True))  # subject's right to left
MIDDLE_PAIRS = slice(3, 6)  # of LIP_PAIRS: where the mouth opens most


@dataclass(frozen=True, kw_only=True, slots=True)
class FacePoints:
    """Chosen landmarks in the head frame (metres) before pose, of one identity."""

    points: Float[np.ndarray, "L 3"]  # template and identity
    basis: Float[np.ndarray, "L 3 E"]  # per expression coefficient
    jaw_shares: Float[np.ndarray, " L"]  # how much of the jaw's rotation each follows
    jaw_pivot: Float[np.ndarray, "3"]
    jaw_pivot_basis: Float[np.ndarray, "3 E"]  # how expression moves the jaw's pivot
    correctives: Float[np.ndarray, "L 3 C"]  # see `landmark_correctives`

    def positions(
        self, expression: Float[np.ndarray, "*batch E"], jaw: Float[np.ndarray, "*batch 3"]
    ) -> Float[np.ndarray, "*batch L 3"]:
        """Where they are; `jaw` is axis-angle in radians."""
        moved = self.points + np.einsum("lxe,...e->...lx", self.basis, expression)
        turn = matrix_from_axis_angle(jaw)
        pivot = self.jaw_pivot + np.einsum("xe,...e->...x", self.jaw_pivot_basis, expression)
        arm = moved - pivot[..., None, :]
        swung = np.einsum("...xy,...ly->...lx", turn, arm)
        placed = moved + self.jaw_shares[:, None] * (swung - arm)
        if self.correctives.shape[-1]:
            entries = (turn - np.eye(3)).reshape(*turn.shape[:-2], 9)
            placed = placed + np.einsum("lxc,...c->...lx", self.correctives, entries)
        return placed


def face_points(head: HeadModel, shape: Float[np.ndarray, " S"], landmarks: Sequence[int]) -> FacePoints:
    """The given face-mesh landmarks of a person with these identity coefficients."""
    corners = head.faces[head.landmark_faces[list(landmarks)]]  # [L 3]
    shares = head.landmark_barycentrics[list(landmarks)]
    identity = head.template[corners] + head.shape_basis[corners] @ shape
    return FacePoints(
        points=np.einsum("lc,lcx->lx", shares, identity),
        basis=np.einsum("lc,lcxe->lxe", shares, head.expression_basis[corners]).astype(np.float64),
        jaw_shares=np.einsum("lc,lc->l", shares, head.skin_weights[corners][..., JAW]),
        jaw_pivot=head.joints_of(shape)[JAW],
        jaw_pivot_basis=(
            np.zeros((3, head.num_expression))
            if head.joint_expression_basis is None
            else head.joint_expression_basis[JAW]
        ),
        correctives=landmark_correctives(head, np.array(landmarks)),
    )


def landmark_correctives(head: HeadModel, landmarks: Int[np.ndarray, " L"]) -> Float[np.ndarray, "L 3 C"]:
    """What the jaw's turn adds to landmarks beyond swinging them: metres per entry of (R_jaw - 1), row by row; C = 0
    for heads without pose correctives.

    Deviation: a corrective acts before skinning, so the jaw turns it as well: by its share, which is left out here
    (second order in the jaw's angle).
    """
    if head.pose_basis is None:
        return np.zeros((len(landmarks), 3, 0))
    corners = head.faces[head.landmark_faces[landmarks]]  # [L 3]
    jaw = head.pose_basis[corners][..., 9:18].astype(np.float64)
    return np.einsum("lc,lcxm->lxm", head.landmark_barycentrics[landmarks], jaw)


def lip_points(head: HeadModel, shape: Float[np.ndarray, " S"]) -> FacePoints:
    """The inner lips in pairs: all upper ones of `LIP_PAIRS`, then all lower ones."""
    return face_points(head, shape, [upper for upper, _ in LIP_PAIRS] + [lower for _, lower in LIP_PAIRS])


def lip_gaps(
    lips: FacePoints, expression: Float[np.ndarray, "*batch E"], jaw: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch G"]:
    """Height of the opening between the lips at each pair (metres; negative where they cross)."""
    heights = lips.positions(expression, jaw)[..., 1]
    return heights[..., : len(LIP_PAIRS)] - heights[..., len(LIP_PAIRS) :]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenFace:
    """Lengths of a face as a photo's landmarks show them; a fit alone may miss an open mouth by several millimetres."""

    lip_gaps: Float[np.ndarray, " G"]  # height of the opening between the lips at each of LIP_PAIRS, metres
    height: float  # from chin to forehead, metres


def seen_face(
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    rest: MotionFrame,
    camera: Camera,
    landmarks: Float[np.ndarray, "N 3"],
) -> SeenFace:
    """Measure a photo's landmarks (pixels): in the head, each lies where its ray passes the depth of the fitted one."""
    chosen = [upper for upper, _ in LIP_PAIRS] + [lower for _, lower in LIP_PAIRS] + [FOREHEAD, CHIN]
    fitted = face_points(head, shape, chosen).positions(rest.expression, rest.jaw)
    depths = rest.T_cam_head.apply(fitted)[:, 2]
    seen = rest.T_cam_head.inverse().apply(camera.unproject(landmarks[chosen, :2], depths))
    pairs = len(LIP_PAIRS)
    return SeenFace(
        lip_gaps=seen[:pairs, 1] - seen[pairs : 2 * pairs, 1], height=float(np.linalg.norm(seen[-2] - seen[-1]))
    )


def face_height(
    head: HeadModel, shape: Float[np.ndarray, " S"], expression: Float[np.ndarray, " E"], jaw: Float[np.ndarray, "3"]
) -> float:
    """From chin to forehead in the fitted face, metres."""
    forehead, chin = face_points(head, shape, [FOREHEAD, CHIN]).positions(expression, jaw)
    return float(np.linalg.norm(forehead - chin))
