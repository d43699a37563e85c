"""MATLAB files: what scipy writes is read back; damaged bytes give one line and never more."""

import numpy as np
import pytest
from scipy.io import savemat

from likeness.errors import InputError
from likeness.heads.mat_files import read_mat

RANDOM = np.random.default_rng(0)
ARRAYS = {
    "a": RANDOM.normal(size=(5, 7)),
    "k": np.arange(3, dtype=np.uint8)[None],
    "single": RANDOM.normal(size=(1, 3)).astype(np.float32),
    "longername": np.arange(6).reshape(2, 3),
}


@pytest.mark.parametrize("is_packed", [False, True])
def test_what_scipy_writes_is_read_and_damage_is_told(tmp_path, is_packed):
    path = tmp_path / "x.mat"
    savemat(path, {**ARRAYS, "cell": np.array([1, "x"], dtype=object)}, do_compression=is_packed)
    limits = {"what": "test", "max_bytes": 1 << 16, "max_numbers": 100}
    found = read_mat(path, keys=tuple(ARRAYS), **limits)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
    with pytest.raises(InputError, match="cell holds no numbers"):
        read_mat(path, keys=("cell",), **limits)
    content = path.read_bytes()
    for _ in range(200):
        broken = bytearray(content)
        for place in RANDOM.integers(0, len(content), 4):
            broken[place] = RANDOM.integers(0, 256)
        path.write_bytes(broken[: RANDOM.integers(1, len(content) + 1)])
        try:
            read_mat(path, keys=tuple(ARRAYS), **limits)
        except InputError as error:
            assert "\n" not in str(error)
