import io
import tarfile
import time

import pytest

from likeness.data.tar_index import tar_entries

PAYLOAD = b"x" * 700


def archive(path, *names, tar_format=tarfile.USTAR_FORMAT, kind=tarfile.REGTYPE, pax=None):
    with tarfile.open(path, "w", format=tar_format, pax_headers={}) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.pax_headers = len(PAYLOAD), kind, pax or {}
            tar.addfile(info, io.BytesIO(PAYLOAD))
    return path


def extension(kind, content):
    """An extension header with its content, as blocks."""
    info = tarfile.TarInfo("extension")
    info.type, info.size = kind, len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("clip", ["clip", "c" * 95, "c" * 120])
def test_finds_what_tarfile_finds(tmp_path, tar_format, clip):
    path = archive(tmp_path / "a.tar", f"{clip}/clip.json", f"{clip}/00000.matte.png", tar_format=tar_format)
    with tarfile.open(path) as tar:
        expected = [(info.name, info.offset_data, info.size) for info in tar]
    assert list(tar_entries(path)) == expected
    assert path.read_bytes()[expected[1][1] :][: len(PAYLOAD)] == PAYLOAD


@pytest.mark.parametrize(
    "prefix",
    [
        extension(tarfile.GNUTYPE_LONGNAME, b"clip/00000.jpg\0") * 3000,
        extension(tarfile.XHDTYPE, b"15 path=a/b.jpg\n") * 3000,
        extension(tarfile.XHDTYPE, b"9" * (1 << 20)),
        extension(tarfile.XHDTYPE, b"9" * 1000),
        extension(tarfile.XHDTYPE, b"13 size=10000\n"),
        extension(tarfile.XGLTYPE, b"16 path=a/b.jpg\n"),
        extension(tarfile.GNUTYPE_SPARSE, b""),
        extension(tarfile.SYMTYPE, b""),
    ],
)
def test_extensions_are_refused_at_once(tmp_path, prefix):
    path = archive(tmp_path / "a.tar", "clip/clip.json")
    path.write_bytes(prefix + path.read_bytes())
    start = time.monotonic()
    with pytest.raises(ValueError, match="header|the entry"):
        list(tar_entries(path))
    assert time.monotonic() - start < 5.0


def test_what_is_cut_or_changed_is_refused(tmp_path):
    path = archive(tmp_path / "a.tar", "clip/clip.json")
    content = path.read_bytes()
    for damaged in (b"", content[:300], content[:1000], content[:1536], b"d" + content[1:], b"\1" * 2048):
        path.write_bytes(damaged)
        with pytest.raises(ValueError):
            list(tar_entries(path))
