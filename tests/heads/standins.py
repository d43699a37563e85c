"""A stand-in head, a bumpy ellipsoid with face landmarks and five joints, and its files in each foreign format."""

import json
import pickle
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.io import savemat

from likeness.geometry.closest import build_surface_index, closest_points
from likeness.heads.builtin import builtin_head
from likeness.heads.embedding import FACE_MESH_OF_68
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JAW, NECK, ROOT

RADII = np.array([0.072, 0.105, 0.085])  # metres
CENTRE = np.array([0.0, 0.0, -0.012])
NUM_SHAPE, NUM_EXPRESSION = 300, 12
# Face-mesh landmarks with known places, like those of the public FLAME embedding: lips, eyes, brows, nose.
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
KNOWN = tuple(dict.fromkeys((*LIPS, *FACE_MESH_OF_68[17:])))


@dataclass(frozen=True, kw_only=True)
class Standin:
    """Arrays in the layout of a FLAME file."""

    v_template: np.ndarray
    shapedirs: np.ndarray
    posedirs: np.ndarray
    regressor: np.ndarray
    weights: np.ndarray
    faces: np.ndarray


def sphere(subdivisions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors and outward triangles of a subdivided icosahedron; 642 and 1280 for three subdivisions."""
    golden = (1 + 5**0.5) / 2
    points = [(-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0), (0, -1, golden), (0, 1, golden)]
    points += [(0, -1, -golden), (0, 1, -golden), (golden, 0, -1), (golden, 0, 1), (-golden, 0, -1), (-golden, 0, 1)]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2)]
    faces += [(10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5)]
    faces += [(2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]
    vertices = [np.array(point) / np.linalg.norm(point) for point in points]
    for _ in range(subdivisions):
        middles: dict[tuple[int, int], int] = {}

        def middle(a: int, b: int, middles=middles) -> int:
            key = (min(a, b), max(a, b))
            if key not in middles:
                middles[key] = len(vertices)
                vertices.append((vertices[a] + vertices[b]) / np.linalg.norm(vertices[a] + vertices[b]))
            return middles[key]

        split = [(a, b, c, middle(a, b), middle(b, c), middle(c, a)) for a, b, c in faces]
        faces = [t for a, b, c, d, e, f in split for t in ((a, d, f), (d, b, e), (f, e, c), (d, e, f))]
    return np.array(vertices), np.array(faces)


def smooth_basis(directions: np.ndarray, count: int, size: float, seed: int) -> np.ndarray:
    """Random displacements [V 3 count] that vary slowly over the surface, metres."""
    generator = np.random.default_rng(seed)
    waves = generator.normal(size=(8, 3)) * 2.5
    features = np.concatenate([np.cos(directions @ waves.T), np.sin(directions @ waves.T)], axis=1)
    return size * np.einsum("vf,fxk->vxk", features, generator.normal(size=(16, 3, count))) / 4.0


def standin(num_expression: int = NUM_EXPRESSION) -> Standin:
    """The head; its joints are at the places of the built-in head's."""
    directions, faces = sphere()
    bumps = 1.0 + 0.04 * np.cos(5 * directions[:, 0]) * np.sin(4 * directions[:, 1] + 1.0)
    template = directions * RADII * bumps[:, None] + CENTRE
    identity = smooth_basis(directions, NUM_SHAPE, 1.5e-4, 1)
    identity[..., 8:] *= 0.02  # few modes matter, as in a real model
    expression = smooth_basis(directions, num_expression, 1.0e-3, 2) * (directions[:, 2] > 0)[:, None, None]
    fall = 1.0 / (1.0 + np.exp((template[:, 1] + 0.03) / 0.012))  # the lower face follows the jaw
    fall *= directions[:, 2] > -0.2
    weights = np.zeros((len(template), 5))
    weights[:, JAW], weights[:, NECK] = 0.9 * fall, 1.0 - 0.9 * fall
    low = directions[:, 1] < -0.93
    weights[low] = np.eye(5)[ROOT]
    reference = builtin_head().joint_positions
    for joint in (EYE_LEFT, EYE_RIGHT):  # a few vertices stand for each eyeball
        weights[np.argsort(np.linalg.norm(template - reference[joint], axis=1))[:4]] = np.eye(5)[joint]
    regressor = np.stack([_regressor_row(template, place) for place in reference])
    return Standin(
        v_template=template,
        shapedirs=np.concatenate([identity, expression], axis=2),
        posedirs=smooth_basis(directions, 36, 1.0e-3, 3),
        regressor=regressor,
        weights=weights,
        faces=faces,
    )


def _regressor_row(template: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Weights, sum 1, with which the vertices give a place."""
    system = np.concatenate([template.T, np.ones((1, len(template)))])
    return np.linalg.lstsq(system, np.append(place, 1.0), rcond=None)[0]


def landmark_places(head: Standin, landmarks: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Triangle and barycentrics of face-mesh landmarks: nearest to the built-in head's."""
    points = builtin_head().template[list(landmarks)]
    found = closest_points(build_surface_index(head.v_template, head.faces), points)
    return found.face.astype(np.int64), found.barycentrics.astype(np.float64)


def write_flame(folder: Path, head: Standin, *, with_chumpy: bool = True, **replaced: object) -> Path:
    """generic_model.pkl as FLAME 2020 has it: arrays in chumpy objects, a sparse regressor, an unsigned root."""
    chumpy, ch = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    ch.Ch = Ch
    wrap = Ch if with_chumpy else np.array
    tree = np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32)
    arrays = {
        "v_template": wrap(head.v_template),
        "shapedirs": wrap(head.shapedirs),
        "posedirs": head.posedirs,
        "J_regressor": sparse.csc_matrix(head.regressor),
        "weights": wrap(head.weights),
        "kintree_table": tree,
        "f": head.faces.astype(np.uint32),
        "bs_type": "lrotmin",
    } | replaced
    path = folder / "generic_model.pkl"
    sys.modules.update({"chumpy": chumpy, "chumpy.ch": ch})
    try:
        path.write_bytes(pickle.dumps(arrays, protocol=2))
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]
    return path


