"""The written glTF, read back by its specification alone, gives the meshes that the motion poses."""

import json
import struct

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from likeness.errors import OutputError
from likeness.heads.builtin import builtin_head
from likeness.heads.library import convert_head
from likeness.heads.skinning import posed_vertices
from likeness.motion.gltf import save_glb
from tests.heads.standins import flame_folder
from tests.heads_for_tests import still_motion

OPENGL = np.diag([1.0, -1.0, -1.0])
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
KINDS = {5126: "<f4", 5125: "<u4", 5121: "u1"}


def read_glb(path):
    content = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content)) and length % 4 == 0
    size, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON" and size % 4 == 0
    document = json.loads(content[20 : 20 + size])
    binary_size, kind = struct.unpack_from("<I4s", content, 20 + size)
    assert kind == b"BIN\0" and 28 + size + binary_size == length
    return document, content[28 + size :]


def accessor(document, binary, number):
    entry = document["accessors"][number]
    view = document["bufferViews"][entry["bufferView"]]
    assert view["byteOffset"] % 4 == 0
    width = WIDTHS[entry["type"]]
    flat = np.frombuffer(binary, KINDS[entry["componentType"]], entry["count"] * width, view["byteOffset"])
    return flat if width == 1 else flat.reshape(-1, width)


def world_vertices(document, binary, index):
    """Vertices of one key in the scene, as a player computes them (glTF 2.0, 3.7.2 and 3.7.3)."""
    nodes = [dict(node) for node in document["nodes"]]
    weights = None
    for channel in document["animations"][0]["channels"]:
        sampler = document["animations"][0]["samplers"][channel["sampler"]]
        values = accessor(document, binary, sampler["output"])
        target = channel["target"]
        if target["path"] == "weights":
            weights = values.reshape(len(accessor(document, binary, sampler["input"])), -1)[index]
        else:
            nodes[target["node"]][target["path"]] = values[index]
    worlds = {}

    def visit(number, above):
        local = np.eye(4)
        local[:3, 3] = nodes[number].get("translation", np.zeros(3))
        local[:3, :3] = Rotation.from_quat(nodes[number].get("rotation", [0, 0, 0, 1])).as_matrix()
        worlds[number] = above @ local
        for child in nodes[number].get("children", []):
            visit(child, worlds[number])

    for number in document["scenes"][0]["nodes"]:
        visit(number, np.eye(4))
    primitive = document["meshes"][0]["primitives"][0]
    points = accessor(document, binary, primitive["attributes"]["POSITION"]).astype(float)
    for weight, target in zip(weights, primitive["targets"], strict=True):
        points = points + weight * accessor(document, binary, target["POSITION"])
    skin = document["skins"][0]
    binds = accessor(document, binary, skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    matrices = np.stack([worlds[node] @ bind for node, bind in zip(skin["joints"], binds, strict=True)])
    joints = accessor(document, binary, primitive["attributes"]["JOINTS_0"])
    shares = accessor(document, binary, primitive["attributes"]["WEIGHTS_0"])
    blended = np.einsum("vk,vkxy->vxy", shares, matrices[joints])
    return np.einsum("vxy,vy->vx", blended, np.column_stack([points, np.ones(len(points))]))[:, :3]


@pytest.mark.parametrize("kind", ["builtin", "flame"])
def test_a_player_sees_the_motion(kind, tmp_path):
    head = builtin_head() if kind == "builtin" else convert_head(flame_folder(tmp_path))
    generator = np.random.default_rng(0)
    motion = still_motion(head, 4, fps=10.0)
    changes = {name: 0.2 * generator.normal(size=(4, 3)) for name in ("neck", "jaw", "eye_left", "eye_right")}
    motion = motion.with_frames(
        rotation=motion.rotation + 0.3 * generator.normal(size=(4, 3)),
        expression=0.3 * generator.normal(size=motion.expression.shape) * head.expression_deviations,
        shape=generator.normal(size=head.num_shape) * head.shape_deviations,
        **changes,
    )
    save_glb(tmp_path / "clip.glb", motion, head)
    document, binary = read_glb(tmp_path / "clip.glb")
    names = document["meshes"][0]["extras"]["targetNames"]
    assert names[: head.num_expression] == list(head.expression_names)
    assert sum(document["accessors"][part["indices"]]["count"] for part in document["meshes"][0]["primitives"]) == (
        head.faces.size
    )
    # FLAME's joints follow the expression, those of a glTF skin do not.
    tolerance = 2e-6 if kind == "builtin" else 3e-3
    for index in (0, 3):
        frame = motion.frame(index)
        posed = posed_vertices(head, motion.shape, frame.expression, frame.joints)
        expected = frame.T_cam_head.apply(posed) @ OPENGL
        np.testing.assert_allclose(world_vertices(document, binary, index), expected, atol=tolerance)
    times = accessor(document, binary, document["animations"][0]["samplers"][0]["input"])
    np.testing.assert_allclose(times, [0.0, 0.1, 0.2, 0.3], atol=1e-6)
    with pytest.raises(OutputError, match="exists already"):
        save_glb(tmp_path / "clip.glb", motion, head)


def test_another_heads_motion_is_refused(tmp_path):
    motion = still_motion(builtin_head(), 2)
    with pytest.raises(ValueError, match="coefficients"):
        save_glb(tmp_path / "clip.glb", motion.with_frames(expression=np.zeros((2, 3))), builtin_head())
