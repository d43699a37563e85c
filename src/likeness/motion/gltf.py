"""A motion as a binary glTF 2.0 file (`.glb`): the mesh of the person with one morph target per coefficient, five
joints, the head before its camera, and the animation of all of them. Any 3D program plays it.

Source: the glTF 2.0 specification (Khronos), sections 3.7 (morph targets, skins) and 3.11 (animations).
"""

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from likeness.errors import OutputError
from likeness.files import atomic_output
from likeness.geometry.mesh import vertex_normals
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.model import JOINT_NAMES, JOINT_PARENTS, HeadModel
from likeness.heads.skinning import unposed_vertices
from likeness.motion.record import Motion

SUFFIX = ".glb"
MAX_BYTES = 2 << 30
INFLUENCES = 4  # joints per vertex that the format's first set holds
OPENGL = np.diag([1.0, -1.0, -1.0])  # OpenCV camera axes to those of glTF, where a camera looks along -z
NEAR = 0.01  # metres
UNUSED = 1e-9  # m: a pose corrective that moves nothing further gets no target
_FLOAT, _UNSIGNED, _BYTE = 5126, 5125, 5121
_TYPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_COLOURS = {"eye_left": (0.95, 0.95, 0.95), "eye_right": (0.95, 0.95, 0.95), "mouth": (0.2, 0.04, 0.05)}
_SKIN_COLOUR = (0.75, 0.52, 0.4)
_MATRICES = ("neck", "jaw", "eye_left", "eye_right")


