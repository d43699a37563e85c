"""Does the driver shine through? Where a result stands on the way from the source person to the driver.

0: like the source, 1: like the driver, in identity (an embedding) or in appearance (colours of the skin's places).
"""

import numpy as np
from jaxtyping import Float, UInt8

_PLACES = (  # skin and lips, away from what moves most: forehead, cheeks, nose, above the lip, chin, lips
    (10, 151, 9, 67, 297), (50, 101, 118, 205, 36), (280, 330, 347, 425, 266), (6, 197, 195, 5), (164, 167, 393),
    (199, 175, 200), (0, 37, 267), (17, 84, 314), (116, 123, 147), (345, 352, 376),
)  # fmt: skip
_PATCH = 0.03  # of the outer-eye distance: half the side of the patch around each place's middle
APPEARANCE_NUMBERS = 3 * len(_PLACES)


def leak(made: Float[np.ndarray, " D"], source: Float[np.ndarray, " D"], driver: Float[np.ndarray, " D"]) -> float:
    """How far the result has moved from the source toward the driver: 0 not at all, 1 all the way; NaN if unknown.

    The part of (made - source) along (driver - source), relative to that distance.
    """
    way = driver - source
    length = float(way @ way)
    if not np.isfinite(length) or length <= 0.0 or not np.isfinite(made).all():
        return float("nan")
    return float((made - source) @ way / length)


def appearance(image: UInt8[np.ndarray, "H W 3"], landmarks: Float[np.ndarray, "L 3"]) -> Float[np.ndarray, " D"]:
    """Mean CIELAB colour of patches of the face, relative to their common lightness; NaN where no face is found.

    Light differs between two recordings; what is left of it are the differences within the face and its hue.
    """
    import cv2

    if np.isnan(landmarks[0, 0]):
        return np.full(APPEARANCE_NUMBERS, np.nan)
    lab = cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    height, width = image.shape[:2]
    half = max(1.0, _PATCH * float(np.linalg.norm(landmarks[33, :2] - landmarks[263, :2])))
    colours = []
    for place in _PLACES:
        x, y = landmarks[list(place), :2].mean(axis=0)
        left, top = int(np.clip(x - half, 0, width - 1)), int(np.clip(y - half, 0, height - 1))
        right, bottom = int(np.clip(x + half, left + 1, width)), int(np.clip(y + half, top + 1, height))
        colours.append(lab[top:bottom, left:right].reshape(-1, 3).mean(axis=0))
    table = np.array(colours, dtype=np.float64)
    table[:, 0] -= table[:, 0].mean()
    return table.ravel()
