"""Texture of the rigid part of the head (hair, ears, temples, nose bridge), followed from keyframes by sparse
optical flow.

Landmarks of a network swim by a pixel or two with every expression; texture does not. Each frame is matched straight to
a keyframe of similar pose, so nothing drifts from frame to frame (Lucas-Kanade with a forward-backward check).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float, Float32, UInt8

from likeness.heads.landmark_sets import CHIN, EYE_LEFT_RING, EYE_RIGHT_RING, FOREHEAD, LIPS_OUTER, OVAL, RIGID
from likeness.tracking.matte import person_matte

FACE_PIXELS = 240.0  # height of the face at which texture is matched
MAX_POINTS = 80
MAX_KEYFRAMES = 48
MATCH_WINDOW = 19  # pixels
PYRAMID_LEVELS = 2
ROUND_TRIP = 0.35  # pixels, largest forward-backward disagreement
NEW_KEYFRAME_CHANGE = 0.008  # mean change of the rigid landmarks beyond a similarity, face heights
CANVAS_WIDTH, CANVAS_HEIGHT = 416, 296  # pixels: the upper head and its surroundings, FACE_PIXELS high
CANVAS_MIDDLE = np.array([208.0, 192.0])  # between chin and forehead
REGION_AROUND = 0.42  # face heights around the oval in which hair and ears are followed
BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
NOSE_BASE = 2
PERSON_LEVEL = 0.7  # of the segmenter's confidence
PERSON_MARGIN = 0.06  # face heights that texture stays inside the person's outline


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyframe:
    """A remembered frame: its texture points and landmarks, in pixels of the video."""

    index: int  # of the frame
    points: Float32[np.ndarray, "N 2"]
    landmarks: Float32[np.ndarray, "478 3"]
    grey: UInt8[np.ndarray, "H W"]
    crop: "_Crop"


@dataclass(frozen=True, kw_only=True, slots=True)
class RigidMatches:
    """Where a keyframe's points are in one frame, pixels."""

    keyframe: int  # position in the list of keyframes
    points: Float32[np.ndarray, "N 2"]
    found: Bool[np.ndarray, " N"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Crop:
    """Similarity from video pixels to the canvas on which all frames are compared: canvas = matrix @ video + shift."""

    matrix: Float[np.ndarray, "2 2"]
    shift: Float[np.ndarray, "2"]

    def inward(self, points: np.ndarray) -> np.ndarray:
        return (points @ self.matrix.T + self.shift).astype(np.float32)

    def outward(self, points: np.ndarray) -> np.ndarray:
        return ((points - self.shift) @ np.linalg.inv(self.matrix).T).astype(np.float32)


class RigidMatcher:
    """Holds the keyframes of one clip; memory is bounded by MAX_KEYFRAMES."""

    def __init__(self) -> None:
        self.keyframes: list[Keyframe] = []
        self._layout: np.ndarray | None = None  # where the rigid landmarks lie on the canvas

    def match(
        self, image: UInt8[np.ndarray, "H W 3"], landmarks: Float[np.ndarray, "478 3"], index: int
    ) -> RigidMatches:
        """Matches of one frame with the nearest keyframe; a frame unlike all of them becomes one."""
        if self._layout is None:
            self._layout = _canvas_layout(landmarks)
        grey, crop = _canvas(image, landmarks, self._layout)
        if self.keyframes:
            nearest, change = self._nearest(landmarks)
            matches = _follow(self.keyframes[nearest], nearest, grey, crop)
            enough = matches.found.sum() >= 0.4 * len(matches.found)
            if (change < 1.0 and enough) or len(self.keyframes) >= MAX_KEYFRAMES:
                return matches
            self._remember(image, grey, crop, landmarks, index)
            return matches
        self._remember(image, grey, crop, landmarks, index)
        points = self.keyframes[0].points
        return RigidMatches(keyframe=0, points=points, found=np.ones(len(points), dtype=bool))

    def _remember(self, image: np.ndarray, grey: np.ndarray, crop: _Crop, landmarks: np.ndarray, index: int) -> None:
        person = _person_on_canvas(image, crop, (grey.shape[0], grey.shape[1]))
        points = crop.outward(_good_points(grey, crop.inward(landmarks[:, :2]), person))
        self.keyframes.append(
            Keyframe(index=index, points=points, landmarks=landmarks.astype(np.float32), grey=grey, crop=crop)
        )

    def _nearest(self, landmarks: Float[np.ndarray, "478 3"]) -> tuple[int, float]:
        """The most similar keyframe and how far it is: 1 is the limit at which a new one is wanted."""
        changes = pose_changes(np.stack([keyframe.landmarks for keyframe in self.keyframes]), landmarks)
        best = int(np.argmin(changes))
        return best, float(changes[best])


def _canvas_layout(landmarks: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "M 2"]:
    """Rigid landmarks, upright, FACE_PIXELS high, around the middle of the canvas."""
    up = landmarks[FOREHEAD, :2] - landmarks[CHIN, :2]
    scale = FACE_PIXELS / max(float(np.linalg.norm(up)), 1.0)
    direction = up / max(float(np.linalg.norm(up)), 1e-6)
    upright = scale * np.array([[-direction[1], direction[0]], [-direction[0], -direction[1]]])
    points = landmarks[:, :2] @ upright.T
    middle = 0.5 * (points[FOREHEAD] + points[CHIN])
    return points[list(RIGID)] - middle + CANVAS_MIDDLE


def _canvas(
    image: UInt8[np.ndarray, "h w 3"], landmarks: Float[np.ndarray, "478 3"], layout: Float[np.ndarray, "M 2"]
) -> tuple[UInt8[np.ndarray, "H W"], _Crop]:
    """The head in grey, moved so that its rigid landmarks lie on the layout."""
    import cv2

    matrix, shift = _similarity(landmarks[list(RIGID), :2].astype(np.float64), layout)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    low, high = _seen(image, matrix, shift)
    part = cv2.cvtColor(image[low[1] : high[1], low[0] : high[0]], cv2.COLOR_RGB2GRAY)
    if scale < 0.6:
        part = cv2.GaussianBlur(part, (0, 0), 0.4 / scale)
    # OpenCV counts pixel centres as integers: p + 0.5 = matrix @ (q + low + 0.5) + shift.
    offset = matrix @ (low + 0.5) + shift - 0.5
    warp = np.concatenate([matrix, offset[:, None]], axis=1)
    grey = cv2.warpAffine(
        part, warp, (CANVAS_WIDTH, CANVAS_HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return grey, _Crop(matrix=matrix, shift=shift)


def _seen(image: np.ndarray, matrix: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the part of the image that the canvas shows, so that a large frame is not converted whole."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * [CANVAS_WIDTH, CANVAS_HEIGHT]
    back = (corners - shift) @ np.linalg.inv(matrix).T
    height, width = image.shape[:2]
    low = np.clip(np.floor(back.min(0)).astype(int) - 2, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(back.max(0)).astype(int) + 2, low + 1, [width, height])
    return low, high


def _person_on_canvas(
    image: UInt8[np.ndarray, "h w 3"], crop: _Crop, shape: tuple[int, int]
) -> UInt8[np.ndarray, "H W"]:
    """1 where the canvas shows the person: texture of the background would hold the head still."""
    import cv2

    matte = person_matte(image)
    offset = crop.matrix @ np.array([0.5, 0.5]) + crop.shift - 0.5  # OpenCV counts pixel centres as integers
    warp = np.concatenate([crop.matrix, offset[:, None]], axis=1)
    canvas = cv2.warpAffine(matte, warp, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return (canvas > PERSON_LEVEL).astype(np.uint8)


def _good_points(
    grey: UInt8[np.ndarray, "H W"], landmarks: Float32[np.ndarray, "478 2"], person: UInt8[np.ndarray, "H W"]
) -> Float32[np.ndarray, "N 2"]:
    """Corners of the grey picture where the head is rigid; OpenCV's integer pixel centres become half integers."""
    import cv2

    size = float(np.linalg.norm(landmarks[FOREHEAD] - landmarks[CHIN]))
    region = np.zeros(grey.shape, np.uint8)
    hull = cv2.convexHull(landmarks[list(OVAL)])
    cv2.fillPoly(region, [np.round(hull).astype(np.int32)], 255)
    reach = int(REGION_AROUND * size) | 1
    region = cv2.dilate(region, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    up = landmarks[FOREHEAD] - landmarks[CHIN]
    y, x = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]]
    height = (x - landmarks[NOSE_BASE, 0]) * up[0] + (y - landmarks[NOSE_BASE, 1]) * up[1]
    region[height < 0] = 0
    inset = int(PERSON_MARGIN * size) | 1
    face = cv2.fillPoly(np.zeros_like(region), [np.round(hull).astype(np.int32)], 1)
    region[(cv2.erode(person, np.ones((inset, inset), np.uint8)) | face) == 0] = 0
    for moving, margin in (
        (EYE_LEFT_RING, 0.05),
        (EYE_RIGHT_RING, 0.05),
        (BROWS[:10], 0.04),
        (BROWS[10:], 0.04),
        (LIPS_OUTER, 0.05),
    ):
        mask = np.zeros_like(region)
        cv2.fillPoly(mask, [np.round(cv2.convexHull(landmarks[list(moving)])).astype(np.int32)], 255)
        grow = max(3, int(2 * margin * size)) | 1
        region[cv2.dilate(mask, np.ones((grow, grow), np.uint8)) > 0] = 0
    corners = cv2.goodFeaturesToTrack(grey, MAX_POINTS, 0.004, 0.035 * size, mask=region, blockSize=7)
    if corners is None:
        return np.zeros((0, 2), np.float32)
    return corners[:, 0] + np.float32(0.5)


def _similarity(source: Float[np.ndarray, "N 2"], target: Float[np.ndarray, "N 2"]) -> tuple[np.ndarray, np.ndarray]:
    """2 x 2 scaled rotation A and shift b with target = A @ source + b, least squares."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    norm = float((a * a).sum())
    real = float((a * b).sum()) / norm
    imaginary = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
    matrix = np.array([[real, -imaginary], [imaginary, real]])
    return matrix, target_mean - matrix @ source_mean


def pose_changes(
    keyframes: Float[np.ndarray, "K 478 3"], landmarks: Float[np.ndarray, "478 3"]
) -> Float[np.ndarray, " K"]:
    """How unlike head poses look: the rigid landmarks' mean change beyond a similarity; up to 1 they can be matched."""
    sources, target = _as_complex(keyframes[:, list(RIGID)]), _as_complex(landmarks[list(RIGID)])
    factors = (sources.conj() @ target) / (np.abs(sources) ** 2).sum(axis=1)  # turn and scale, least squares
    misfit = factors[:, None] * sources - target
    mean = 0.5 * (np.abs(misfit.real) + np.abs(misfit.imag)).mean(axis=1)
    heights = np.linalg.norm(keyframes[:, FOREHEAD, :2] - keyframes[:, CHIN, :2], axis=1) * np.abs(factors)
    return mean / np.maximum(heights, 1.0) / NEW_KEYFRAME_CHANGE


def _as_complex(points: Float[np.ndarray, "*batch N 3"]) -> Complex[np.ndarray, "*batch N"]:
    """x + iy around the mean."""
    places = points[..., 0] + 1j * points[..., 1].astype(np.float64)
    return places - places.mean(axis=-1, keepdims=True)


def _follow(
    keyframe: Keyframe,
    number: int,
    grey: UInt8[np.ndarray, "H W"],
    crop: _Crop,
) -> RigidMatches:
    """Find the keyframe's points in a frame; on the canvas they hardly move."""
    if not len(keyframe.points):
        return RigidMatches(keyframe=number, points=keyframe.points, found=np.zeros(0, dtype=bool))
    origin = keyframe.crop.inward(keyframe.points)
    start = (origin - np.float32(0.5))[:, None]
    ahead, seen = _flow(keyframe.grey, grey, start, start, PYRAMID_LEVELS)
    back, returned = _flow(grey, keyframe.grey, ahead, start, 0)  # a true match leads back from nearby
    error = np.linalg.norm(back[:, 0] - start[:, 0], axis=1)
    found = seen & returned & (error < ROUND_TRIP)
    return RigidMatches(keyframe=number, points=crop.outward(ahead[:, 0] + np.float32(0.5)), found=found)


def _flow(
    first: UInt8[np.ndarray, "H W"],
    second: UInt8[np.ndarray, "H W"],
    points: Float32[np.ndarray, "N 1 2"],
    guesses: Float32[np.ndarray, "N 1 2"],
    levels: int,
) -> tuple[Float32[np.ndarray, "N 1 2"], Bool[np.ndarray, " N"]]:
    """Where points of the first picture are in the second (OpenCV's integer pixel centres), and whether they are."""
    import cv2

    places, seen, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        points,
        guesses.copy(),
        winSize=(MATCH_WINDOW, MATCH_WINDOW),
        maxLevel=levels,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01),
    )
    return places, seen[:, 0] > 0
