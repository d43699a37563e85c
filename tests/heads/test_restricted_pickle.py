"""Pickles of arrays come out right, whoever wrote them; one that would run something is refused and runs nothing."""

import os
import pickle
import pickletools
import random
from collections import OrderedDict

import numpy as np
import pytest
from scipy import sparse

from likeness.errors import InputError
from likeness.heads.restricted_pickle import Opaque, pickle_content, read_pickle

ARRAY = np.arange(6.0).reshape(2, 3)


def stored(tmp_path, content: bytes):
    path = tmp_path / "file.pkl"
    path.write_bytes(content)
    return path


class Writes:
    """Pickles to a call of os.system that would make a file."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_arrays_of_every_protocol(tmp_path, protocol):
    value = {
        "plain": ARRAY,
        "empty": np.zeros((0, 3)),
        "fortran": np.asfortranarray(ARRAY),
        "big": ARRAY.astype(">f4"),
        "scalar": np.float32(1.5),
        "sparse": sparse.csc_matrix(ARRAY),
        "rows": sparse.csr_matrix(ARRAY),
        "entries": sparse.coo_matrix(ARRAY),
        "names": np.array(["a", "bc"]),
        "objects": np.array([ARRAY, None], dtype=object),
        "ordered": OrderedDict(x=(1, 2.5, "text", None, True)),
    }
    read = read_pickle(stored(tmp_path, pickle.dumps(value, protocol=protocol)), what="test")
    for name in ("plain", "empty", "fortran", "big"):
        np.testing.assert_array_equal(read[name], value[name])
    assert read["scalar"] == 1.5 and read["ordered"] == {"x": (1, 2.5, "text", None, True)}
    for name in ("sparse", "rows", "entries"):
        np.testing.assert_array_equal(read[name], ARRAY)
    assert read["names"].tolist() == ["a", "bc"]
    np.testing.assert_array_equal(read["objects"][0], ARRAY)


def test_python_2_strings_hold_the_bytes(tmp_path):
    """As Python 2 wrote it: the raw bytes of the array are a byte string, not unicode."""
    raw = np.array([1.0, -2.5]).tobytes()
    content = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85"
        b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U"
        + bytes([len(raw)])
        + raw
        + b"tb."
    )
    pickletools.dis(content, out=open(os.devnull, "w"))
    np.testing.assert_array_equal(read_pickle(stored(tmp_path, content), what="test"), [1.0, -2.5])


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("inside", [False, True])
def test_a_malicious_pickle_is_refused_and_nothing_runs(tmp_path, protocol, inside):
    target = tmp_path / "written"
    value = {"v_template": ARRAY, "extra": [Writes(target)]} if inside else Writes(target)
    with pytest.raises(InputError, match="refused.*nothing in it was run"):
        read_pickle(stored(tmp_path, pickle.dumps(value, protocol=protocol)), what="test")
    assert not target.exists()


@pytest.mark.parametrize(
    "content",
    [
        b'cbuiltins\neval\n(S\'open("written","w")\'\ntR.',
        b"(S'touch written'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch written'\no.",
        b"c__builtin__\ngetattr\n.",
        b"cnumpy\nload\n.",
        b"cscipy.sparse\nload_npz\n.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93.",
    ],
)
def test_every_way_to_name_something_else_is_refused(tmp_path, content, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="refused"):
        read_pickle(stored(tmp_path, content), what="test")
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps(ARRAY)[:-20],
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x0f.",  # a byte array that would fill the memory
        b"\x80\x02r\xff\xff\xff\xff.",  # a memo place that would
        b"\x82\x01.",  # the extension registry
        pickle.dumps(ARRAY, protocol=2).replace(b"K\x02K\x03\x86", b"K\xffK\xff\x86"),  # more than it holds
        b"cnumpy\nndarray\n}b(K\x01b.",
    ],
)
def test_damaged_pickles_are_one_line(tmp_path, content):
    with pytest.raises(InputError, match="damaged or no test") as caught:
        read_pickle(stored(tmp_path, content), what="test")
    assert "\n" not in str(caught.value)


def test_size_is_limited_before_reading(tmp_path):
    with pytest.raises(InputError, match="wrong file"):
        read_pickle(stored(tmp_path, bytes(3 << 20)), what="test", max_bytes=2 << 20)


def test_tensors_without_their_file_stay_unread(tmp_path):
    content = b"\x80\x02ctorch.storage\n_load_from_bytes\nU\x01x\x85R."
    assert isinstance(read_pickle(stored(tmp_path, content), what="test"), Opaque)


def test_flipped_bytes_are_errors_of_the_file_and_never_crash(tmp_path):
    """Hostile indices of a sparse matrix, for one, must not reach code that trusts them."""
    value = {"array": ARRAY, "sparse": sparse.csc_matrix(np.eye(3)), "names": np.array(["a", "bc"]), "rest": (1, [2.5])}
    generator = random.Random(0)
    contents = [pickle.dumps(value, protocol=protocol) for protocol in (0, 2, 5)]
    refused = 0
    for _ in range(3000):
        content = bytearray(generator.choice(contents))
        for _ in range(generator.randint(1, 3)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        try:
            pickle_content(bytes(content), path=tmp_path / "flipped", what="test")
        except InputError:
            refused += 1
    assert 1000 < refused < 3000
