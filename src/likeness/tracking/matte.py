"""Where the person is in a photo: MediaPipe's selfie segmentation, whose model ships inside the wheel."""

import numpy as np
from jaxtyping import Float32, UInt8


def person_matte(image: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
    """Probability (0 to 1) that each pixel belongs to a person; coarse, from a 256 x 256 network."""
    import cv2

    from likeness.tracking.mediapipe_faces import _silence

    with _silence():
        from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

        longest = max(image.shape[:2])
        small = image
        if longest > 512:
            scale = 512 / longest
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with SelfieSegmentation(model_selection=0) as segmenter:
            mask = segmenter.process(np.ascontiguousarray(small)).segmentation_mask
    height, width = image.shape[:2]
    return cv2.resize(np.asarray(mask, dtype=np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
