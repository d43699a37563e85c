"""Where the files in a plain tar archive lie: POSIX ustar headers, read strictly and in constant memory.

Nothing but regular files is known here. Of the extensions, one is: the pax header that tells a name of more than 100
characters, as shards from before format ustar have it; chains of headers, sparse files and links are refused.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

BLOCK = 512
MAX_MEMBERS = 20_000_000
_MAX_PAX_BYTES = 1024
_REGULAR, _PAX = (b"0", b"\0"), b"x"
_NUMBER = re.compile(rb" *([0-7]{1,11})[ \0]*")
_PATH = re.compile(rb"([0-9]{1,4}) path=([ -~]{1,999})\n")


def tar_entries(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, offset and size of each file in an archive, in its order.

    Raises:
        ValueError: the archive is damaged, is cut off, or holds something else than regular files.
        OSError: it cannot be read.
    """
    end = path.stat().st_size
    with path.open("rb") as stream:
        for _ in range(MAX_MEMBERS):
            header = _header(stream)
            if header is None:
                return
            long_name = None
            if header[156:157] == _PAX:
                long_name = _long_name(stream, _size(header))
                header = _header(stream)
                if header is None:
                    raise ValueError("a name without a file")
            name = long_name or _name(header)
            if header[156:157] not in _REGULAR:
                raise ValueError(f"the entry {name[:80]!r}")
            offset, size = stream.tell(), _size(header)
            if offset + size > end:
                raise ValueError("unexpected end of data")
            yield name, offset, size
            stream.seek(offset + -(-size // BLOCK) * BLOCK)
    raise ValueError(f"more than {MAX_MEMBERS} entries")


def _header(stream: BinaryIO) -> bytes | None:
    """The next header; None at the block of zeros that ends an archive."""
    block = stream.read(BLOCK)
    if len(block) != BLOCK:
        raise ValueError("unexpected end of data")
    if not any(block):
        return None
    if block[257:262] != b"ustar" or _number(block[148:156]) != sum(block[:148]) + sum(block[156:]) + 8 * ord(" "):
        raise ValueError("a bad header")
    return block


def _name(header: bytes) -> str:
    """The name, with the prefix that long ones have."""
    name, prefix = (part.split(b"\0", 1)[0] for part in (header[:100], header[345:500]))
    return (prefix + b"/" + name if prefix else name).decode("ascii")


def _long_name(stream: BinaryIO, size: int) -> str:
    """The name in a pax header that tells nothing else."""
    if size > _MAX_PAX_BYTES:
        raise ValueError("a header that is too long")
    found = _PATH.fullmatch(stream.read(-(-size // BLOCK) * BLOCK)[:size])
    if found is None or int(found[1]) != size:
        raise ValueError("a header of another kind")
    return found[2].decode("ascii")


def _size(header: bytes) -> int:
    return _number(header[124:136])


def _number(field: bytes) -> int:
    """An octal number."""
    found = _NUMBER.fullmatch(field)
    if found is None:
        raise ValueError("a bad number")
    return int(found[1], 8)
