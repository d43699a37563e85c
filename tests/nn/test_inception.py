"""Inception-v3 of FID: the size of its parts, the odd poolings, and files of another kind."""

import pytest
import torch

from likeness.errors import InputError
from likeness.nn.inception import FEATURES, FidInception, load_inception

PARAMETERS = 21_785_568  # of Inception-v3 without classifier and auxiliary head


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return FidInception().eval()


def test_it_has_the_parameters_of_the_network(network):
    assert sum(value.numel() for value in network.parameters()) == PARAMETERS
    assert not any(value.requires_grad for value in network.parameters())
    names = set(network.state_dict())
    assert {"Mixed_5b.branch5x5_2.conv.weight", "Mixed_6a.branch3x3dbl_3.bn.running_var"} <= names
    assert {"Mixed_7c.branch3x3dbl_3b.conv.weight", "Mixed_6e.branch_pool.conv.weight"} <= names
    assert "Mixed_7a.branch_pool.conv.weight" not in names


def test_blocks_have_the_widths_and_sizes_of_the_paper(network):
    x = torch.rand(1, 192, 35, 35)
    sizes = []
    for name in ("5b", "5c", "5d", "6a", "6b", "6e", "7a", "7b", "7c"):
        x = network.get_submodule(f"Mixed_{name}")(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes == [
        (256, 35, 35),
        (288, 35, 35),
        (288, 35, 35),
        *[(768, 17, 17)] * 3,
        (1280, 8, 8),
        *[(2048, 8, 8)] * 2,
    ]


def test_padding_is_not_averaged_in(network):
    block = network.Mixed_5b
    seen = []
    handle = block.branch_pool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    block(torch.ones(1, 192, 5, 5))
    network.Mixed_7c(torch.arange(25.0).view(1, 1, 5, 5).expand(1, 2048, 5, 5))
    handle.remove()
    torch.testing.assert_close(seen[0], torch.ones(1, 192, 5, 5))


def test_features_of_any_size(network):
    with torch.no_grad():
        assert network(torch.rand(1, 3, 64, 80) * 2 - 1).shape == (1, FEATURES)


def test_files_are_read_by_their_names(network, tmp_path):
    stored = {name: value for name, value in network.state_dict().items() if "num_batches" not in name}
    torch.save(
        stored | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}, tmp_path / "inception.pth"
    )
    again = load_inception(tmp_path / "inception.pth")
    torch.testing.assert_close(again.Mixed_6c.branch7x7_2.conv.weight, network.Mixed_6c.branch7x7_2.conv.weight)
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError):
        load_inception(tmp_path / "other.pth")
