"""Displacement bases of the built-in head on its skull mesh (centimetres): named shapes, correctives, identity
modes.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int
from scipy.sparse.linalg import eigsh

from likeness.geometry.mesh import GraphLaplacian, bilaplacian_interpolate, graph_laplacian
from likeness.heads.authoring import parts
from likeness.heads.authoring.shapes import (
    CHIN,
    JAW_LINE,
    LOWER_LIP,
    MOUTH_CORNERS,
    NOSE,
    UPPER_FACE,
    ShapeTable,
    jaw_open_lip_table,
    jaw_weight_handles,
    shape_tables,
)
from likeness.heads.landmark_sets import LOWER_LIP_INNER, OVAL, UPPER_LIP_INNER

NUM_FACE = 468
JAW_HINGE = np.array([0.0, -0.6, -1.2])
JAW_OPEN_ANGLE = np.radians(16.0)  # jaw rotation of jawOpen = 1
JAW_FORWARD = 0.9  # cm
IDENTITY_MODES = 30
CORRECTIVE_SOURCES = 75  # smooth fields from which the correctives are drawn
NUM_CORRECTIVES = 56


@dataclass(frozen=True, kw_only=True, slots=True)
class Skull:
    """Face and cranium as one connected mesh (cm); the first 468 vertices are the landmarks."""

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    num_face_triangles: int
    laplacian: GraphLaplacian

    @property
    def far(self) -> Int[np.ndarray, " N"]:
        """Cranium vertices from the second ring on, which expressions never move."""
        return np.arange(NUM_FACE + len(OVAL), len(self.vertices))


def build_skull(template: Float[np.ndarray, "468 3"], triangles: Int[np.ndarray, "F 3"]) -> Skull:
    """The face joined to its cranium."""
    back = parts.cranium(template)
    number = np.r_[np.array(OVAL), NUM_FACE + np.arange(len(back.vertices) - len(OVAL))]
    vertices = np.vstack([template, back.vertices[len(OVAL) :]])
    faces = np.vstack([triangles, number[back.faces]]).astype(np.int32)
    return Skull(
        vertices=vertices,
        faces=faces,
        num_face_triangles=len(triangles),
        laplacian=graph_laplacian(vertices, faces),
    )


def displacement(skull: Skull, table: ShapeTable, *, hold_cranium: bool = False) -> Float[np.ndarray, "V 3"]:
    """Displacement field of one shape table, cm."""
    fixed = [*table.fixed, *(skull.far.tolist() if hold_cranium else ())]
    return bilaplacian_interpolate(skull.laplacian, table.handles, fixed)


def jaw_weights(skull: Skull) -> Float[np.ndarray, " V"]:
    """How much each vertex follows the jaw, 0 to 1."""
    weights, still = jaw_weight_handles()
    handles = {vertex: (weight, 0.0, 0.0) for vertex, weight in weights.items()}
    return np.clip(bilaplacian_interpolate(skull.laplacian, handles, [*still, *skull.far.tolist()])[:, 0], 0.0, 1.0)


def jaw_opened(vertices: Float[np.ndarray, "V 3"], weights: Float[np.ndarray, " V"]) -> Float[np.ndarray, "V 3"]:
    """Vertices after the jaw alone rotates by JAW_OPEN_ANGLE."""
    cosine, sine = np.cos(JAW_OPEN_ANGLE), np.sin(JAW_OPEN_ANGLE)
    rotation = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    turned = (vertices - JAW_HINGE) @ rotation.T + JAW_HINGE
    return vertices + weights[:, None] * (turned - vertices)


def mouth_close_table(
    skull: Skull, weights: Float[np.ndarray, " V"], open_lips: Float[np.ndarray, "V 3"]
) -> ShapeTable:
    """Brings the lips together again at jawOpen = 1: inner lips meet a little below their rest position."""
    opened = jaw_opened(skull.vertices, weights) + open_lips
    gap = opened[13, 1] - opened[14, 1]
    handles = {}
    for vertex in LOWER_LIP:
        handles[vertex] = tuple((skull.vertices[vertex] - opened[vertex]) * 0.8)
    for upper, lower in zip(UPPER_LIP_INNER[1:-1], LOWER_LIP_INNER[1:-1], strict=True):
        drop = opened[upper, 1] - opened[lower, 1] - 0.8 * (skull.vertices[lower, 1] - opened[lower, 1])
        handles[upper] = (0.0, -min(drop, 0.35 * gap), 0.0)
    return ShapeTable(name="mouthClose", handles=handles, fixed=UPPER_FACE + NOSE + JAW_LINE + MOUTH_CORNERS + CHIN[3:])


def named_shapes(
    skull: Skull, mirror: Int[np.ndarray, "468"], weights: Float[np.ndarray, " V"]
) -> dict[str, Float[np.ndarray, "V 3"]]:
    """All named displacement fields, cm."""
    shapes = {table.name: displacement(skull, table) for table in shape_tables(skull.vertices[:NUM_FACE], mirror)}
    shapes["jawOpen"] = displacement(skull, jaw_open_lip_table())
    forward = np.zeros_like(skull.vertices)
    forward[:, 2] = weights * JAW_FORWARD
    shapes["jawForward"] = forward
    shapes["mouthClose"] = displacement(skull, mouth_close_table(skull, weights, shapes["jawOpen"]), hold_cranium=True)
    return shapes


def smooth_fields(skull: Skull) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, "V K"]]:
    """The smoothest Laplacian eigenmodes of the skull, each of unit root mean square over the face, and their
    eigenvalues divided by the largest."""
    eigenvalues, modes = eigsh(
        skull.laplacian.matrix, k=IDENTITY_MODES, M=sparse.diags(skull.laplacian.degree), sigma=-1e-3
    )
    modes = modes / np.sqrt((modes[:NUM_FACE] ** 2).mean(0))
    left = np.flatnonzero(skull.vertices[:, 0] > 1.0)
    largest = left[np.abs(modes[left]).argmax(axis=0)]  # a sign that does not depend on the solver
    modes *= np.sign(modes[largest, np.arange(IDENTITY_MODES)])
    eigenvalues = np.maximum(eigenvalues, eigenvalues[1])
    return eigenvalues / eigenvalues[-1], modes


def identity_basis(skull: Skull) -> Float[np.ndarray, "V 3 S"]:
    """Each smooth field along each axis, 1 cm root mean square over the face per unit."""
    _, modes = smooth_fields(skull)
    basis = np.zeros((len(modes), 3, 3 * IDENTITY_MODES))
    for axis in range(3):
        basis[:, axis, axis::3] = modes
    return basis


def smoothstep(value: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """0 below 0, 1 above 1, with flat ends."""
    clipped = np.clip(value, 0.0, 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)


def corrective_basis(
    skull: Skull, named: Float[np.ndarray, "V 3 N"], identity: Float[np.ndarray, "V 3 S"]
) -> tuple[Float[np.ndarray, "V 3 K"], Float[np.ndarray, " K"]]:
    """Smooth fields masked away from forehead and cranium, orthogonal to the named shapes and to one another, strongest
    first; and their strength relative to the first.

    Without the mask the lowest modes absorb the head's scale: it would grow as the jaw opens.
    """
    _, height, depth = skull.vertices.T
    mask = (1 - 0.55 * smoothstep((height - 0.5) / 2.0)) * (1 - smoothstep((height - 5.2) / 2.2))
    mask = mask * smoothstep((depth + 1.8) / 3.0)
    mask[NUM_FACE:] = 0.0
    fields = identity[:, :, :CORRECTIVE_SOURCES] * mask[:, None, None]
    face = fields[:NUM_FACE].reshape(-1, CORRECTIVE_SOURCES)
    named_face = named[:NUM_FACE].reshape(-1, named.shape[2])
    projection = np.linalg.lstsq(named_face, face, rcond=None)[0]
    remainder = face - named_face @ projection
    _, singular, right = np.linalg.svd(remainder, full_matrices=False)
    mix = right[:NUM_CORRECTIVES].T / singular[:NUM_CORRECTIVES] * np.sqrt(NUM_FACE)
    return fields @ mix - named @ (projection @ mix), singular[:NUM_CORRECTIVES] / singular[0]
