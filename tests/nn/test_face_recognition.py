"""The recogniser: the layout of the public file, its depth, alignment, and files that are something else."""

import pytest
import torch

from likeness.errors import InputError
from likeness.nn.face_recognition import SIDE, FaceRecogniser, aligned_faces, load_recogniser

NAMES = {
    "conv1.weight", "bn1.running_mean", "prelu.weight", "layer1.0.downsample.0.weight", "layer1.0.downsample.1.bias",
    "layer2.1.bn3.weight", "layer4.1.prelu.weight", "bn2.weight", "fc.weight", "features.running_var",
}  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    torch.manual_seed(0)
    tensors = FaceRecogniser((2, 2, 2, 2)).state_dict()
    assert set(tensors) >= NAMES
    path = tmp_path_factory.mktemp("r18") / "backbone.pth"
    torch.save({name: value for name, value in tensors.items() if "num_batches" not in name}, path)
    return path


def test_a_file_gives_embeddings_of_length_one_that_tell_faces_apart(file):
    network = load_recogniser(file)
    faces = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2.0 - 1.0
    embedded = network(faces)
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(3))
    assert (embedded[0] @ embedded[1]) < 0.9999
    assert not any(value.requires_grad for value in network.parameters())


def test_other_files_are_one_line(file, tmp_path):
    torch.save({"layer1.0.bn1.weight": torch.zeros(64)}, tmp_path / "other.pth")
    tensors = torch.load(file)
    tensors["fc.weight"] = tensors["fc.weight"][:, :10]
    torch.save(tensors, tmp_path / "cut.pth")
    for name in ("other.pth", "cut.pth", "missing.pth"):
        with pytest.raises(InputError) as error:
            load_recogniser(tmp_path / name)
        assert "\n" not in str(error.value)


def test_a_map_that_only_scales_cuts_out_the_picture_itself():
    picture = torch.rand(1, 3, SIDE, SIDE)
    scale = 2.0 / SIDE
    whole = torch.tensor([[[scale, 0.0, -1.0], [0.0, scale, -1.0]]])
    torch.testing.assert_close(aligned_faces(picture, whole), picture, atol=1e-4, rtol=0.0)
