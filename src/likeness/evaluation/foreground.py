"""Where the person is in frames of a clip: MediaPipe's selfie segmentation, kept open from frame to frame."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt8

_LONGEST = 512  # pixels: the network sees 256 x 256
_SURELY_NOBODY = 0.1
_REACH = 0.04  # of the picture's longer side: how far a person may move or be misjudged


class MatteReader:
    """Reads one frame after the other; open with `with`."""

    def __init__(self) -> None:
        self._network: Any = None

    def __enter__(self) -> "MatteReader":
        return self

    def __exit__(self, *_: object) -> None:
        if self._network is not None:
            self._network.close()

    def read(self, image: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
        """Probability (0 to 1) that each pixel belongs to a person."""
        import cv2

        from likeness.tracking.mediapipe_faces import _silence

        height, width = image.shape[:2]
        scale = min(1.0, _LONGEST / max(height, width))
        small = image
        if scale < 1.0:
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with _silence():
            if self._network is None:
                from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

                self._network = SelfieSegmentation(model_selection=0)
            mask = self._network.process(np.ascontiguousarray(small)).segmentation_mask
        return cv2.resize(np.asarray(mask, dtype=np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def background_of(matte: Float32[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Pixels where nobody is, with a margin around the person."""
    import cv2

    side = 2 * round(_REACH * max(matte.shape)) + 1
    person = (matte > _SURELY_NOBODY).astype(np.uint8)
    return cv2.dilate(person, np.ones((side, side), np.uint8)) == 0
