"""Files of `torch.save` read without torch: the zip's pickle through the restricted reader, tensors as arrays."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

from likeness.errors import InputError
from likeness.heads.archives import MAX_RATIO, damaged, unreadable
from likeness.heads.restricted_pickle import pickle_content

MAX_BYTES = 256 << 20  # of all entries of one file together, unpacked
_PICKLE = "data.pkl"
_READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, OverflowError, RuntimeError)


def read_torch_file(path: Path, *, what: str) -> Any:
    """Containers, numbers and arrays of a file that torch 1.6 or later wrote; nothing in it is executed.

    Raises:
        InputError: it cannot be read, is too large, damaged or refused; `what` says what was expected.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise ValueError(f"it would unpack to more than {MAX_BYTES >> 20} MB")
            if any(entry.file_size > MAX_RATIO * max(entry.compress_size, 1) for entry in entries):
                raise ValueError("an entry claims an impossible compression")
            names = [entry.filename for entry in entries if entry.filename.rpartition("/")[2] == _PICKLE]
            if len(names) != 1:
                raise ValueError(f"{len(names)} entries {_PICKLE}")
            folder = names[0][: -len(_PICKLE)]

            def stored(key: str, dtype: str) -> bytes:
                return archive.read(f"{folder}data/{key}")

            return pickle_content(archive.read(names[0]), path=path, what=what, storage=stored)
    except InputError:
        raise
    except OSError as error:
        raise unreadable(path, error) from error
    except _READ_ERRORS as error:
        raise damaged(path, what, error) from error
