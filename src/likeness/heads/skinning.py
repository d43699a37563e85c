"""Linear blend skinning of any `HeadModel`: shape and expression offsets, then five joints (equations of FLAME, Li
et al. 2017).
"""

import numpy as np
from jaxtyping import Float

from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.model import JOINT_PARENTS, HeadModel


def unposed_vertices(
    head: HeadModel, shape: Float[np.ndarray, " S"], expression: Float[np.ndarray, " E"]
) -> Float[np.ndarray, "V 3"]:
    """Vertices (metres, head frame) before any joint rotates: template + shape + expression offsets."""
    return head.template + head.shape_basis @ shape + head.expression_basis @ expression


def joint_transforms(
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    joints: Float[np.ndarray, "5 3"],
    expression: Float[np.ndarray, " E"] | None = None,
) -> tuple[Float[np.ndarray, "5 3 3"], Float[np.ndarray, "5 3"]]:
    """Rotation and translation that each joint applies to a vertex of the unposed mesh.

    Joints are axis-angle vectors in radians, each relative to its parent (root, neck, jaw, left eye, right eye).
    `expression` counts for heads whose expression moves the joints.
    """
    local = matrix_from_axis_angle(joints)
    positions = head.joints_of(shape, expression)
    rotations = np.empty((5, 3, 3))
    translations = np.empty((5, 3))
    for joint, parent in enumerate(JOINT_PARENTS):
        pivot = positions[joint] - local[joint] @ positions[joint]
        if parent < 0:
            rotations[joint], translations[joint] = local[joint], pivot
        else:
            rotations[joint] = rotations[parent] @ local[joint]
            translations[joint] = rotations[parent] @ pivot + translations[parent]
    return rotations, translations


def pose_offsets(head: HeadModel, joints: Float[np.ndarray, "5 3"]) -> Float[np.ndarray, "V 3"] | float:
    """What the rotations of neck, jaw and eyes add to the unposed vertices; 0 for heads without pose correctives."""
    if head.pose_basis is None or not joints[1:].any():
        return 0.0
    return head.pose_basis @ (matrix_from_axis_angle(joints[1:]) - np.eye(3)).reshape(36)


def skin(
    vertices: Float[np.ndarray, "V 3"],
    weights: Float[np.ndarray, "V 5"],
    rotations: Float[np.ndarray, "5 3 3"],
    translations: Float[np.ndarray, "5 3"],
) -> Float[np.ndarray, "V 3"]:
    """Vertices moved by the weighted mean of the joint transforms."""
    blended = (weights @ rotations.reshape(5, 9)).reshape(-1, 3, 3)  # [V 3 3]
    return np.einsum("vij,vj->vi", blended, vertices) + weights @ translations


def posed_vertices(
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    expression: Float[np.ndarray, " E"],
    joints: Float[np.ndarray, "5 3"],
) -> Float[np.ndarray, "V 3"]:
    """Vertices (metres, head frame) with identity, expression and joint rotations applied."""
    rotations, translations = joint_transforms(head, shape, joints, expression)
    vertices = unposed_vertices(head, shape, expression) + pose_offsets(head, joints)
    return skin(vertices, head.skin_weights, rotations, translations)


def landmark_points(head: HeadModel, vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "L 3"]:
    """The embedded landmarks of a deformed mesh."""
    corners = vertices[head.faces[head.landmark_faces]]  # [L 3 3]
    return np.einsum("lc,lcx->lx", head.landmark_barycentrics, corners)
