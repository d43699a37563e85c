"""FVD from a local ONNX file, on a tiny model made by hand: the mean of each channel over space and time."""

import sys
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import InputError, LikenessError
from likeness.evaluation.detail_tables import fvd_table
from likeness.evaluation.feature_sets import VideoNetwork
from likeness.evaluation.networks import NO_NETWORKS, NOT_INSTALLED, open_networks
from likeness.evaluation.video_features import load_video_network
from tests.evaluation.test_networks import field

FRAMES = 4


def pooling_model(*sides: int) -> bytes:
    """ONNX: global average pooling of a tensor of those sides."""

    def tensor(name: bytes, sizes: tuple[int, ...]) -> bytes:
        shape = b"".join(field(1, field(1, side)) for side in sizes)
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    node = field(1, b"x") + field(2, b"y") + field(3, b"pool") + field(4, b"GlobalAveragePool")
    ends = sides[:2] + (1,) * (len(sides) - 2)
    graph = field(1, node) + field(2, b"g") + field(11, tensor(b"x", sides)) + field(12, tensor(b"y", ends))
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13))


def test_a_network_from_a_file_sees_colours_from_minus_one_to_one(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "i3d.onnx").write_bytes(pooling_model(1, 3, FRAMES, 224, 224))
    networks = open_networks(tmp_path)
    assert networks.video is not None and "i3d" in networks.names.split()
    assert (networks.video.frames, networks.video.side) == (FRAMES, 224)
    clip = np.zeros((FRAMES, 224, 224, 3), np.uint8)
    clip[:2, ..., 0], clip[..., 1] = 255, 255
    np.testing.assert_allclose(networks.video.features(clip), [0.0, 1.0, -1.0], atol=1e-5)


@pytest.mark.parametrize("content", [b"nothing", pooling_model(1, 3, 112, 112), pooling_model(1, 3, FRAMES, 64, 64)])
def test_files_that_are_none_are_refused(content: bytes, tmp_path: Path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "i3d.onnx").write_bytes(content)
    with pytest.raises(InputError, match="is no ONNX model") as error:
        load_video_network(tmp_path / "i3d.onnx")
    assert "\n" not in str(error.value)


def test_without_what_reads_it_one_line_says_so(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "i3d.onnx").write_bytes(b"unread")
    with pytest.raises(LikenessError, match=r"pip install .*export"):
        load_video_network(tmp_path / "i3d.onnx")
    with pytest.raises(InputError, match="missing"):
        load_video_network(tmp_path / "nowhere.onnx")


def test_a_program_is_not_opened(tmp_path: Path):
    (tmp_path / "i3d_torchscript.pt").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"i3d\.onnx"):
        open_networks(tmp_path)


def test_fvd_is_a_number_only_where_there_are_sequences():
    assert fvd_table({}, {"": "ours"}, NO_NETWORKS.video).rows == (("all", NOT_INSTALLED, ""),)
    network = VideoNetwork(frames=16, side=224, features=lambda clip: clip)
    assert fvd_table({}, {"": "ours"}, network).rows == (("all", "no 16 successive frames: give more --frames", ""),)
    truth = np.random.default_rng(0).standard_normal((64, 4))
    rows = fvd_table({"clip": truth, "": truth + 1.0, "_copy": truth[:9]}, {"": "ours", "_copy": "copy"}, network).rows
    assert rows == (("ours", "4.0", "64 / 64"), ("copy", "fewer than 64 sequences", "9 / 64"))
