"""Packed weights: half as large, nearly the same numbers, damage is noticed."""

import json

import pytest
import torch

from likeness.errors import InputError, OutputError
from likeness.export3d.config import SuperResolutionSettings
from likeness.nn import shipped
from likeness.nn.checkpoint import HEADER, WeightsHeader, read_config, read_part, save_weights
from likeness.nn.packed import pack_weights
from likeness.nn.shipped import CHECKSUMS, check_packed, checksum, shipped_weights

CONFIG = SuperResolutionSettings(first=8, blocks=1, doublings=(4,))


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    header = WeightsHeader(
        method="export3d", head_name="builtin", head_version="1", parts=("one", "two"), trained="never"
    )
    parts = {"one": {"a": torch.randn(200, 100)}, "two": {"steps": torch.tensor([7])}}
    save_weights(tmp_path / "weights", parts, header=header, config=CONFIG)
    return tmp_path / "weights"


def test_numbers_come_back_in_half_the_size(folder, tmp_path):
    size = pack_weights(folder, tmp_path / "packed")
    assert size < 0.55 * sum(path.stat().st_size for path in folder.iterdir())
    check_packed(tmp_path / "packed")
    one, again = read_part(folder, "one")["a"], read_part(tmp_path / "packed", "one")["a"]
    assert again.dtype == torch.float16
    torch.testing.assert_close(again.float(), one, atol=2e-3, rtol=1e-3)
    assert read_part(tmp_path / "packed", "two")["steps"].item() == 7
    assert read_config(tmp_path / "packed", SuperResolutionSettings) == CONFIG
    with pytest.raises(OutputError, match="exists already"):
        pack_weights(folder, tmp_path / "packed")


def test_damage_is_noticed(folder, tmp_path):
    pack_weights(folder, tmp_path / "packed")
    content = json.loads((tmp_path / "packed" / HEADER).read_text())
    (tmp_path / "packed" / HEADER).write_text(json.dumps(content | {"trained": "always"}))
    with pytest.raises(InputError, match="not what it was"):
        check_packed(tmp_path / "packed")
    sums = json.loads((tmp_path / "packed" / CHECKSUMS).read_text())
    (tmp_path / "packed" / "notes.txt").write_text("")
    sums["notes.txt"] = checksum(tmp_path / "packed" / "notes.txt")
    sums[HEADER] = checksum(tmp_path / "packed" / HEADER)
    del sums["one.safetensors"]  # as many names as files, but not theirs
    (tmp_path / "packed" / CHECKSUMS).write_text(json.dumps(sums))
    with pytest.raises(InputError, match="does not name every file"):
        check_packed(tmp_path / "packed")
    (tmp_path / "packed" / CHECKSUMS).write_text("{}")
    with pytest.raises(InputError, match="does not name every file"):
        check_packed(tmp_path / "packed")
    (tmp_path / "packed" / CHECKSUMS).unlink()
    with pytest.raises(InputError, match="missing or damaged"):
        check_packed(tmp_path / "packed")


def test_numbers_beyond_half_precision_are_refused(folder, tmp_path):
    header = WeightsHeader(method="export3d", head_name="builtin", head_version="1", parts=("one",), trained="never")
    save_weights(tmp_path / "large", {"one": {"a": torch.tensor([1e6])}}, header=header, config=CONFIG)
    with pytest.raises(InputError, match="beyond half precision"):
        pack_weights(tmp_path / "large", tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_shipped_folders_are_found_and_checked(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "assets")
    with pytest.raises(InputError, match="add --weights"):
        shipped_weights("export3d")
    (tmp_path / "assets").mkdir()
    pack_weights(folder, tmp_path / "assets" / "export3d")
    assert shipped_weights("export3d") == tmp_path / "assets" / "export3d"
    (tmp_path / "assets" / "export3d" / "one.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="not what it was"):
        shipped_weights("export3d")
