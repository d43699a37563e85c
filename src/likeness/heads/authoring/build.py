"""Assembles the built-in head from the measured template and the tables beside it, and writes
`assets/builtin_head.npz`.

Run `python -m likeness.heads.authoring.build` after any change. Works in centimetres; the stored head is in metres.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from likeness.heads.authoring import bases, parts
from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING, LIPS_INNER
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JAW, NECK, ROOT

ASSETS = Path(__file__).parents[2] / "assets"
CENTIMETRE = 0.01  # m
NECK_PIVOT = np.array([0.0, -3.5, -4.5])
ROOT_POSITION = np.array([0.0, -15.0, -5.0])
NAMED_DEVIATION = 0.4  # of a named shape's unit
CORRECTIVE_DEVIATION = 0.05  # cm root mean square over the face
ANCHORS = 6  # skull vertices that an attached part follows
PART_NAMES = ("skin", "cranium", "ear", "neck", "eye_left", "eye_right", "mouth", "teeth_upper", "teeth_lower")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """One part with what it inherits from the skull: rows of `follow` mix skull displacements."""

    part: parts.Part
    name: str
    weights: Float[np.ndarray, "V 5"]
    follow_identity: Float[np.ndarray, "V N"]
    follow_expression: Float[np.ndarray, "V N"]


def nearest_mix(points: Float[np.ndarray, "V 3"], skull: bases.Skull) -> Float[np.ndarray, "V N"]:
    """Weights that mix each point's displacement from the nearest skull vertices by inverse distance."""
    distance, index = cKDTree(skull.vertices).query(points, k=ANCHORS)
    weight = 1.0 / (distance + 0.5)
    mix = np.zeros((len(points), len(skull.vertices)))
    np.put_along_axis(mix, index, weight / weight.sum(1, keepdims=True), axis=1)
    return mix


def ring_mix(ring: tuple[int, ...], count: int, skull: bases.Skull) -> Float[np.ndarray, "V N"]:
    """Every point follows the mean of a ring of skull vertices."""
    mix = np.zeros((count, len(skull.vertices)))
    mix[:, list(ring)] = 1.0 / len(ring)
    return mix


def one_joint(joint: int, count: int) -> Float[np.ndarray, "V 5"]:
    """Skinning weights of a part that is rigid with one joint."""
    weights = np.zeros((count, 5))
    weights[:, joint] = 1.0
    return weights


def attached_parts(skull: bases.Skull, jaw: Float[np.ndarray, " N"]) -> list[Attached]:
    """Ears, neck, eyeballs, mouth cavity and teeth."""
    still = np.zeros((0, len(skull.vertices)))
    result = []

    def add(
        part: parts.Part,
        name: str,
        weights: Float[np.ndarray, "V 5"],
        identity: Float[np.ndarray, "V N"],
        expression: Float[np.ndarray, "V N"] = still,
    ) -> None:
        if not len(expression):
            expression = np.zeros_like(identity)
        result.append(
            Attached(part=part, name=name, weights=weights, follow_identity=identity, follow_expression=expression)
        )

    for side in (1.0, -1.0):
        ear = parts.ear(side)
        add(ear, "ear", one_joint(NECK, len(ear.vertices)), nearest_mix(ear.vertices, skull))

    neck = parts.neck()
    falling = bases.smoothstep((-5.0 - neck.vertices[:, 1]) / 8.0)
    weights = np.zeros((len(neck.vertices), 5))
    weights[:, ROOT], weights[:, NECK] = falling, 1.0 - falling
    keep = 1.0 - bases.smoothstep((-6.0 - neck.vertices[:, 1]) / 8.0)
    add(neck, "neck", weights, nearest_mix(neck.vertices, skull) * keep[:, None])

    for name, ring, joint in (("eye_left", EYE_LEFT_RING, EYE_LEFT), ("eye_right", EYE_RIGHT_RING, EYE_RIGHT)):
        eye = parts.eyeball(eye_centre(skull.vertices, ring))
        add(eye, name, one_joint(joint, len(eye.vertices)), ring_mix(ring, len(eye.vertices), skull))

    cavity = parts.mouth_cavity(skull.vertices[: bases.NUM_FACE])
    rim = len(LIPS_INNER)
    depth = np.repeat(np.arange(3), rim)
    lip = np.r_[np.tile(np.array(LIPS_INNER), 3)]
    follow = np.zeros((len(cavity.vertices), len(skull.vertices)))
    follow[np.arange(3 * rim), lip] = np.array([1.0, 0.5, 0.2])[depth]
    jaw_share = np.r_[jaw[lip], 0.5]
    weights = np.zeros((len(cavity.vertices), 5))
    weights[:, JAW], weights[:, NECK] = jaw_share, 1.0 - jaw_share
    add(cavity, "mouth", weights, ring_mix(LIPS_INNER, len(cavity.vertices), skull), follow)

    for name, upper, joint in (("teeth_upper", True, NECK), ("teeth_lower", False, JAW)):
        row = parts.teeth(skull.vertices[: bases.NUM_FACE], upper=upper)
        add(row, name, one_joint(joint, len(row.vertices)), ring_mix(LIPS_INNER, len(row.vertices), skull))
    return result


