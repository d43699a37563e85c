"""Judging networks: what is missing says so; ArcFace from files, on a tiny ONNX model made by hand."""

import struct
from pathlib import Path

import numpy as np
import pytest

from likeness.data.face_places import ALIGNED, similarity
from likeness.errors import InputError
from likeness.evaluation.arcface import aligned_face, load_arcface
from likeness.evaluation.detail_tables import detail_tables
from likeness.evaluation.identity import identity_similarity
from likeness.evaluation.networks import NO_NETWORKS, NOT_INSTALLED, open_networks


def field(number: int, content: bytes | int) -> bytes:
    """One field of a protobuf message."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + struct.pack("B", value & 127 | 128), value >> 7
    return out + struct.pack("B", value)


def mean_colour_model() -> bytes:
    """ONNX: an aligned face to its mean colour."""

    def tensor(name: bytes, *sides: int) -> bytes:
        shape = b"".join(field(1, field(1, side)) for side in sides)
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    node = field(1, b"x") + field(2, b"y") + field(3, b"pool") + field(4, b"GlobalAveragePool")
    graph = (
        field(1, node) + field(2, b"g") + field(11, tensor(b"x", 1, 3, 112, 112)) + field(12, tensor(b"y", 1, 3, 1, 1))
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13))


def face_points(scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """Landmarks whose five points are the aligned ones, scaled and shifted."""
    from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING, NOSE_TIP

    points = np.zeros((478, 3))
    for places, target in zip((EYE_RIGHT_RING, EYE_LEFT_RING, [NOSE_TIP], [61], [291]), ALIGNED, strict=True):
        points[list(places), :2] = scale * target + shift
    return points


def test_five_points_bring_a_face_to_its_place():
    target = similarity(2.0 * ALIGNED + 7.0, ALIGNED)
    np.testing.assert_allclose(target, [[0.5, 0.0, -3.5], [0.0, 0.5, -3.5]], atol=1e-9)
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    np.testing.assert_array_equal(aligned_face(image, face_points()), image)
    large = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    found = aligned_face(large, face_points(2.0))
    assert np.abs(found.astype(int) - image).mean() < 1.0  # pixel centres: no shift by half a pixel


def test_an_onnx_model_embeds_faces(tmp_path: Path):
    path = tmp_path / "arcface.onnx"
    path.write_bytes(mean_colour_model())
    embed = open_networks(tmp_path).embedders["arcface"]
    image = np.zeros((112, 112, 3), np.uint8)
    image[..., 0] = 255
    found = embed(image, face_points())
    np.testing.assert_allclose(found, np.array([1.0, -1.0, -1.0]) / np.sqrt(3.0), atol=1e-5)
    assert np.isnan(embed(image, np.full((478, 3), np.nan))).all()


def test_cosines():
    assert identity_similarity(np.array([[3.0, 0.0], [1.0, 1.0]]), np.array([2.0, 0.0])) == pytest.approx(
        [1.0, np.sqrt(0.5)]
    )


def test_files_that_are_none_are_refused(tmp_path: Path):
    (tmp_path / "arcface.onnx").write_bytes(b"nothing of the kind")
    (tmp_path / "empty").mkdir()
    for action in (
        lambda: load_arcface(tmp_path / "arcface.onnx"),
        lambda: load_arcface(tmp_path / "missing.onnx"),
        lambda: open_networks(tmp_path / "empty"),
        lambda: open_networks(tmp_path / "nowhere"),
    ):
        with pytest.raises(InputError) as error:
            action()
        assert "\n" not in str(error.value)


def test_a_missing_network_is_told_and_never_a_number():
    rows = [{"item": "a", "csim_dlib": 0.9}]
    table = detail_tables(rows, {}, networks=NO_NETWORKS)[-1]
    assert {row[1] for row in table.rows} == {NOT_INSTALLED}


def test_fid_needs_a_network_and_enough_pictures():
    from likeness.evaluation.detail_tables import fid_table

    generator = np.random.default_rng(0)
    truth = generator.standard_normal((80, 4))
    assert fid_table({}, {"": "ours"}).rows == (("all", NOT_INSTALLED, ""),)
    features = {"clip": truth, "": truth + 1.0, "_copy": truth[:20]}
    rows = fid_table(features, {"": "ours", "_copy": "copy", "@x": "other"}).rows
    assert rows == (("ours", "4.0", "80 / 80"), ("copy", "fewer than 64 pictures", "20 / 80"))
