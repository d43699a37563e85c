import io
import json
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from likeness.data.folder import open_clips
from likeness.data.shard import _members, check_size, read_shard, write_shard
from likeness.errors import InputError, LikenessError, MotionFileError, OutputError
from tests.data.clips import DRAFT_ERROR, HEAD, SIZE, new_clip, stored
from tests.heads_for_tests import tiny_head


def test_round_trip(tmp_path):
    clip, other = stored(tmp_path, new_clip(masked=(2,)), new_clip("other", frames=2, kind="photo"))
    made = new_clip(masked=(2,))
    assert clip.header == made.header and other.header.kind == "photo"
    np.testing.assert_allclose(clip.motion.rotation, made.motion.rotation, atol=1e-6)
    assert np.abs(clip.picture(3).astype(int) - 30).max() <= 1
    # Columns -8 to 56 of a picture 100 wide and rows 4 to 68 of 60, at half the scale: 4 columns and 4 rows are out.
    inside = clip.trust(0)
    assert inside[:28, 4:].all() and not inside[28:].any() and not inside[:, :4].any()
    assert not clip.trust(2)[:, SIZE // 2 :].any() and clip.trust(2)[:28, 4 : SIZE // 2].all()


def test_drafts_are_stored_beside_their_targets(tmp_path):
    pair = new_clip(frames=3, sources=(0,), targets=(1, 2), drafts=(2,))
    (clip,) = stored(tmp_path, pair)
    assert clip.header.drafts == (2,) and clip.draft(0) is None and clip.draft(1) is None
    draft = clip.draft(2)
    assert draft is not None and np.abs(draft.astype(int) - 20 - DRAFT_ERROR).max() <= 1
    with pytest.raises(ValueError, match="the header names 1 drafts, the clip holds 0"):
        stored(tmp_path, replace(pair, drafts={}))
    with pytest.raises(ValueError, match="drafts, which need targets and one source"):
        stored(tmp_path, new_clip(frames=3, sources=(0,), targets=(1,), drafts=(2,)))
    with pytest.raises(ValueError, match="drafts, which need targets and one source"):
        stored(tmp_path, new_clip(frames=3, drafts=(2,)))


def test_mattes_are_stored_beside_their_frames(tmp_path):
    made = new_clip(frames=3, matted=(1,))
    (clip,) = stored(tmp_path, made)
    assert clip.header.matted == (1,) and clip.matte(0) is None
    matte = clip.matte(1)
    assert matte is not None
    np.testing.assert_allclose(
        matte, np.broadcast_to(np.linspace(0.0, 1.0, SIZE), (SIZE, SIZE)), atol=0.5 / 255.0 + 1e-6
    )
    with pytest.raises(ValueError, match="the header names 1 mattes, the clip holds 0"):
        stored(tmp_path, replace(made, mattes={}))


def test_shards_from_before_there_were_mattes_are_read(tmp_path):
    path = tmp_path / "old.clips.tar"
    old = json.loads(header(format_version=1))
    del old["matted"]
    write_tar(path, members(clip__json=json.dumps(old).encode()))
    (clip,) = read_shard(path)
    assert clip.header.matted == () and clip.matte(0) is None
    write_tar(path, members(clip__json=header(format_version=1)))
    with pytest.raises(InputError, match="of another kind"):
        read_shard(path)


def test_equal_clips_give_equal_files(tmp_path):
    paths = [tmp_path / f"{name}.clips.tar" for name in "ab"]
    for path in paths:
        write_shard(path, [new_clip(masked=(1,))])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_long_names_need_no_extension_of_the_format(tmp_path):
    (clip,) = stored(tmp_path, new_clip("c" * 120, frames=1))
    assert clip.header.name == "c" * 120
    with tarfile.open(tmp_path / "test.clips.tar") as tar:
        assert not any(info.pax_headers for info in tar)


def test_another_size_is_told(tmp_path):
    stored(tmp_path, new_clip())
    check_size(tmp_path / "test.clips.tar", SIZE)
    with pytest.raises(InputError, match="holds clips of 32 pixels, and 64 are asked for: use another folder"):
        check_size(tmp_path / "test.clips.tar", 64)


def test_writing_is_all_or_nothing(tmp_path):
    path = tmp_path / "x.clips.tar"

    def broken():
        yield new_clip()
        raise InputError("the video ends")

    with pytest.raises(InputError, match="the video ends"):
        write_shard(path, broken())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="two clips are called clip"):
        write_shard(path, [new_clip(), new_clip()])
    with pytest.raises(OutputError, match=r"NAME\.clips\.tar"):
        write_shard(tmp_path / "x.tar", [new_clip()])
    with pytest.raises(ValueError, match="the name '../x'"):
        write_shard(path, [new_clip("../x")])


