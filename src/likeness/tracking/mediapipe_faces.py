"""MediaPipe's face detector and face mesh (0.10.21, models inside its wheel), quiet and in our pixel convention."""

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

# MediaPipe reports normalised coordinates whose pixel centres sit at integers: enlarging a picture twice moves every
# landmark from x to 2 x + 0.5 (measured on twenty portraits). Half a pixel leads to our centres at half integers.
_CENTRE_OFFSET = 0.5
_DETECTION_CONFIDENCE = 0.4
_MESH_CONFIDENCE = 0.3  # for the detector inside the mesh graph; the mesh network itself judges at 0.5
_BLANK = np.zeros((32, 32, 3), dtype=np.uint8)
_WIRE = np.dtype(
    [("head", "<u2"), ("of x", "u1"), ("x", "<f4"), ("of y", "u1"), ("y", "<f4"), ("of z", "u1"), ("z", "<f4")]
)
_WIRE_TAGS = {"head": 0x0F0A, "of x": 0x0D, "of y": 0x15, "of z": 0x1D}  # field 1 of 15 bytes; floats 1, 2 and 3
_FULL_RANGE = 1  # detector for faces from a twentieth of the picture's width


class MediaPipeFaces:
    """The two networks; open with `with`, because they hold memory and threads outside Python."""

    def __init__(self) -> None:
        with _silence():
            detection, mesh = _solutions()
            self._detector = detection.FaceDetection(
                model_selection=_FULL_RANGE, min_detection_confidence=_DETECTION_CONFIDENCE
            )
            self._mesh = mesh.FaceMesh(
                static_image_mode=False,
                max_num_faces=1,
                refine_landmarks=True,
                min_detection_confidence=_MESH_CONFIDENCE,
            )
            # The graphs print while they start, from their own threads: let them finish a first picture here.
            self._detector.process(_BLANK)
            self._mesh.process(_BLANK)
        self._is_stale = False
        self._has_found = False

    def __enter__(self) -> "MediaPipeFaces":
        return self

    def __exit__(self, *_: object) -> None:
        self._detector.close()
        self._mesh.close()

    def boxes(self, image: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "N 5"]:
        """Faces as left, top, right, bottom in pixels (brows to chin), and the detector's score, best first."""
        height, width = image.shape[:2]
        found = self._detector.process(np.ascontiguousarray(image)).detections or []
        rows = []
        for detection in found:
            box = detection.location_data.relative_bounding_box
            left, top = box.xmin * width, box.ymin * height
            rows.append([left, top, left + box.width * width, top + box.height * height, detection.score[0]])
        return np.array(sorted(rows, key=lambda row: -row[4]), dtype=np.float64).reshape(-1, 5)

    def forget(self) -> None:
        """Makes the next `landmarks` look for a face anew instead of near the last one."""
        self._is_stale = True

    def landmarks(self, image: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "478 3"] | None:
        """The one face being followed: x, y in pixels, z relative in the same scale. None: it is not there."""
        height, width = image.shape[:2]
        if self._is_stale:
            with _silence():
                self._mesh.reset()
                self._mesh.process(_BLANK)
            self._is_stale = False
        with contextlib.nullcontext() if self._has_found else _silence():  # the first face brings one more message
            found = self._mesh.process(np.ascontiguousarray(image)).multi_face_landmarks
        if not found:
            return None
        self._has_found = True
        points = _coordinates(found[0])
        return points * np.array([width, height, width]) + np.array([_CENTRE_OFFSET, _CENTRE_OFFSET, 0.0])


def _coordinates(landmarks: Any) -> Float[np.ndarray, "L 3"]:
    """x, y, z of a `NormalizedLandmarkList`, read from its wire format: a message of three floats each, which takes a
    tenth of the time that the fields take one by one.
    """
    wire = np.frombuffer(landmarks.SerializeToString(), dtype=np.uint8)
    if wire.size == len(landmarks.landmark) * _WIRE.itemsize:
        entries = wire.view(_WIRE)
        if all((entries[name] == tag).all() for name, tag in _WIRE_TAGS.items()):
            return np.stack([entries["x"], entries["y"], entries["z"]], axis=1).astype(np.float64)
    return np.array([[point.x, point.y, point.z] for point in landmarks.landmark])


def _solutions():  # the two solution modules; MediaPipe has no types
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from mediapipe.python.solutions import face_detection, face_mesh

    warnings.filterwarnings("ignore", message=r"SymbolDatabase\.GetPrototype", category=UserWarning)
    return face_detection, face_mesh


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Sends the process's standard error away for a moment: TensorFlow Lite writes to it past every log setting."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error at all
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
