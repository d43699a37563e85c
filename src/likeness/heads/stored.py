"""A head model as one file (`NAME.npz`): plain arrays and one JSON header, written once when a head is converted."""

import hashlib
import json
from pathlib import Path

import numpy as np
from jaxtyping import Float

from likeness.errors import InputError
from likeness.heads.archives import read_arrays, write_arrays
from likeness.heads.model import JOINT_NAMES, Control, HeadModel

FORMAT_NAME = "likeness-head"
FORMAT_VERSION = 1
NUM_LANDMARKS = 468
MAX_VERTICES = 200_000
MAX_COEFFICIENTS = 4096  # of identity and of expression each
_HEADER = "header"
# Array name -> (stored type, shape; V vertices, F triangles, S identity, E expression, C controls); optional ones last.
_ARRAYS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "template": ("<f8", ("V", 3)),
    "shape_basis": ("<f4", ("V", 3, "S")),
    "expression_basis": ("<f4", ("V", 3, "E")),
    "faces": ("<i4", ("F", 3)),
    "face_parts": ("<i4", ("F",)),
    "joint_positions": ("<f8", (len(JOINT_NAMES), 3)),
    "joint_shape_basis": ("<f8", (len(JOINT_NAMES), 3, "S")),
    "skin_weights": ("<f8", ("V", len(JOINT_NAMES))),
    "landmark_faces": ("<i4", (NUM_LANDMARKS,)),
    "landmark_barycentrics": ("<f8", (NUM_LANDMARKS, 3)),
    "shape_deviations": ("<f8", ("S",)),
    "expression_deviations": ("<f8", ("E",)),
    "control_expressions": ("<f8", ("C", "E")),
    "control_joints": ("<f8", ("C", len(JOINT_NAMES), 3)),
    "control_ranges": ("<f8", ("C", 2)),
    "joint_expression_basis": ("<f8", (len(JOINT_NAMES), 3, "E")),
    "pose_basis": ("<f4", ("V", 3, 36)),
}
_OPTIONAL = ("joint_expression_basis", "pose_basis")
_WHAT = "head model of likeness"


def content_version(*arrays: Float[np.ndarray, "..."]) -> str:
    """A short name for what coefficients mean on a head: it changes with its template and bases."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()[:8]


def save_head(path: Path, head: HeadModel, *, overwrite: bool = False) -> None:
    """Write a head model; the file appears complete or not at all.

    Raises:
        OutputError: the name is taken or cannot be written.
        ValueError: the head itself is not consistent.
    """
    arrays = {name: np.asarray(array).astype(_ARRAYS[name][0]) for name, array in _arrays_of(head).items()}
    header = {
        "format": FORMAT_NAME,
        "format_version": FORMAT_VERSION,
        "name": head.name,
        "version": head.version,
        "part_names": list(head.part_names),
        "expression_names": list(head.expression_names),
        "control_names": [control.name for control in head.controls],
    }
    problem = _problem(header, arrays)
    if problem:
        raise ValueError(f"not a valid head model: {problem}")
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    write_arrays(path, {_HEADER: text, **arrays}, overwrite=overwrite)


def load_head(path: Path) -> HeadModel:
    """Read and check a converted head model.

    Raises:
        InputError: the file is missing, damaged, of a later version, or no converted head.
    """
    arrays = read_arrays(path, what=_WHAT, wanted={_HEADER, *_ARRAYS})
    header = _header(Path(path), arrays.pop(_HEADER, None))
    problem = _problem(header, arrays)
    if problem:
        raise InputError(f"{path} is damaged ({problem}): convert the head again")
    controls = tuple(
        Control(name=name, expression=expression, joints=joints, minimum=float(low), maximum=float(high))
        for name, expression, joints, (low, high) in zip(
            header["control_names"],
            arrays.pop("control_expressions"),
            arrays.pop("control_joints"),
            arrays.pop("control_ranges"),
            strict=True,
        )
    )
    return HeadModel(
        name=header["name"],
        version=header["version"],
        part_names=tuple(header["part_names"]),
        expression_names=tuple(header["expression_names"]),
        controls=controls,
        **arrays,
    )


def _arrays_of(head: HeadModel) -> dict[str, np.ndarray]:
    controls = {
        "control_expressions": np.array([c.expression for c in head.controls]).reshape(-1, head.num_expression),
        "control_joints": np.array([c.joints for c in head.controls]).reshape(-1, len(JOINT_NAMES), 3),
        "control_ranges": np.array([(c.minimum, c.maximum) for c in head.controls]).reshape(-1, 2),
    }
    found = {name: controls.get(name, getattr(head, name, None)) for name in _ARRAYS}
    return {name: array for name, array in found.items() if array is not None}


def _header(path: Path, content: np.ndarray | None) -> dict:
    if content is None or content.dtype != np.uint8:
        raise InputError(f"{path} is no converted head: make one with `likeness head convert`")
    try:
        header = json.loads(content.tobytes().decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged (its header cannot be read): convert the head again") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT_NAME:
        raise InputError(f"{path} is no converted head: make one with `likeness head convert`")
    version = header.get("format_version")
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise InputError(f"{path} has format version {version}, this program reads {FORMAT_VERSION}: update likeness")
    return header


def _problem(header: dict, arrays: dict[str, np.ndarray]) -> str | None:
    """What is wrong with a head, in a few words, or None."""
    for key in ("name", "version"):
        if not isinstance(header.get(key), str) or not header[key]:
            return f"no {key}"
    sizes: dict[str, int] = {}
    for key, letter in (("part_names", ""), ("expression_names", "E"), ("control_names", "C")):
        names = header.get(key)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return f"{key} are no names"
        if len(set(names)) != len(names):
            return f"{key} are not distinct"
        sizes[letter] = len(names)
    missing = [name for name in _ARRAYS if name not in arrays and name not in _OPTIONAL]
    if missing:
        return f"without {missing[0]}"
    for name, array in arrays.items():
        dtype, pattern = _ARRAYS[name]
        if array.ndim != len(pattern) or array.dtype != np.dtype(dtype):
            return f"{name} is {array.dtype} {array.shape}"
        for side, entry in zip(array.shape, pattern, strict=True):
            if side != (sizes.setdefault(entry, side) if isinstance(entry, str) else entry):
                return f"{name} has the shape {array.shape}"
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"{name} holds numbers that are not finite"
    if not 3 <= sizes["V"] <= MAX_VERTICES or max(sizes["S"], sizes["E"]) > MAX_COEFFICIENTS:
        return f"{sizes['V']} vertices, {sizes['S']} and {sizes['E']} coefficients"
    for name, limit in (("faces", sizes["V"]), ("landmark_faces", sizes["F"]), ("face_parts", sizes[""])):
        if arrays[name].size == 0 or arrays[name].min() < 0 or arrays[name].max() >= limit:
            return f"{name} leave 0 to {limit - 1}"
    if np.abs(arrays["skin_weights"].sum(axis=1) - 1.0).max() > 1e-3:
        return "skin weights do not sum to 1"
    if arrays["shape_deviations"].size and arrays["shape_deviations"].min() <= 0.0:
        return "shape deviations are not positive"
    if arrays["expression_deviations"].size and arrays["expression_deviations"].min() <= 0.0:
        return "expression deviations are not positive"
    return None
