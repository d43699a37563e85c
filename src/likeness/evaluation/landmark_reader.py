"""MediaPipe landmarks of frames in sequence: the measuring eye, which knows nothing of our head model or its fit."""

import numpy as np
from jaxtyping import Float, UInt8

from likeness.tracking.mediapipe_faces import MediaPipeFaces

NUM_LANDMARKS = 478
_STILL_PASSES = 3  # a still picture is read as a video that stands still: the mesh settles on its own result


class LandmarkReader:
    """Reads one sequence of frames after the other; open with `with`."""

    def __init__(self) -> None:
        self._networks = MediaPipeFaces()

    def __enter__(self) -> "LandmarkReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._networks.__exit__()

    def start(self) -> None:
        """Forgets the last face: a new sequence begins."""
        self._networks.forget()

    def read(self, frame: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "478 3"]:
        """Landmarks of the sequence's next frame, pixels; NaN where no face is found."""
        points = self._networks.landmarks(frame)
        return np.full((NUM_LANDMARKS, 3), np.nan) if points is None else points

    def read_still(self, image: UInt8[np.ndarray, "H W 3"]) -> Float[np.ndarray, "478 3"]:
        """Landmarks of a single picture."""
        self.start()
        for _ in range(_STILL_PASSES - 1):
            self.read(image)
        return self.read(image)
