"""The face as the renderer moves it: 468 vertices at the photo's landmarks exactly, driven by expression, jaw and lids.

Exactness: each vertex carries a personal offset, so the rest frame projects onto the landmarks to the pixel and zero
motion reproduces the photo.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.landmark_sets import LIDS, LOWER_LIP_INNER, UPPER_LIP_INNER
from likeness.heads.model import JAW, HeadModel
from likeness.heads.skinning import unposed_vertices
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait

NUM_FACE = 468
CENTIMETRE = 0.01  # m
LID_CONTROLS = ("eyeBlink", "eyeWide")  # what `lids` decides instead of the expression
LID_OPENING_LIMITS = (0.0, 1.35)  # of the eye's opening in the photo
SMALLEST_OPENING = 0.03  # lid gap / eye width under which an eye counts as closed in the photo


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceRig:
    """Everything that turns a `MotionFrame` into 468 head-frame vertices (metres)."""

    neutral: Float[np.ndarray, "468 3"]  # template and identity
    basis: Float[np.ndarray, "1404 E"]  # expression displacement per coefficient
    jaw_weights: Float[np.ndarray, "468"]
    jaw_pivot: Float[np.ndarray, "3"]
    offset: Float[np.ndarray, "468 3"]
    lid_fields: Float[np.ndarray, "2 468 3"]  # closes the photo's left and right eye
    lid_mask: Float[np.ndarray, " E"]  # 0 for coefficients that `lids` replaces
    rest: MotionFrame
    rest_vertices: Float[np.ndarray, "468 3"]


def has_face_mesh(head: HeadModel) -> bool:
    """Whether the head's skin is the mesh of the 468 landmarks, with shapes that close the eyes."""
    corners = np.take_along_axis(
        head.faces[head.landmark_faces], head.landmark_barycentrics.argmax(axis=1)[:, None], axis=1
    )[:, 0]
    is_face = "skin" in head.part_names and np.array_equal(corners, np.arange(NUM_FACE))
    return (
        is_face
        and int(head.part_faces("skin").max()) < NUM_FACE
        and {"eyeBlinkLeft", "eyeBlinkRight"} <= set(head.expression_names)
    )


def check_face_mesh(head: HeadModel) -> None:
    """This renderer draws the 468 landmarks as its mesh.

    Raises:
        InputError: the head's skin is another mesh, or it has no shapes that close the eyes.
    """
    if not has_face_mesh(head):
        raise InputError(
            f"flow-warp draws the built-in head, not {head.name}: fit the photo with the built-in head, and carry"
            " motions over with `likeness motion convert --onto builtin`"
        )


def build_rig(portrait: Portrait) -> FaceRig:
    """The rig of a portrait's face.

    Raises:
        InputError: the portrait's head is not made of the 468 landmarks.
    """
    head = portrait.head
    check_face_mesh(head)
    corners = head.faces[head.landmark_faces[:NUM_FACE]]
    weights = head.landmark_barycentrics[:NUM_FACE]
    unposed = unposed_vertices(head, portrait.shape, np.zeros(head.num_expression))
    neutral = np.einsum("lc,lcx->lx", weights, unposed[corners])
    basis = np.einsum("lc,lcxe->lxe", weights, head.expression_basis[corners])
    jaw_weights = np.einsum("lc,lc->l", weights, head.skin_weights[corners][..., JAW])
    lid_mask = np.array([0.0 if name.startswith(LID_CONTROLS) else 1.0 for name in head.expression_names])
    rig = FaceRig(
        neutral=neutral,
        basis=basis.reshape(3 * NUM_FACE, -1).astype(np.float32),
        jaw_weights=jaw_weights,
        jaw_pivot=(head.joint_positions + head.joint_shape_basis @ portrait.shape)[JAW],
        offset=np.zeros((NUM_FACE, 3)),
        lid_fields=np.zeros((2, NUM_FACE, 3)),
        lid_mask=lid_mask,
        rest=portrait.rest,
        rest_vertices=np.zeros((NUM_FACE, 3)),
    )
    fitted = _deformed(rig, portrait.rest.expression, portrait.rest.jaw)
    offset = _offset_to_landmarks(portrait, fitted)
    vertices = fitted + offset
    return FaceRig(
        neutral=neutral,
        basis=rig.basis,
        jaw_weights=jaw_weights,
        jaw_pivot=rig.jaw_pivot,
        offset=offset,
        lid_fields=lid_fields(head, vertices),
        lid_mask=lid_mask,
        rest=portrait.rest,
        rest_vertices=vertices,
    )


