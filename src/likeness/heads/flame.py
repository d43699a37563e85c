"""FLAME (Li et al. 2017; the 2019, 2020 and 2023 files) as a `HeadModel`, read without chumpy.

A FLAME file is a Python 2 pickle. Landmarks, eyelids and part masks are separate files: those that lie beside it under
their usual names are found.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from likeness.errors import InputError
from likeness.heads.archives import array_header, damaged, read_array_file, read_arrays, unreadable
from likeness.heads.controls import gaze_controls, jaw_controls, shape_controls
from likeness.heads.embedding import NUM_CONTOUR, KnownLandmarks, embed_landmarks, known_from_68
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JOINT_PARENTS, ROOT, Control, HeadModel
from likeness.heads.restricted_pickle import pickle_content, read_pickle
from likeness.heads.stored import NUM_LANDMARKS, content_version

WHAT = "FLAME model"
NUM_SHAPE = 300  # columns of shapedirs that are identity; the others are expression
NUM_POSE = 36
LID_DEVIATION = 0.4  # of a lid's closing, 0 open to 1 shut
LANDMARK_FILES = ("mediapipe_landmark_embedding.npz", "landmark_embedding.npy", "flame_static_embedding.pkl")
EYELID_FILES = ("l_eyelid.npy", "r_eyelid.npy")
MASK_FILE = "FLAME_masks.pkl"
PART_NAMES = ("skin", "cranium", "ear", "neck", "eye_left", "eye_right")
# Part of a triangle whose corners all lie in a mask of that name; later ones win.
MASK_PARTS = {"scalp": "cranium", "neck": "neck", "boundary": "neck", "left_ear": "ear", "right_ear": "ear"}
_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")


@dataclass(frozen=True, kw_only=True, slots=True)
class FlameFiles:
    """A FLAME model and what belongs to it."""

    model: Path
    landmarks: Path
    eyelids: tuple[Path, Path] | None = None
    masks: Path | None = None


def flame_files(model: Path, *, landmarks: Path | None = None) -> FlameFiles:
    """The model file with its companions from the same folder.

    Raises:
        InputError: no landmark embedding is given or found.
    """
    model = Path(model)
    folder = model.parent
    if landmarks is None:
        landmarks = next((folder / name for name in LANDMARK_FILES if (folder / name).is_file()), None)
    if landmarks is None:
        raise InputError(
            f"{model} has no landmarks: put {LANDMARK_FILES[0]} or {LANDMARK_FILES[1]} beside it, or give --landmarks"
        )
    lids = (folder / EYELID_FILES[0], folder / EYELID_FILES[1])
    masks = folder / MASK_FILE
    return FlameFiles(
        model=model,
        landmarks=Path(landmarks),
        eyelids=lids if all(lid.is_file() for lid in lids) else None,
        masks=masks if masks.is_file() else None,
    )


def read_flame(files: FlameFiles, *, name: str = "flame") -> HeadModel:
    """The head model of FLAME files: identity, expression modes expression000, ..., and eyelids where they are given.

    Deviation: eyelids act before skinning as two more expression shapes (SMIRK and pixel3dmm add them after it); the
    two agree where the neck is at rest.

    Raises:
        InputError: a file cannot be read, is refused, or is not what it should be.
    """
    arrays = _model_arrays(files.model)
    template, directions = arrays["v_template"], arrays["shapedirs"]
    faces, weights = arrays["f"].astype(np.int32), arrays["weights"]
    expression, names, controls = _expression(files, directions[..., NUM_SHAPE:])
    regressor = arrays["J_regressor"]
    parts = _parts(files.masks, faces, weights)
    known = read_landmarks(files.landmarks, num_faces=len(faces))
    surface = np.isin(parts, [PART_NAMES.index("skin"), PART_NAMES.index("ear")])
    embedding = embed_landmarks(template, faces, known, surface=surface)
    shape_basis = directions[..., :NUM_SHAPE]
    joint_expression = np.einsum("jv,vxe->jxe", regressor, expression)
    joint_expression[..., directions.shape[2] - NUM_SHAPE :] = 0.0  # eyelids move no joint
    deviations = np.ones(len(names))
    deviations[directions.shape[2] - NUM_SHAPE :] = LID_DEVIATION
    head = HeadModel(
        name=name,
        version=content_version(template, shape_basis, expression, arrays["posedirs"]),
        template=template,
        shape_basis=shape_basis.astype(np.float32),
        expression_basis=expression.astype(np.float32),
        expression_names=names,
        faces=faces,
        face_parts=parts.astype(np.int32),
        part_names=PART_NAMES,
        joint_positions=regressor @ template,
        joint_shape_basis=np.einsum("jv,vxs->jxs", regressor, shape_basis),
        skin_weights=weights / weights.sum(axis=1, keepdims=True),
        landmark_faces=embedding.faces.astype(np.int32),
        landmark_barycentrics=embedding.barycentrics,
        shape_deviations=np.ones(shape_basis.shape[2]),
        expression_deviations=deviations,
        controls=controls,
        joint_expression_basis=joint_expression,
        pose_basis=arrays["posedirs"].astype(np.float32),
    )
    count = len(names)
    named = shape_controls(head, embedding, has_jaw=True)
    return replace(head, controls=(*controls, *named, *jaw_controls(count), *gaze_controls(count)))


def read_landmarks(path: Path, *, num_faces: int) -> KnownLandmarks:
    """A landmark embedding: `mediapipe_landmark_embedding.npz` (lmk_face_idx, lmk_b_coords, landmark_indices), or the
    68 or 51 landmarks of `landmark_embedding.npy` / `flame_static_embedding.pkl`.

    Raises:
        InputError: it cannot be read, or does not fit a mesh of `num_faces` triangles.
    """
    path = Path(path)
    what = "landmark embedding"
    if path.suffix == ".npz":
        stored: Any = read_arrays(path, what=what, max_bytes=1 << 26)
    elif path.suffix == ".npy":
        stored = _pickled_array(path, what)
    else:
        stored = read_pickle(path, what=what, max_bytes=1 << 26)
    if not isinstance(stored, dict):
        raise InputError(f"{path} is no {what}: expected {' or '.join(LANDMARK_FILES)}")
    for faces_key, shares_key in (
        ("lmk_face_idx", "lmk_b_coords"),
        ("full_lmk_faces_idx", "full_lmk_bary_coords"),
        ("static_lmk_faces_idx", "static_lmk_bary_coords"),
    ):
        if isinstance(stored.get(faces_key), np.ndarray) and isinstance(stored.get(shares_key), np.ndarray):
            return _known(path, stored[faces_key], stored[shares_key], stored.get("landmark_indices"), num_faces)
    raise InputError(f"{path} is no {what}: it has neither lmk_face_idx nor full_lmk_faces_idx")


def _known(path: Path, faces: np.ndarray, shares: np.ndarray, indices: Any, num_faces: int) -> KnownLandmarks:
    if faces.dtype.kind not in "iu" or shares.dtype.kind != "f" or shares.size != 3 * faces.size:
        raise InputError(f"{path} holds {faces.shape} triangles and {shares.shape} weights: get the file again")
    faces, shares = faces.reshape(-1).astype(np.int64), shares.reshape(-1, 3).astype(np.float64)
    if faces.size == 0 or faces.min() < 0 or faces.max() >= num_faces or not np.isfinite(shares).all():
        raise InputError(f"{path} belongs to another mesh: it names triangles beyond the {num_faces} of the model")
    if isinstance(indices, np.ndarray):
        indices = indices.reshape(-1).astype(np.int64)
        if len(indices) != len(faces) or indices.min() < 0 or indices.max() >= NUM_LANDMARKS:
            raise InputError(f"{path}: landmark_indices must name one face-mesh landmark (0 to 467) per triangle")
        return KnownLandmarks(
            landmarks=indices, faces=faces, barycentrics=shares, is_exact=np.ones(len(indices), dtype=bool)
        )
    if len(faces) == 68:
        return known_from_68(faces, shares)
    if len(faces) == 68 - NUM_CONTOUR:
        padded = known_from_68(np.pad(faces, (NUM_CONTOUR, 0)), np.pad(shares, ((NUM_CONTOUR, 0), (0, 0))))
        return KnownLandmarks(
            landmarks=padded.landmarks[NUM_CONTOUR:],
            faces=faces,
            barycentrics=shares,
            is_exact=padded.is_exact[NUM_CONTOUR:],
        )
    raise InputError(f"{path} holds {len(faces)} landmarks without their numbers: 68 or 51 are expected")


def _pickled_array(path: Path, what: str) -> Any:
    """The dictionary that numpy pickled into an npy file."""
    try:
        if path.stat().st_size > 1 << 26:
            raise InputError(f"{path} is larger than any {what}: wrong file")
        with path.open("rb") as stream:
            array_header(stream)
            content = stream.read()
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise damaged(path, what, error) from error
    return pickle_content(content, path=path, what=what)


def _model_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the pickle, checked against each other."""
    stored = read_pickle(path, what=WHAT)
    if not isinstance(stored, dict) or "v_template" not in stored:
        raise InputError(f"{path} is no {WHAT}: expected a file such as generic_model.pkl or flame2023.pkl")
    arrays = {}
    for key in _KEYS:
        if key not in stored:
            raise InputError(f"{path} is no {WHAT}: it has no {key}")
        if not isinstance(stored[key], np.ndarray):
            raise InputError(
                f"{path}: {key} is stored as a chumpy formula, not as numbers; load it once with chumpy, replace each"
                " entry by numpy.array(entry), and save it again"
            )
        arrays[key] = stored[key].astype(np.int64 if key in ("f", "kintree_table") else np.float64)
    count = len(arrays["v_template"])
    joints = len(JOINT_PARENTS)
    columns = arrays["shapedirs"].shape[-1]
    expected = {
        "v_template": (count, 3),
        "shapedirs": (count, 3, max(columns, NUM_SHAPE + 1)),
        "posedirs": (count, 3, NUM_POSE),
        "J_regressor": (joints, count),
        "weights": (count, joints),
        "kintree_table": (2, joints),
        "f": (len(arrays["f"]), 3),
    }
    for key, shape in expected.items():
        if arrays[key].shape != shape:
            raise InputError(f"{path} is no {WHAT}: {key} has the shape {arrays[key].shape}, expected {shape}")
        if not np.isfinite(arrays[key]).all():
            raise InputError(f"{path} is damaged: {key} holds numbers that are not finite")
    if tuple(arrays["kintree_table"][0, 1:]) != JOINT_PARENTS[1:]:  # the root's parent is a large unsigned number
        raise InputError(f"{path} is no {WHAT}: its joints hang together otherwise")
    if arrays["f"].size == 0 or arrays["f"].min() < 0 or arrays["f"].max() >= count:
        raise InputError(f"{path} is damaged: triangles name vertices beyond the {count} of the model")
    if arrays["weights"].min() < -1e-6 or np.abs(arrays["weights"].sum(axis=1) - 1.0).max() > 1e-2:
        raise InputError(f"{path} is damaged: skinning weights do not sum to 1")
    return arrays


