import json
import os

import pytest
import torch
from safetensors.torch import save_file

from likeness.errors import InputError
from likeness.training.checkpoint import FORMAT, Checkpoint, load_checkpoint, save_checkpoint

NOTE = {"format": FORMAT, "step": 3, "elapsed_seconds": 1.5, "settings": {}, "unlogged": {}}


@pytest.mark.parametrize(
    ("changes", "is_good"),
    [
        ({}, True),
        ({"step": float("inf")}, False),
        ({"step": -5}, False),
        ({"step": 2.5}, False),
        ({"step": 10**12}, False),
        ({"elapsed_seconds": float("nan")}, False),
        ({"elapsed_seconds": float("inf")}, False),
        ({"elapsed_seconds": -1.0}, False),
    ],
)
def test_counters_that_cannot_be_are_damage(tmp_path, changes, is_good):
    path = tmp_path / "step-00000003.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata={"likeness": json.dumps(NOTE | changes)})
    if is_good:
        assert load_checkpoint(path).step == 3
        return
    with pytest.raises(InputError, match="is damaged: remove it"):
        load_checkpoint(path)


def test_a_checkpoint_follows_the_umask(tmp_path):
    before = os.umask(0o022)
    try:
        state = Checkpoint(step=3, elapsed_seconds=1.0, settings={}, unlogged={}, tensors={"a": torch.zeros(2)})
        path = save_checkpoint(tmp_path, state, keep=1)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