def members(**changes):
    """The entries of a good clip by name, some replaced, or left out with None."""
    entries = {f"clip/{name}": content for name, content in _members(new_clip(frames=1))}
    entries |= {f"clip/{name.replace('__', '.')}": content for name, content in changes.items()}
    return {name: content for name, content in entries.items() if content is not None}


def write_tar(path, entries, link=None):
    with tarfile.open(path, "w") as tar:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo("clip/00000.jpg")
            info.type, info.linkname = tarfile.SYMTYPE, link
            tar.addfile(info)


def header(**changes):
    stored_header = json.loads(members()["clip/clip.json"])
    return json.dumps(stored_header | changes).encode()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({}, "no clip in it"),
        ({"passwd": b"x"}, "the entry 'passwd'"),
        (members(clip__json=None), "'clip' is no clip"),
        (members(clip__json=b"{"), "cannot be read"),
        (members(clip__json=header(num_frames=2)), "missing entries"),
        (members(clip__json=header(name="other")), "calls itself other"),
        (members(clip__json=header(sources=[5])), "frames"),
        (members(clip__json=header(format_version=9)), "update likeness"),
        (members(clip__json=header(more=1)), "of another kind"),
        (members(clip__json=header(drafts=[0])), "missing entries"),
        (members(clip__json=header(drafts=[1])), "frames"),
        (members(clip__json=header(size=64)), "does not fit its pictures"),
        (members(clip__json=header(kind="film")), "the kind 'film'"),
        (members(clip__json=header(num_frames=float("inf"))), "cannot be read"),
        (members(clip__json=header(original_size=[float("inf"), 5])), "cannot be read"),
        (members(clip__json=header(original_size=[10**40, 5])), "an original of that size"),
        (members(clip__json=header(window={"left": 0, "top": 0, "size": 10**40})), "a square of that size"),
        (members(clip__json=header(window={"left": 0, "top": -(10**40), "size": 5})), "a square of that size"),
        (members(motion__npz=b"PK"), "damaged"),
        (members(extra__py=b"x"), "unexpected"),
    ],
)
def test_strange_files_are_refused_in_one_line(tmp_path, entries, message):
    path = tmp_path / "bad.clips.tar"
    write_tar(path, entries)
    with pytest.raises(LikenessError, match=message) as caught:
        read_shard(path, HEAD)
    assert "\n" not in str(caught.value) and "bad.clips.tar" in str(caught.value)


def test_links_and_cuts_are_refused(tmp_path):
    path = tmp_path / "bad.clips.tar"
    write_tar(path, {name: content for name, content in members().items() if "jpg" not in name}, link="/etc/passwd")
    with pytest.raises(InputError, match="the entry 'clip/00000.jpg'"):
        read_shard(path)
    write_shard(path, [new_clip()], overwrite=True)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="damaged"):
        read_shard(path)


def test_damaged_pictures_are_named(tmp_path):
    path = tmp_path / "bad.clips.tar"
    write_tar(path, members(**{"00000__jpg": b"no picture"}))
    (clip,) = read_shard(path, HEAD)
    with pytest.raises(InputError, match=r"bad.clips.tar \(clip, frame 0\) is damaged"):
        clip.picture(0)
    write_tar(path, members(clip__json=header(drafts=[0]), **{"00000__draft__jpg": b"no picture"}))
    (clip,) = read_shard(path, HEAD)
    with pytest.raises(InputError, match=r"bad.clips.tar \(clip, draft 0\) is damaged"):
        clip.draft(0)


def test_another_head_is_refused(tmp_path):
    stored(tmp_path, new_clip())
    with pytest.raises(MotionFileError, match="another 1"):
        open_clips(tmp_path, tiny_head("another"))


def test_folders_without_clips(tmp_path):
    with pytest.raises(InputError, match="holds no clips"):
        open_clips(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        open_clips(tmp_path / "missing")