def _expression(
    files: FlameFiles, modes: Float[np.ndarray, "V 3 E"]
) -> tuple[Float[np.ndarray, "V 3 N"], tuple[str, ...], tuple[Control, ...]]:
    """Expression modes, then the eyelids where there are any, with their controls."""
    names = [f"expression{index:03d}" for index in range(modes.shape[2])]
    if files.eyelids is None:
        return modes, tuple(names), ()
    lids = []
    for path in files.eyelids:
        lid = read_array_file(path, what="eyelid of FLAME").astype(np.float64)
        if lid.size != modes.shape[0] * 3 or not np.isfinite(lid).all():
            raise InputError(f"{path} has the shape {lid.shape}, expected {(modes.shape[0], 3)}: wrong file")
        lids.append(lid.reshape(-1, 3))
    left, right = "eyeBlinkLeft", "eyeBlinkRight"
    names += [left, right]
    units = np.eye(len(names))
    controls = tuple(
        Control(name=name, expression=units[names.index(name)], joints=np.zeros((5, 3))) for name in (left, right)
    )
    return np.concatenate([modes, np.stack(lids, axis=2)], axis=2), tuple(names), controls


def _parts(masks: Path | None, faces: Int[np.ndarray, "F 3"], weights: Float[np.ndarray, "V 5"]) -> np.ndarray:
    """The part of each triangle: eyeballs and shoulders by their joints, the rest by the masks where they are given."""
    parts = np.full(len(faces), PART_NAMES.index("skin"))
    if masks is not None:
        stored = read_pickle(masks, what="file of FLAME masks", max_bytes=1 << 26)
        for mask, part in MASK_PARTS.items():
            vertices = stored.get(mask) if isinstance(stored, dict) else None
            if not isinstance(vertices, np.ndarray | list):
                raise InputError(f"{masks} has no mask {mask}: wrong file")
            inside = np.isin(faces, np.asarray(vertices, dtype=np.int64)).all(axis=1)
            parts[inside] = PART_NAMES.index(part)
    else:
        parts[(weights[faces, ROOT] > 0.5).all(axis=1)] = PART_NAMES.index("neck")
    for joint, part in ((EYE_LEFT, "eye_left"), (EYE_RIGHT, "eye_right")):
        parts[(weights[faces, joint] > 0.5).all(axis=1)] = PART_NAMES.index(part)
    return parts
