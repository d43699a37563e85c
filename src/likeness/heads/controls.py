"""Named controls for heads whose expression modes have no names: each of the built-in head's shapes as the fixed
combination of modes that moves the landmarks most alike; and the joints' controls that all heads share.
"""

import numpy as np
from jaxtyping import Float

from likeness.heads.builtin import JAW_OPEN_ANGLE, JAW_SIDE_ANGLE, builtin_head
from likeness.heads.embedding import Embedding
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JAW, Control, HeadModel
from likeness.heads.skinning import landmark_points, posed_vertices

LEAST_EXPLAINED = 0.5  # of a shape's squared displacement: a combination that explains less gets no name
NOISE = 0.4e-3  # m: how exactly displacements are matched against how small coefficients stay
GAZE_UNIT = np.radians(30.0)  # eyeLook... = 1


def joint_control(name: str, num_expression: int, joint: int, axis: int, angle: float) -> Control:
    """A control that turns one joint by `angle` (radians) per unit."""
    joints = np.zeros((5, 3))
    joints[joint, axis] = angle
    return Control(name=name, expression=np.zeros(num_expression), joints=joints)


def jaw_controls(num_expression: int) -> tuple[Control, ...]:
    """jawOpen, jawLeft, jawRight of a head whose jaw is a joint."""
    return (
        joint_control("jawOpen", num_expression, JAW, 0, JAW_OPEN_ANGLE),
        joint_control("jawLeft", num_expression, JAW, 1, JAW_SIDE_ANGLE),
        joint_control("jawRight", num_expression, JAW, 1, -JAW_SIDE_ANGLE),
    )


def gaze_controls(num_expression: int) -> tuple[Control, ...]:
    """eyeLookUpLeft and so on: turns of the eyeballs."""
    controls = []
    for side, joint, outward in (("Left", EYE_LEFT, 1.0), ("Right", EYE_RIGHT, -1.0)):
        for direction, axis, sign in (("Up", 0, -1.0), ("Down", 0, 1.0), ("Out", 1, outward), ("In", 1, -outward)):
            controls.append(joint_control(f"eyeLook{direction}{side}", num_expression, joint, axis, sign * GAZE_UNIT))
    return tuple(controls)


def shape_controls(head: HeadModel, embedding: Embedding, *, has_jaw: bool) -> tuple[Control, ...]:
    """The built-in head's named shapes as combinations of a head's expression modes, where they come out alike.

    With `has_jaw` the shapes that turn the jaw are left to `jaw_controls`.
    """
    reference = builtin_head()
    still = np.zeros((5, 3))
    at_rest = landmark_points(reference, reference.template)
    modes = np.einsum(
        "lc,lcxe->lxe", head.landmark_barycentrics, head.expression_basis[head.faces[head.landmark_faces]]
    )
    design = modes.reshape(-1, head.num_expression).astype(np.float64)
    ridge = np.diag((NOISE / head.expression_deviations) ** 2)
    solver = np.linalg.solve(design.T @ design + ridge, design.T)
    taken = set(head.expression_names)
    controls = []
    for control in reference.controls:
        turns_jaw = control.joints[JAW].any()
        if control.joints[[EYE_LEFT, EYE_RIGHT]].any() or control.name in taken or (turns_jaw and has_jaw):
            continue
        posed = posed_vertices(reference, np.zeros(reference.num_shape), control.expression, control.joints)
        moved = landmark_points(reference, posed) - at_rest
        wanted = (embedding.from_builtin.scale * moved @ embedding.from_builtin.rotation.T).ravel()
        coefficients = solver @ wanted
        if explained(design @ coefficients, wanted) >= LEAST_EXPLAINED:
            controls.append(Control(name=control.name, expression=coefficients, joints=still))
    return tuple(controls)


def explained(reached: Float[np.ndarray, " N"], wanted: Float[np.ndarray, " N"]) -> float:
    """Share of a squared displacement that another one reproduces; at most 1."""
    return 1.0 - float(((reached - wanted) ** 2).sum() / max((wanted**2).sum(), 1e-18))
