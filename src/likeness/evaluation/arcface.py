"""ArcFace embeddings from a local file: an ONNX model, or the `backbone.pth` of arcface_torch.

Faces are aligned by five points to 112 x 112 pixels (Deng et al. 2019), RGB from -1 to 1.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from likeness.data.face_places import ALIGNED, five_places, similarity
from likeness.errors import InputError
from likeness.evaluation.identity import Embedder

SIDE = 112  # pixels
MAX_BYTES = 1 << 30
_Network = Callable[[Float[np.ndarray, "1 3 112 112"]], np.ndarray]


def load_arcface(path: Path) -> Embedder:
    """A function from an RGB picture and its landmarks (pixels) to the embedding, length 1; NaN without a face.

    Raises:
        InputError: the file is missing, too large or no such network, or what reads it is not installed.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is missing, or larger than any ArcFace model: give an .onnx or backbone.pth")
    network = _onnx(path) if path.suffix == ".onnx" else _torch(path)
    length = network(np.zeros((1, 3, SIDE, SIDE), np.float32)).size

    def embed(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        if np.isnan(landmarks[0, 0]):
            return np.full(length, np.nan)
        face = aligned_face(image, landmarks).astype(np.float32)
        values = network(((face - 127.5) / 127.5).transpose(2, 0, 1)[None]).ravel().astype(np.float64)
        return values / max(float(np.linalg.norm(values)), 1e-12)

    return embed


def aligned_face(image: np.ndarray, landmarks: Float[np.ndarray, "L 3"]) -> np.ndarray:
    """The face turned, scaled and shifted so that its five points lie best on the aligned ones."""
    import cv2

    points = five_places(landmarks[:, :2], is_mirrored=False)
    matrix = similarity(points, ALIGNED)
    shift = matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5  # pixel centres: half integers here, integers in cv2
    return cv2.warpAffine(image, np.column_stack([matrix[:, :2], matrix[:, 2] + shift]), (SIDE, SIDE))


def _onnx(path: Path) -> _Network:
    import cv2

    try:
        network = cv2.dnn.readNetFromONNX(str(path))
        network.setInput(np.zeros((1, 3, SIDE, SIDE), np.float32))
        network.forward()
    except cv2.error as error:
        raise InputError(f"{path} is no ONNX model that takes aligned faces: give another copy") from error

    def run(faces: np.ndarray) -> np.ndarray:
        network.setInput(np.ascontiguousarray(faces, dtype=np.float32))
        return np.asarray(network.forward())

    return run


def _torch(path: Path) -> _Network:
    from likeness.nn.require import require_models

    require_models("an ArcFace of torch")
    import torch

    from likeness.nn.face_recognition import load_recogniser

    model = load_recogniser(path)

    def run(faces: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(np.ascontiguousarray(faces, dtype=np.float32))).numpy()

    return run
