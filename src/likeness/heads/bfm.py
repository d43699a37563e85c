"""The Basel Face Model as Deep3DFaceRecon packs it (`BFM_model_front.mat`) as a `HeadModel`.

A face without neck, eyeballs or a jaw joint: the mouth opens by expression; joints stand where they would be and turn
nothing. Lengths in the file are decimetres, coefficients are in standard deviations.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from likeness.errors import InputError
from likeness.heads.controls import gaze_controls, shape_controls
from likeness.heads.embedding import (
    embed_landmarks,
    joint_places,
    known_from_68,
    origin_of,
    outward,
    vertex_landmarks,
)
from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING
from likeness.heads.mat_files import read_mat
from likeness.heads.model import EYE_LEFT, EYE_RIGHT, NECK, HeadModel
from likeness.heads.stored import content_version

WHAT = "Basel Face Model (BFM_model_front.mat)"
METRES = 0.1  # per unit of the file
MAX_BYTES = 1 << 30
MAX_NUMBERS = 60_000_000  # in one array
_KEYS = ("meanshape", "idBase", "exBase", "tri", "keypoints")


def read_bfm(path: Path, *, name: str = "bfm") -> HeadModel:
    """The head model of a `BFM_model_front.mat`.

    Its frame is moved, not turned, so that the origin lies inside the head as in the built-in one.

    Raises:
        InputError: the file cannot be read or is none.
    """
    arrays = _mat_arrays(Path(path))
    template = METRES * arrays["meanshape"].reshape(-1, 3)
    count = len(template)
    faces = arrays["tri"].astype(np.int64) - 1
    keypoints = arrays["keypoints"].astype(np.int64).reshape(-1) - 1
    bases = {key: METRES * arrays[key].reshape(count, 3, -1) for key in ("idBase", "exBase")}
    if faces.min() < 0 or faces.max() >= count or keypoints.min() < 0 or keypoints.max() >= count:
        raise InputError(f"{path} is damaged: triangles or keypoints name vertices beyond the {count} of the model")
    faces = outward(template, faces)
    known = known_from_68(*vertex_landmarks(faces, keypoints))
    embedding = embed_landmarks(template, faces, known, surface=np.ones(len(faces), dtype=bool))
    template = template - origin_of(embedding)
    weights = np.zeros((count, 5))
    weights[:, NECK] = 1.0
    num_expression = bases["exBase"].shape[2]
    head = HeadModel(
        name=name,
        version=content_version(template, bases["idBase"], bases["exBase"]),
        template=template,
        shape_basis=bases["idBase"].astype(np.float32),
        expression_basis=bases["exBase"].astype(np.float32),
        expression_names=tuple(f"expression{index:03d}" for index in range(num_expression)),
        faces=faces.astype(np.int32),
        face_parts=np.zeros(len(faces), dtype=np.int32),
        part_names=("skin",),
        joint_positions=joint_places(embedding),
        joint_shape_basis=np.zeros((5, 3, bases["idBase"].shape[2])),
        skin_weights=weights,
        landmark_faces=embedding.faces.astype(np.int32),
        landmark_barycentrics=embedding.barycentrics,
        shape_deviations=np.ones(bases["idBase"].shape[2]),
        expression_deviations=np.ones(num_expression),
    )
    head = replace(head, joint_shape_basis=_eyes_follow_lids(head))
    return replace(head, controls=(*shape_controls(head, embedding, has_jaw=False), *gaze_controls(num_expression)))


def _eyes_follow_lids(head: HeadModel) -> np.ndarray:
    """Identity moves each eye's joint as it moves the ring of its lids."""
    basis = np.zeros((5, 3, head.num_shape))
    for joint, ring in ((EYE_LEFT, EYE_LEFT_RING), (EYE_RIGHT, EYE_RIGHT_RING)):
        corners = head.faces[head.landmark_faces[list(ring)]]
        moves = np.einsum("lc,lcxs->lxs", head.landmark_barycentrics[list(ring)], head.shape_basis[corners])
        basis[joint] = moves.mean(axis=0)
    return basis


def _mat_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the mat file, their shapes checked."""
    stored = read_mat(path, what=WHAT, keys=_KEYS, max_bytes=MAX_BYTES, max_numbers=MAX_NUMBERS)
    count = stored["meanshape"].size
    stored["meanshape"] = stored["meanshape"].reshape(1, -1)
    wanted = {"idBase": (count, None), "exBase": (count, None), "tri": (None, 3)}
    for key, sides in wanted.items():
        shape = stored[key].shape
        if len(shape) != 2 or any(want not in (None, have) for want, have in zip(sides, shape, strict=True)):
            raise InputError(f"{path} is no {WHAT}: {key} has the shape {shape}")
    if count % 3 or stored["keypoints"].size != 68:
        raise InputError(f"{path} is no {WHAT}: {count} numbers in meanshape, {stored['keypoints'].size} keypoints")
    return stored
