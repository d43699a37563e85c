import pytest
import torch

from likeness.errors import InputError
from likeness.nn.load_report import load_tensors


def test_whole_numbers_do_not_stand_for_others():
    network = {"weight": torch.ones(3), "steps": torch.tensor([1])}
    with pytest.raises(InputError, match="weight holds int64"):
        load_tensors(network, {"weight": torch.arange(3), "steps": torch.tensor([2])}, part="one")
    assert network["steps"].item() == 1
    report = load_tensors(network, {"weight": torch.arange(3).half(), "steps": torch.tensor([2])}, part="one")
    assert report.loaded == 2 and network["weight"].tolist() == [0.0, 1.0, 2.0]
