"""A network of short sequences from a local ONNX file, for FVD (Unterthiner et al. 2018): usually I3D, 400 numbers.

ONNX is a graph of numbers and known operations. A TorchScript file is a program, and reading it runs what it says:
such a file is never opened here, but its owner can export it.
"""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from likeness.errors import InputError, LikenessError
from likeness.evaluation.feature_sets import VideoNetwork

SIDE = 224  # pixels that I3D sees
MAX_BYTES = 1 << 30
MAX_FRAMES = 256


def load_video_network(path: Path) -> VideoNetwork:
    """A network from `[1 3 T 224 224]`, RGB from -1 to 1, to its features; it says itself how many frames it sees.

    Raises:
        LikenessError: onnxruntime is not installed.
        InputError: the file is missing, too large, or no such network.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is missing, or larger than any I3D: give an ONNX export")
    try:
        import onnxruntime
    except ImportError as error:
        raise LikenessError("FVD needs onnxruntime: in the checkout, pip install '.[export]'") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (entry,) = session.get_inputs()
        frames = entry.shape[2]
        if entry.shape[1:] != [3, frames, SIDE, SIDE] or not isinstance(frames, int) or not 2 <= frames <= MAX_FRAMES:
            raise ValueError(f"it takes {entry.shape}")
        session.run(None, {entry.name: np.zeros((1, 3, frames, SIDE, SIDE), np.float32)})
    except Exception as error:  # onnxruntime raises classes of its own making for files that are none
        raise InputError(f"{path} is no ONNX model of [1 3 T {SIDE} {SIDE}]: export it anew") from error

    def features(clip: UInt8[np.ndarray, "T H W 3"]) -> np.ndarray:
        values = (clip.astype(np.float32) / 127.5 - 1.0).transpose(3, 0, 1, 2)[None]
        found = session.run(None, {entry.name: np.ascontiguousarray(values)})[0]
        return np.asarray(found, dtype=np.float64).ravel()

    return VideoNetwork(frames=frames, side=SIDE, features=features)
