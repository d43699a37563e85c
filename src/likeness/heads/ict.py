"""ICT-FaceKit (Li et al. 2020; MIT) as a `HeadModel`, from its folder of OBJ files (`FaceXModel`).

The expression shapes carry ARKit's names with _L and _R. The mouth opens by the shape jawOpen, the eyes turn about
their centres. Lengths in the files are centimetres.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from likeness.errors import InputError
from likeness.heads.archives import unreadable
from likeness.heads.controls import gaze_controls
from likeness.heads.embedding import embed_landmarks, joint_places, known_from_68, origin_of, vertex_landmarks
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, NECK, Control, HeadModel
from likeness.heads.stored import content_version

NEUTRAL = "generic_neutral_mesh.obj"
INDICES = "vertex_indices.json"
IDENTITY = "identity{:03d}.obj"
METRES = 0.01  # per unit of the files
MAX_FILE_BYTES = 64 << 20
MAX_IDENTITIES = 500
NAMED_DEVIATION = 0.4  # of a named shape's unit
_SIDES = {"_L": "Left", "_R": "Right"}
# Published topology (README of ICT-FaceKit): the polygons of each part up to the eyeballs; what lies on the eyes
# (lacrimal fluid, blend and occlusion meshes, lashes) is left out.
FULL_SIZE = (26719, 26384)  # vertices, polygons
KEPT_VERTICES = 24591
PART_ENDS = (
    ("skin", 9230), ("cranium", 11144), ("mouth", 13226), ("eye_socket", 14034), ("mouth", 17006),
    ("teeth_upper", 19250), ("teeth_lower", 21496), ("eye_left", 23094), ("eye_right", 24692),
)  # fmt: skip
PART_NAMES = tuple(dict.fromkeys(name for name, _ in PART_ENDS))


def read_ict(folder: Path, *, name: str = "ict") -> HeadModel:
    """The head model of a `FaceXModel` folder; its frame is moved so that the origin lies inside the head.

    Raises:
        InputError: a file is missing, too large, damaged, or does not belong to the others.
    """
    folder = _model_folder(Path(folder))
    indices = _vertex_indices(folder / INDICES)
    vertices, polygons = read_obj(folder / NEUTRAL)
    faces, parts, kept = _triangles_and_parts(polygons, len(vertices))
    neutral = METRES * vertices
    names = indices["expressions"]
    identities = [path for index in range(MAX_IDENTITIES) if (path := folder / IDENTITY.format(index)).is_file()]
    expression = _displacements([folder / f"{entry}.obj" for entry in names], vertices)[:kept]
    identity = _displacements(identities, vertices)[:kept]
    template = neutral[:kept]
    landmarks = np.array(indices["idx_to_landmark_verts"])
    if landmarks.max() >= kept:
        raise InputError(f"{folder / INDICES} names vertices beyond the {kept} of the model")
    known = known_from_68(*vertex_landmarks(faces, landmarks))
    embedding = embed_landmarks(template, faces, known, surface=parts == PART_NAMES.index("skin"))
    template = template - origin_of(embedding)
    weights, joints, joint_basis = _eye_joints(template, identity, faces, parts, joint_places(embedding))
    own_names = tuple(arkit_name(entry) for entry in names)
    for index, own in enumerate(own_names):
        if own.startswith("eyeLook"):  # the eyeballs turn by their joints; the shape keeps what the lids do
            expression[weights[:, [EYE_LEFT, EYE_RIGHT]].any(axis=1), :, index] = 0.0
    head = HeadModel(
        name=name,
        version=content_version(template, identity, expression),
        template=template,
        shape_basis=identity.astype(np.float32),
        expression_basis=expression.astype(np.float32),
        expression_names=own_names,
        faces=faces,
        face_parts=parts,
        part_names=PART_NAMES,
        joint_positions=joints,
        joint_shape_basis=joint_basis,
        skin_weights=weights,
        landmark_faces=embedding.faces.astype(np.int32),
        landmark_barycentrics=embedding.barycentrics,
        shape_deviations=np.ones(identity.shape[2]),
        expression_deviations=np.full(len(names), NAMED_DEVIATION),
    )
    return replace(head, controls=_controls(own_names))


def arkit_name(name: str) -> str:
    """ARKit's name of a shape: browDown_L is browDownLeft."""
    side = _SIDES.get(name[-2:])
    return name if side is None else name[:-2] + side