class _Buffer:
    """The binary chunk with its views and accessors."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.views: list[dict] = []
        self.accessors: list[dict] = []

    def add(self, array: np.ndarray, *, target: int | None = None, with_range: bool = False) -> int:
        """Appends an array [N ...]; returns the number of its accessor."""
        data = np.ascontiguousarray(array)
        kind = {"f": _FLOAT, "u": _UNSIGNED if data.itemsize == 4 else _BYTE}[data.dtype.kind]
        self.content += b"\0" * (-len(self.content) % 4)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.content), "byteLength": data.nbytes}
        if target is not None:
            view["target"] = target
        accessor: dict[str, Any] = {
            "bufferView": len(self.views),
            "componentType": kind,
            "count": len(data),
            "type": _TYPES[data.shape[1:]],
        }
        if with_range:
            low, high = data.min(axis=0), data.max(axis=0)
            accessor |= {"min": np.atleast_1d(low).tolist(), "max": np.atleast_1d(high).tolist()}
        self.content += data.tobytes()
        self.views.append(view)
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def save_glb(path: Path, motion: Motion, head: HeadModel, *, overwrite: bool = False) -> None:
    """Write the motion with its person's mesh. +y is up, +z out of the face, metres; the camera stands at the origin.

    Deviation: joints stay where they are at rest (FLAME moves them a little with the expression), and a vertex follows
    at most four joints. Lids move as far as the head has shapes for them.

    Raises:
        OutputError: the name is taken, cannot be written, or the file would be too large.
        ValueError: the motion's coefficients are not those of the head.
    """
    if motion.expression.shape[1] != head.num_expression or len(motion.shape) != head.num_shape:
        raise ValueError(f"the motion has {motion.expression.shape[1]} coefficients, the head {head.num_expression}")
    targets, names, weights = _morphs(motion, head)
    size = 12 * len(head.template) * len(names) + 4 * weights.size
    if size > MAX_BYTES:
        raise OutputError(f"{path} would have {size >> 20} MB: cut the motion with `likeness motion edit`")
    buffer = _Buffer()
    document = _document(buffer, motion, head, targets, names)
    document["animations"] = [_animation(buffer, motion, head, weights)]
    document |= {
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
        "buffers": [{"byteLength": len(buffer.content)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = bytes(buffer.content) + b"\0" * (-len(buffer.content) % 4)
    with atomic_output(path, overwrite=overwrite) as partial, partial.open("wb") as stream:
        stream.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary)))
        stream.write(struct.pack("<I4s", len(text), b"JSON") + text)
        stream.write(struct.pack("<I4s", len(binary), b"BIN\0") + binary)


def _morphs(motion: Motion, head: HeadModel) -> tuple[Float[np.ndarray, "V 3 M"], list[str], Float[np.ndarray, "T M"]]:
    """Displacements, names and weights per frame: expression, then pose correctives by the entries of (R - 1)."""
    names = list(head.expression_names)
    if head.pose_basis is None:
        return head.expression_basis, names, motion.expression
    turns = np.stack([matrix_from_axis_angle(getattr(motion, name)) for name in _MATRICES], axis=1)  # [T 4 3 3]
    entries = (turns - np.eye(3)).reshape(len(motion), -1)
    used = np.abs(head.pose_basis).max(axis=(0, 1)) * np.abs(entries).max(axis=0) > UNUSED
    names += [f"pose_{_MATRICES[index // 9]}_{index % 9}" for index in np.flatnonzero(used)]
    basis = np.concatenate([head.expression_basis, head.pose_basis[..., used]], axis=2)
    return basis, names, np.concatenate([motion.expression, entries[:, used]], axis=1)


def _document(
    buffer: _Buffer, motion: Motion, head: HeadModel, targets: Float[np.ndarray, "V 3 M"], names: Sequence[str]
) -> dict[str, Any]:
    """Nodes, mesh, skin and camera; nodes 0 to 4 are the joints, then head, mesh and camera."""
    vertices = unposed_vertices(head, motion.shape, np.zeros(head.num_expression))
    joints = head.joints_of(motion.shape)
    order = np.argsort(-head.skin_weights, axis=1)[:, :INFLUENCES]
    shares = np.take_along_axis(head.skin_weights, order, axis=1)
    shares = shares / shares.sum(axis=1, keepdims=True)
    attributes = {
        "POSITION": buffer.add(vertices.astype("<f4"), target=34962, with_range=True),
        "NORMAL": buffer.add(_unit(vertex_normals(vertices, head.faces)).astype("<f4"), target=34962),
        "JOINTS_0": buffer.add(np.where(shares > 0.0, order, 0).astype("u1"), target=34962),
        "WEIGHTS_0": buffer.add(shares.astype("<f4"), target=34962),
    }
    morphs = [
        {"POSITION": buffer.add(targets[..., index].astype("<f4"), with_range=True)} for index in range(len(names))
    ]
    parts = [part for part in head.part_names if (head.face_parts == head.part_names.index(part)).any()]
    primitives = [
        {
            "attributes": attributes,
            "indices": buffer.add(head.part_faces(part).astype("<u4").ravel(), target=34963),
            "material": number,
            "targets": morphs,
        }
        for number, part in enumerate(parts)
    ]
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    inverse[:, :3, 3] = -joints
    nodes: list[dict[str, Any]] = []
    for joint, parent in enumerate(JOINT_PARENTS):
        place = joints[joint] - (joints[parent] if parent >= 0 else 0.0)
        children = [child for child, above in enumerate(JOINT_PARENTS) if above == joint]
        nodes.append({"name": JOINT_NAMES[joint], "translation": place.tolist()} | _some("children", children))
    count = len(nodes)
    nodes += [
        {"name": "head", "children": [0]},
        {"name": "face", "mesh": 0, "skin": 0},
        {"name": "camera", "camera": 0},
    ]
    aspect = motion.image_size[0] / motion.image_size[1]
    return {
        "asset": {"version": "2.0", "generator": "likeness"},
        "scene": 0,
        "scenes": [{"nodes": [count, count + 1, count + 2]}],
        "nodes": nodes,
        "meshes": [{"primitives": primitives, "extras": {"targetNames": list(names)}, "weights": [0.0] * len(names)}],
        "materials": [
            {
                "name": part,
                "pbrMetallicRoughness": {
                    "baseColorFactor": [*_COLOURS.get(part, _SKIN_COLOUR), 1.0],
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.7,
                },
                "doubleSided": True,
            }
            for part in parts
        ],
        "skins": [
            {"joints": list(range(count)), "inverseBindMatrices": buffer.add(inverse.transpose(0, 2, 1).astype("<f4"))}
        ],
        "cameras": [
            {
                "type": "perspective",
                "perspective": {
                    "aspectRatio": aspect,
                    "yfov": float(2.0 * np.arctan(0.5 / motion.intrinsics[1, 1])),
                    "znear": NEAR,
                },
            }
        ],
    }


def _animation(buffer: _Buffer, motion: Motion, head: HeadModel, weights: Float[np.ndarray, "T M"]) -> dict[str, Any]:
    """Rotations of joints and head, the head's place, and the weights of the morph targets."""
    times = buffer.add((motion.times - motion.times[0]).astype("<f4"), with_range=True)
    count = len(JOINT_PARENTS)
    turned = OPENGL @ matrix_from_axis_angle(motion.rotation)
    tracks = [
        (count, "rotation", _quaternions(turned)),
        (count, "translation", motion.translation @ OPENGL),
        *(
            (JOINT_NAMES.index(name), "rotation", _quaternions(matrix_from_axis_angle(getattr(motion, name))))
            for name in _MATRICES
        ),
        (count + 1, "weights", weights.reshape(-1)),
    ]
    samplers = [
        {"input": times, "output": buffer.add(values.astype("<f4")), "interpolation": "LINEAR"}
        for _, _, values in tracks
    ]
    channels = [
        {"sampler": number, "target": {"node": node, "path": path}} for number, (node, path, _) in enumerate(tracks)
    ]
    return {"name": motion.source or "motion", "samplers": samplers, "channels": channels}


def _quaternions(matrices: Float[np.ndarray, "T 3 3"]) -> Float[np.ndarray, "T 4"]:
    """Unit quaternions x, y, z, w, each on the same side as the one before, so that players go the short way."""
    from scipy.spatial.transform import Rotation

    quaternions = Rotation.from_matrix(matrices).as_quat()
    turns = np.where((quaternions[1:] * quaternions[:-1]).sum(axis=1) < 0.0, -1.0, 1.0)
    quaternions[1:] *= np.cumprod(turns)[:, None]
    return quaternions


def _unit(vectors: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 1e-12, vectors / np.maximum(lengths, 1e-12), [0.0, 0.0, 1.0])


def _some(key: str, values: list[int]) -> dict[str, list[int]]:
    """An entry that the format forbids to be empty."""
    return {key: values} if values else {}