def _deformed(
    rig: FaceRig, expression: Float[np.ndarray, " E"], jaw: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "468 3"]:
    """Fitted face without personal offsets."""
    moved = rig.neutral + (rig.basis @ expression.astype(np.float32)).reshape(NUM_FACE, 3)
    turn = matrix_from_axis_angle(jaw)
    arm = moved - rig.jaw_pivot
    return moved + rig.jaw_weights[:, None] * (arm @ turn.T - arm)


def _offset_to_landmarks(portrait: Portrait, vertices: Float[np.ndarray, "468 3"]) -> Float[np.ndarray, "468 3"]:
    """Head-frame shift that puts each vertex, at its own depth, under its landmark."""
    T_cam_head = portrait.rest.T_cam_head
    depth = T_cam_head.apply(vertices)[:, 2]
    wanted = portrait.camera.unproject(portrait.landmarks[:NUM_FACE, :2], depth)
    return T_cam_head.inverse().apply(wanted) - vertices


def lid_fields(head: HeadModel, vertices: Float[np.ndarray, "468 3"]) -> Float[np.ndarray, "2 468 3"]:
    """Displacement that closes each eye of this person: the head's blink shape, with the upper lid brought exactly
    onto the lower one.
    """
    fields = np.zeros((2, NUM_FACE, 3))
    corners = head.faces[head.landmark_faces[:NUM_FACE]]
    for side, name in enumerate(("eyeBlinkLeft", "eyeBlinkRight")):
        upper, lower, eye_corners = LIDS[side]
        if name not in head.expression_names:
            raise ValueError(f"head model {head.name} has no {name} shape")
        shape = np.einsum(
            "lc,lcx->lx",
            head.landmark_barycentrics[:NUM_FACE],
            head.expression_basis[corners][..., head.expression_names.index(name)],
        )
        ring = np.array([*lower, *eye_corners])
        order = np.argsort(vertices[ring, 0])
        ring = ring[order]
        typical = max(float(np.mean(vertices[list(upper), 1] - vertices[list(lower), 1])), 1e-4)
        drawn = float(np.mean(shape[list(lower), 1] - shape[list(upper), 1]))
        field = shape * (typical / drawn)
        for vertex in upper:
            target_y = np.interp(vertices[vertex, 0], vertices[ring, 0], vertices[ring, 1])
            target_z = np.interp(vertices[vertex, 0], vertices[ring, 0], vertices[ring, 2])
            forward = max(0.0, 0.06 * CENTIMETRE + target_z - vertices[vertex, 2])
            field[vertex] = (0.0, target_y - vertices[vertex, 1], forward)
        field[list(lower)] = 0.0
        fields[side] = field
    return fields


def lid_openings(vertices: Float[np.ndarray, "468 3"]) -> Float[np.ndarray, "2"]:
    """Mean lid gap over eye width of the left and right eye."""
    openings = []
    for upper, lower, corners in LIDS:
        width = np.linalg.norm(vertices[corners[0]] - vertices[corners[1]])
        openings.append(float(np.mean(vertices[list(upper), 1] - vertices[list(lower), 1]) / width))
    return np.array(openings)


def face_vertices(rig: FaceRig, frame: MotionFrame) -> Float[np.ndarray, "468 3"]:
    """Head-frame vertices (metres) of one moment: expression and jaw, then lids opened as asked, lips kept apart."""
    change = (frame.expression - rig.rest.expression) * rig.lid_mask
    expression = rig.rest.expression + change
    vertices = _deformed(rig, expression, frame.jaw) + rig.offset
    rest_openings = lid_openings(rig.rest_vertices)
    measured = rig.rest.lids
    for side in range(2):
        if rest_openings[side] < SMALLEST_OPENING:
            continue
        ratio = frame.lids[side] / max(float(measured[side]), SMALLEST_OPENING)
        wanted = rest_openings[side] * float(np.clip(ratio, *LID_OPENING_LIMITS))
        now = lid_openings(vertices)[side]
        vertices = vertices + np.clip((now - wanted) / rest_openings[side], -0.6, 1.3) * rig.lid_fields[side]
    return _uncrossed(rig, vertices)


def _uncrossed(rig: FaceRig, vertices: Float[np.ndarray, "468 3"]) -> Float[np.ndarray, "468 3"]:
    """Lids never cross; lips cross no further than in the photo."""
    for upper, lower, _ in LIDS:
        above, below = list(upper), list(lower)
        vertices[above, 1] = np.maximum(vertices[above, 1], vertices[below, 1] + 0.02 * CENTIMETRE)
    above, below = list(UPPER_LIP_INNER[1:-1]), list(LOWER_LIP_INNER[1:-1])
    allowed = np.minimum(0.0, rig.rest_vertices[above, 1] - rig.rest_vertices[below, 1])
    gap = vertices[above, 1] - vertices[below, 1]
    push = np.maximum(allowed - gap, 0.0) / 2
    vertices[above, 1] += push
    vertices[below, 1] -= push
    return vertices