def read_obj(path: Path, *, with_polygons: bool = True) -> tuple[Float[np.ndarray, "V 3"], list[np.ndarray]]:
    """Vertices and polygons (vertex numbers from 0) of an OBJ file; everything else in it is passed over.

    Raises:
        InputError: it is missing, too large, or no OBJ.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MB: wrong file")
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        numbers = [line.split()[1:4] for line in lines if line.startswith(b"v ")]
        vertices = np.array(numbers, dtype=np.float64).reshape(-1, 3)
        polygons = []
        if with_polygons:
            polygons = [
                np.array([int(corner.split(b"/")[0]) for corner in line.split()[1:]], dtype=np.int64) - 1
                for line in lines
                if line.startswith(b"f ")
            ]
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path} is damaged or no OBJ file: get it again") from error
    if len(vertices) == 0 or not np.isfinite(vertices).all():
        raise InputError(f"{path} is damaged or no OBJ file: it has no vertices")
    if any(len(corners) < 3 or corners.min() < 0 or corners.max() >= len(vertices) for corners in polygons):
        raise InputError(f"{path} is damaged: polygons name vertices beyond the {len(vertices)} of the file")
    return vertices, polygons


def _model_folder(folder: Path) -> Path:
    """The folder that holds the neutral mesh: the one given, or its FaceXModel."""
    for candidate in (folder, folder / "FaceXModel"):
        if (candidate / NEUTRAL).is_file():
            return candidate
    raise InputError(f"{folder} holds no {NEUTRAL}: give the folder FaceXModel of ICT-FaceKit")


def _vertex_indices(path: Path) -> dict[str, list]:
    """Names of the expression shapes and the 68 landmark vertices."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MB: wrong file")
        stored = json.loads(path.read_text(encoding="utf-8"))
        names, landmarks = stored["expressions"], stored["idx_to_landmark_verts"]
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it must name expressions and idx_to_landmark_verts") from error
    is_named = isinstance(names, list) and all(isinstance(entry, str) and entry.isidentifier() for entry in names)
    if not is_named or len(set(names)) != len(names) or not 1 <= len(names) <= MAX_IDENTITIES:
        raise InputError(f"{path} is damaged: its expressions are no list of names")
    if not isinstance(landmarks, list) or len(landmarks) != 68 or not all(type(i) is int and i >= 0 for i in landmarks):
        raise InputError(f"{path} is damaged: its idx_to_landmark_verts are not the vertices of 68 landmarks")
    return {"expressions": names, "idx_to_landmark_verts": landmarks}


def _displacements(paths: list[Path], neutral: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3 N"]:
    """What each file's vertices are moved by from the neutral ones, metres."""
    basis = np.zeros((*neutral.shape, len(paths)), dtype=np.float32)
    for index, path in enumerate(paths):
        vertices, _ = read_obj(path, with_polygons=False)
        if vertices.shape != neutral.shape:
            raise InputError(f"{path} has {len(vertices)} vertices, {NEUTRAL} {len(neutral)}: get both again")
        basis[..., index] = METRES * (vertices - neutral)
    return basis


def _triangles_and_parts(
    polygons: list[np.ndarray], num_vertices: int
) -> tuple[Int[np.ndarray, "F 3"], Int[np.ndarray, " F"], int]:
    """Fans of triangles, the part of each, and how many vertices are kept: parts by the published ranges."""
    if not polygons:
        raise InputError(f"{NEUTRAL} has no polygons: get it again")
    is_full = (num_vertices, len(polygons)) == FULL_SIZE
    ends = np.array([end for _, end in PART_ENDS])
    triangles, parts = [], []
    for index, corners in enumerate(polygons[: ends[-1]] if is_full else polygons):
        part = PART_NAMES.index(PART_ENDS[int(np.searchsorted(ends, index, side="right"))][0]) if is_full else 0
        for second in range(1, len(corners) - 1):
            triangles.append((corners[0], corners[second], corners[second + 1]))
            parts.append(part)
    faces = np.array(triangles, dtype=np.int32)
    return faces, np.array(parts, dtype=np.int32), KEPT_VERTICES if is_full else num_vertices


def _eye_joints(
    template: np.ndarray, identity: np.ndarray, faces: np.ndarray, parts: np.ndarray, joints: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skinning weights, joints and how identity moves them: everything hangs on the neck, eyeballs on their centres."""
    weights = np.zeros((len(template), 5))
    weights[:, NECK] = 1.0
    basis = np.zeros((5, 3, identity.shape[2]))
    joints = joints.copy()
    for joint, part in ((EYE_LEFT, "eye_left"), (EYE_RIGHT, "eye_right")):
        ball = np.unique(faces[parts == PART_NAMES.index(part)])
        if len(ball):
            weights[ball] = np.eye(5)[joint]
            joints[joint] = template[ball].mean(axis=0)
            basis[joint] = identity[ball].mean(axis=0)
    return weights, joints, basis


def _controls(names: tuple[str, ...]) -> tuple[Control, ...]:
    """One control per shape; those of the gaze turn the eyeball as well."""
    turns = {control.name: control.joints for control in gaze_controls(len(names))}
    shapes = tuple(
        Control(name=name, expression=np.eye(len(names))[index], joints=turns.pop(name, np.zeros((5, 3))))
        for index, name in enumerate(names)
    )
    return (*shapes, *(control for control in gaze_controls(len(names)) if control.name in turns))