def write_mediapipe_landmarks(folder: Path, head: Standin) -> Path:
    faces, shares = landmark_places(head, KNOWN)
    path = folder / "mediapipe_landmark_embedding.npz"
    np.savez(path, lmk_face_idx=faces, lmk_b_coords=shares, landmark_indices=np.array(KNOWN))
    return path


def write_landmarks_68(folder: Path, head: Standin) -> Path:
    faces, shares = landmark_places(head, FACE_MESH_OF_68)
    path = folder / "landmark_embedding.npy"
    np.save(path, {"full_lmk_faces_idx": faces[None], "full_lmk_bary_coords": shares[None]}, allow_pickle=True)
    return path


def write_eyelids(folder: Path, head: Standin) -> tuple[np.ndarray, np.ndarray]:
    """Lids that move what lies above each eye down."""
    lids = []
    for name, side in (("l_eyelid.npy", 1.0), ("r_eyelid.npy", -1.0)):
        near = np.exp(-((head.v_template - [side * 0.03, 0.03, 0.06]) ** 2).sum(axis=1) / 0.015**2)
        lids.append(near[:, None] * np.array([0.0, -0.006, 0.0]))
        np.save(folder / name, lids[-1].astype(np.float32))
    return lids[0], lids[1]


def flame_folder(folder: Path, head: Standin | None = None) -> Path:
    """A FLAME model with MediaPipe landmarks and eyelids; returns the pickle's path."""
    head = head or standin()
    write_mediapipe_landmarks(folder, head)
    write_eyelids(folder, head)
    return write_flame(folder, head)


def nearest_vertices(head: Standin) -> np.ndarray:
    """The vertices next to the 68 landmarks, no two the same."""
    points = builtin_head().template[list(FACE_MESH_OF_68)]
    distances = np.linalg.norm(head.v_template[:, None] - points, axis=2)
    return distances.argmin(axis=0)


def write_bfm(folder: Path, head: Standin, **replaced: np.ndarray) -> Path:
    """BFM_model_front.mat: decimetres, one row of coordinates, triangles and keypoints counted from 1."""
    arrays = {
        "meanshape": head.v_template.reshape(1, -1) * 10,
        "idBase": head.shapedirs[..., :80].reshape(-1, 80) * 10,
        "exBase": head.shapedirs[..., NUM_SHAPE:].reshape(len(head.v_template) * 3, -1) * 10,
        "tri": (head.faces[:, ::-1] + 1).astype(np.float64),
        "keypoints": (nearest_vertices(head) + 1)[None],
    } | replaced
    path = folder / "BFM_model_front.mat"
    savemat(path, arrays, do_compression=True)
    return path


ICT_SHAPES = ("browDown_L", "browDown_R", "eyeBlink_L", "eyeBlink_R", "eyeLookUp_L", "jawOpen", "mouthSmile_L")


def write_ict(folder: Path, head: Standin, *, num_identities: int = 3) -> Path:
    """A FaceXModel folder: centimetres, one OBJ per shape, quads where two triangles share an edge."""
    offset = np.array([0.0, 0.4, 1.0])  # metres; the model does not stand at the origin
    vertices = 100 * (head.v_template + offset)
    write_obj(folder / "generic_neutral_mesh.obj", vertices, head.faces)
    for index, name in enumerate(ICT_SHAPES):
        write_obj(folder / f"{name}.obj", vertices + 100 * head.shapedirs[..., NUM_SHAPE + index], head.faces)
    for index in range(num_identities):
        write_obj(folder / f"identity{index:03d}.obj", vertices + 100 * head.shapedirs[..., index], head.faces)
    stored = {"expressions": list(ICT_SHAPES), "idx_to_landmark_verts": nearest_vertices(head).tolist()}
    (folder / "vertex_indices.json").write_text(json.dumps(stored))
    return folder


def write_obj(path: Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    lines = ["mtllib some.mtl", *(f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in vertices), "vt 0 0", "usemtl face"]
    lines += ["f " + " ".join(f"{corner + 1}/1" for corner in face) for face in faces]
    path.write_text("\n".join(lines) + "\n")


def face_standin() -> Standin:
    """The built-in head in FLAME's layout, so that a conversion of it must track as well as the built-in one does:
    coefficients are in deviations, identity is padded to 300 columns, the jaw's turn bulges the cheeks a little.
    """
    head = builtin_head()
    identity = np.zeros((len(head.template), 3, NUM_SHAPE))
    identity[..., : head.num_shape] = head.shape_basis * head.shape_deviations
    regressor = np.stack([_regressor_row(head.template, place) for place in head.joint_positions])
    correctives = np.zeros((len(head.template), 3, 36))
    cheeks = np.exp(-((np.abs(head.template) - [0.045, 0.02, 0.04]) ** 2).sum(axis=1) / 0.02**2)
    correctives[:, 0, 9 + 5] = 0.004 * cheeks * np.sign(head.template[:, 0])  # by the entry -sin of R_jaw
    return Standin(
        v_template=head.template,
        shapedirs=np.concatenate([identity, head.expression_basis * head.expression_deviations], axis=2),
        posedirs=correctives,
        regressor=regressor,
        weights=head.skin_weights.astype(np.float64),
        faces=head.faces,
    )
