"""The motion file: exact round trip, and one clear error for everything that is not one."""

import json
import zipfile

import numpy as np
import pytest

from likeness.errors import MotionFileError, OutputError
from likeness.motion.file import load_motion, save_motion
from likeness.motion.record import FRAME_FIELDS
from tests.heads_for_tests import tiny_head, wiggled_motion


@pytest.fixture
def head():
    return tiny_head()


@pytest.fixture
def saved(tmp_path, head):
    path = tmp_path / "take.motion.npz"
    save_motion(path, wiggled_motion(head))
    return path


def rewrite(path, change):
    """The archive at `path` with its entries passed through `change(entries)`."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def set_header(path, **values):
    def change(entries):
        header = json.loads(entries["header.json"])
        header.update(values)
        entries["header.json"] = json.dumps({k: v for k, v in header.items() if v is not None}).encode()

    rewrite(path, change)


def set_array(path, name, array):
    def change(entries):
        import io

        buffer = io.BytesIO()
        np.save(buffer, array)
        entries[f"{name}.npy"] = buffer.getvalue()

    rewrite(path, change)


def test_round_trip(saved, head):
    motion, back = wiggled_motion(head), load_motion(saved, head)
    for name in (*FRAME_FIELDS, "times", "confidence", "valid", "shape", "intrinsics"):
        np.testing.assert_allclose(getattr(back, name), getattr(motion, name), rtol=2e-7, atol=1e-9)
        assert getattr(back, name).dtype == (bool if name == "valid" else np.float64)
    for name in (
        "head_name",
        "head_version",
        "expression_names",
        "source",
        "tracker",
        "fps",
        "image_size",
        "reference",
    ):
        assert getattr(back, name) == getattr(motion, name)


def test_is_plain_npz_and_reproducible(saved, tmp_path, head):
    with np.load(saved, allow_pickle=False) as arrays:
        assert arrays["rotation"].dtype == np.float32
    again = tmp_path / "again.motion.npz"
    save_motion(again, load_motion(saved))
    assert again.read_bytes() == saved.read_bytes()


def test_writing_refuses(saved, tmp_path, head):
    motion, before = wiggled_motion(head, 10), saved.read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        save_motion(saved, motion)
    assert saved.read_bytes() == before
    save_motion(saved, motion, overwrite=True)
    assert len(load_motion(saved)) == 10
    for bad, words in (("no/such/a.motion.npz", "does not exist"), ("a.mp4", "NAME.motion.npz")):
        with pytest.raises(OutputError, match=words):
            save_motion(tmp_path / bad, motion)
    with pytest.raises(ValueError, match="finite"):
        save_motion(tmp_path / "b.motion.npz", motion.with_frames(jaw=np.full((10, 3), np.nan)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["take.motion.npz"]


def test_not_motion_files(tmp_path, saved):
    text, empty, cut, other = (tmp_path / name for name in ("text.npz", "empty.npz", "cut.npz", "other.npz"))
    text.write_text("hello")
    empty.write_bytes(b"")
    cut.write_bytes(saved.read_bytes()[:-400])
    np.savez(other, a=np.zeros(3))
    for path in (text, empty, cut, other, tmp_path, tmp_path / "missing.npz"):
        with pytest.raises(MotionFileError) as caught:
            load_motion(path)
        assert "\n" not in str(caught.value) and path.name in str(caught.value)


def test_flipped_bytes_never_leak_other_errors(saved, tmp_path):
    content, generator = bytearray(saved.read_bytes()), np.random.default_rng(0)
    path = tmp_path / "flip.npz"
    for _ in range(300):
        broken = bytearray(content)
        for position in generator.integers(0, len(broken), 3):
            broken[position] ^= int(generator.integers(1, 256))
        path.write_bytes(broken)
        try:
            load_motion(path)
        except MotionFileError:
            pass


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"format_version": 2}, "format version 2"),
        ({"format_version": 99, "new_key": 1}, "format version 99"),
        ({"format_version": 0}, "damaged"),
        ({"format_version": True}, "damaged"),
        ({"extra": 1}, "extra"),
        ({"fps": None}, "fps"),
        ({"fps": -1.0}, "fps"),
        ({"fps": 10**400}, "damaged"),
        ({"fps": float("nan")}, "fps"),
        ({"reference": 50}, "reference"),
        ({"image_size": [512]}, "image_size"),
        ({"expression_names": ["a"]}, "expression"),
        ({"expression_names": ["a"] * 7}, "distinct"),
        ({"units": {}}, "metres"),
        ({"format": "x"}, "not a motion file"),
    ],
)
def test_bad_headers(saved, values, words):
    set_header(saved, **values)
    with pytest.raises(MotionFileError, match=words):
        load_motion(saved)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("rotation", np.zeros((50, 4), np.float32)),
        ("rotation", np.zeros((49, 3), np.float32)),
        ("rotation", np.zeros((50, 3), np.float64)),
        ("rotation", np.full((50, 3), np.nan, np.float32)),
        ("rotation", np.asfortranarray(np.zeros((50, 3), np.float32))),
        ("rotation", np.array([[None] * 3] * 50)),
        ("times", np.zeros(50)),
        ("confidence", np.full(50, 2, np.float32)),
        ("intrinsics", np.zeros((3, 3))),
        ("surplus", np.zeros(3)),
        ("../../escape", np.zeros(3)),
    ],
)
def test_bad_arrays(saved, name, array):
    set_array(saved, name, array)
    with pytest.raises(MotionFileError):
        load_motion(saved)


def test_promises_more_than_it_holds(saved):
    def change(entries):
        entries["shape.npy"] = entries["shape.npy"].replace(b"(2,)", b"(9" + b"9" * 11 + b",)")

    rewrite(saved, change)
    with pytest.raises(MotionFileError):
        load_motion(saved)


def test_zip_bomb_is_refused_by_its_directory(saved):
    set_array(saved, "shape", np.zeros(300 << 17))  # 300 MB of zeros pack to 300 kB
    content = bytearray(saved.read_bytes())
    import struct

    position = content.rfind(b"shape.npy") - 46 + 24  # uncompressed size in the central directory
    struct.pack_into("<I", content, position, 0xF0000000)
    saved.write_bytes(content)
    with pytest.raises(MotionFileError, match="GiB"):
        load_motion(saved)


def test_other_head_names_both(saved):
    with pytest.raises(MotionFileError, match="tiny 1, not tiny 2"):
        load_motion(saved, tiny_head(version="2"))
    with pytest.raises(MotionFileError, match="tiny 1, not flame 1"):
        load_motion(saved, tiny_head(name="flame"))