def eye_centre(vertices: Float[np.ndarray, "V 3"], ring: tuple[int, ...]) -> Float[np.ndarray, "3"]:
    """Centre of the eyeball behind a lid ring."""
    return vertices[list(ring)].mean(0) - np.array([0.0, 0.0, parts.EYE_INSET])


def build(
    template: Float[np.ndarray, "468 3"],
    triangles: Int[np.ndarray, "F 3"],
    mirror: Int[np.ndarray, "468"],
    identity_deviations: Float[np.ndarray, " S"],
) -> dict[str, np.ndarray]:
    """All arrays of the stored head."""
    skull = bases.build_skull(template, triangles)
    jaw = bases.jaw_weights(skull)
    shapes = bases.named_shapes(skull, mirror, jaw)
    named = np.stack(list(shapes.values()), axis=2)
    identity = bases.identity_basis(skull)
    corrective, strength = bases.corrective_basis(skull, named, identity)
    expression = np.concatenate([named, corrective], axis=2)

    vertices, faces, part_index = [skull.vertices], [skull.faces], [0] * skull.num_face_triangles
    part_index += [PART_NAMES.index("cranium")] * (len(skull.faces) - skull.num_face_triangles)
    weights = np.zeros((len(skull.vertices), 5))
    weights[:, JAW], weights[:, NECK] = jaw, 1.0 - jaw
    all_weights, all_identity, all_expression = [weights], [identity], [expression]
    offset = len(skull.vertices)
    for piece in attached_parts(skull, jaw):
        vertices.append(piece.part.vertices)
        faces.append(piece.part.faces + offset)
        part_index += [PART_NAMES.index(piece.name)] * len(piece.part.faces)
        all_weights.append(piece.weights)
        all_identity.append(np.einsum("vn,nxs->vxs", piece.follow_identity, identity))
        all_expression.append(np.einsum("vn,nxe->vxe", piece.follow_expression, expression))
        offset += len(piece.part.vertices)

    joints = np.stack(
        [ROOT_POSITION, NECK_PIVOT, bases.JAW_HINGE]
        + [eye_centre(skull.vertices, ring) for ring in (EYE_LEFT_RING, EYE_RIGHT_RING)]
    )
    joint_identity = np.zeros((5, 3, identity.shape[2]))
    for joint, ring in ((EYE_LEFT, EYE_LEFT_RING), (EYE_RIGHT, EYE_RIGHT_RING)):
        joint_identity[joint] = identity[list(ring)].mean(0)
    names = [*shapes, *(f"corrective{index:02d}" for index in range(corrective.shape[2]))]
    deviations = np.r_[np.full(len(shapes), NAMED_DEVIATION), CORRECTIVE_DEVIATION * np.sqrt(strength)]
    return {
        "template": (np.vstack(vertices) * CENTIMETRE).astype(np.float32),
        "shape_basis": (np.concatenate(all_identity) * CENTIMETRE).astype(np.float16),
        "expression_basis": (np.concatenate(all_expression) * CENTIMETRE).astype(np.float16),
        "expression_names": np.array(names),
        "faces": np.vstack(faces).astype(np.int32),
        "face_parts": np.array(part_index, dtype=np.int8),
        "part_names": np.array(PART_NAMES),
        "joint_positions": joints * CENTIMETRE,
        "joint_shape_basis": (joint_identity * CENTIMETRE).astype(np.float32),
        "skin_weights": np.concatenate(all_weights).astype(np.float32),
        "shape_deviations": identity_deviations.astype(np.float32),
        "expression_deviations": deviations.astype(np.float32),
        "mirror": mirror.astype(np.int32),
    }


def main() -> None:
    """Build and store the head."""
    with np.load(ASSETS / "face_template.npz", allow_pickle=False) as face:
        arrays = build(face["vertices"], face["faces"], face["mirror"], face["identity_deviations"])
    np.savez_compressed(ASSETS / "builtin_head.npz", **arrays)
    num_shapes = len(arrays["expression_names"])
    print(f"{len(arrays['template'])} vertices, {len(arrays['faces'])} triangles, {num_shapes} shapes")


if __name__ == "__main__":
    main()
