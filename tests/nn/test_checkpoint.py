"""Weights folders: what other users of a machine may read."""

import os

import torch

from likeness.export3d.config import SuperResolutionSettings
from likeness.nn.checkpoint import WeightsHeader, save_weights

CONFIG = SuperResolutionSettings(first=8, blocks=1, doublings=(4,))


def test_files_follow_the_umask(tmp_path):
    header = WeightsHeader(method="toy", head_name="builtin", head_version="1", parts=("one",), trained="never")
    before = os.umask(0o027)
    try:
        save_weights(tmp_path / "weights", {"one": {"a": torch.zeros(3)}}, header=header, config=CONFIG)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "weights").iterdir()}
    assert modes == {"one.safetensors": 0o640, "weights.json": 0o640}
