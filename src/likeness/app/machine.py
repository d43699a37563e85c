"""What the command line sets before the heavy libraries are imported: their threads, and where kernels are kept."""

import atexit
import os
import tempfile
from pathlib import Path

# Frames are spread over the cores; threads that libraries start for one small matrix or picture only get in their way.
_LIBRARY_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
_WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}  # torch's threads sleep: where others work too, turning ones take their core
_KERNELS = Path(__file__).parents[1] / "geometry" / "__pycache__"


def prepare_libraries() -> None:
    """Sets environment variables; what the user has set stays."""
    for name, value in (_LIBRARY_THREADS | _WAITING).items():
        os.environ.setdefault(name, value)
    if "NUMBA_CACHE_DIR" not in os.environ and not any(map(_is_writable, (_KERNELS, _user_cache()))):
        folder = tempfile.TemporaryDirectory(prefix="likeness-kernels-")  # private, and gone after the run
        atexit.register(folder.cleanup)
        os.environ["NUMBA_CACHE_DIR"] = folder.name


def _user_cache() -> Path:
    """Where numba keeps kernels whose code lies in a folder that cannot be written."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "numba"


def _is_writable(folder: Path) -> bool:
    """Whether files can be made there, the folder itself included if it is missing."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)
