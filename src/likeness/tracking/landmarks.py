"""The 478 face landmarks of a photo or of one followed face in a video: search, choice of face, precise second look."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from likeness.errors import NoFaceError
from likeness.heads.landmark_sets import CHIN, FOREHEAD
from likeness.tracking.mediapipe_faces import MediaPipeFaces

MINIMUM_FACE_PIXELS = 48.0  # chin to forehead; below it the landmarks are guesses

_DETECTION_PIXELS = 1024  # longer side of the picture given to the detector (it sees 192 of it)
_CROP_PIXELS = 448  # side of the square in which the mesh network looks at a face of a photo
_CROP_SCALE = 2.6  # that square's side / the detector's box
_WINDOW_SCALE = 3.0  # the same for a followed face / its height
_WINDOW_PIXELS = 640  # longest side of a window given to the mesh network
_PASSES = 3  # the mesh is repeated on its own result, as it would be in a video that stands still
_SAME_FACE_OVERLAP = 0.3  # intersection / union of two boxes of one face
_SIMILAR_SIZE = 0.7  # faces at least this fraction of the largest are offered for choice
_BORDER = 0.3  # padding, in picture sides, of the last search: faces cut by the border

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceLandmarks:
    """One face: x, y in pixels of the whole picture (centres at half integers), z relative, smaller is nearer."""

    points: Float[np.ndarray, "478 3"]
    score: float  # 0 to 1: the detector's score, or how much of a followed face lies inside the picture

    @property
    def height(self) -> float:
        """Distance from chin to forehead, in pixels."""
        return float(np.linalg.norm(self.points[CHIN] - self.points[FOREHEAD]))

    @property
    def centre(self) -> Float[np.ndarray, "2"]:
        """Middle of the landmarks, in pixels."""
        return self.points[:468, :2].mean(axis=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A part of a picture, resized: window pixel = (picture pixel - corner) * scale."""

    left: int
    top: int
    width: int
    height: int
    scale: float

    def view(self, image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """The resized part; outside the picture its border pixels are repeated."""
        import cv2

        height, width = image.shape[:2]
        right, bottom = self.left + self.width, self.top + self.height
        part = image[max(self.top, 0) : bottom, max(self.left, 0) : right]
        pads = max(-self.top, 0), max(bottom - height, 0), max(-self.left, 0), max(right - width, 0)
        if any(pads):
            part = cv2.copyMakeBorder(part, *pads, cv2.BORDER_REPLICATE)
        if self.scale == 1.0:
            return part
        size = max(round(self.width * self.scale), 1), max(round(self.height * self.scale), 1)
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA if self.scale < 1.0 else cv2.INTER_CUBIC)

    def to_picture(self, points: Float[np.ndarray, "L 3"]) -> Float[np.ndarray, "L 3"]:
        """Points of the window (x, y, z in its pixels) in the picture."""
        return points / self.scale + np.array([self.left, self.top, 0.0])


class LandmarkDetector:
    """Finds all faces of a picture (`faces`), or follows one through a video (`follow`); open with `with`."""

    def __init__(self) -> None:
        self._networks = MediaPipeFaces()
        self._window: Window | None = None
        self._last: FaceLandmarks | None = None

    def __enter__(self) -> "LandmarkDetector":
        return self

    def __exit__(self, *_: object) -> None:
        self._networks.__exit__()

    def faces(self, image: UInt8[np.ndarray, "H W 3"]) -> tuple[FaceLandmarks, ...]:
        """Every face of a photo, left to right: small, turned by quarter turns, or cut by the border."""
        import cv2

        for parts in (1, 2, 4):
            if found := self._faces_in_tiles(image, parts):
                return found
        height, width = image.shape[:2]
        pads = round(_BORDER * height), round(_BORDER * width)
        padded = cv2.copyMakeBorder(image, pads[0], pads[0], pads[1], pads[1], cv2.BORDER_REPLICATE)
        if found := self._faces_in_tiles(padded, 1):
            return tuple(_moved(face, np.array([-pads[1], -pads[0], 0.0])) for face in found)
        for turns in (1, 3, 2):
            if found := self._faces_in_tiles(np.rot90(image, turns), 1):
                return tuple(sorted((_turned_back(face, turns, image) for face in found), key=lambda f: f.centre[0]))
        return ()

    def follow(self, image: UInt8[np.ndarray, "H W 3"], *, face: int | None = None) -> FaceLandmarks | None:
        """The followed face in the next frame of a video; None where it is not there.

        The first frame that shows a face decides which one is followed: number `face` from the left (from 1), else the
        largest. A lost face is looked for again near its last place.

        Raises:
            NoFaceError: that frame shows fewer than `face` faces.
        """
        if self._last is not None and self._window is not None:
            points = self._networks.landmarks(self._window.view(image))
            found = None if points is None else _inside(self._window.to_picture(points), image)
            if found is not None and _is_same(found, self._last):
                return self._accept(found, image)
        self._window = None
        found_faces = self._faces_in_tiles(image, 1) or self._faces_in_tiles(image, 2)
        if not found_faces:
            return None
        chosen = choose_face(found_faces, face) if self._last is None else _nearest(found_faces, self._last)
        if chosen.height < MINIMUM_FACE_PIXELS:
            return None
        return self._start(chosen, image)

    def _start(self, chosen: FaceLandmarks, image: UInt8[np.ndarray, "H W 3"]) -> FaceLandmarks | None:
        """Looks at the chosen face through a fresh window until the mesh has settled on it."""
        self._window = _window_around(chosen, image)
        view = self._window.view(image)
        self._networks.forget()
        found = None
        for _ in range(_PASSES):
            points = self._networks.landmarks(view)
            found = None if points is None else _inside(self._window.to_picture(points), image)
        if found is None or not _is_same(found, chosen):  # another face is more prominent there: a closer window
            self._networks.forget()
            self._window = _square(chosen.centre, 1.6 * chosen.height, _CROP_PIXELS)
            points = self._networks.landmarks(self._window.view(image))
            found = chosen if points is None else _inside(self._window.to_picture(points), image)
        self._last = found
        return found

    def _accept(self, found: FaceLandmarks, image: UInt8[np.ndarray, "H W 3"]) -> FaceLandmarks | None:
        """Keeps the window while the face sits well inside it; otherwise opens a new one."""
        window = self._window
        assert window is not None
        if found.height < MINIMUM_FACE_PIXELS:
            self._last, self._window = found, None
            return None
        height, width = image.shape[:2]
        margin = 0.75 * found.height
        low, high = found.centre - margin, found.centre + margin
        is_inside = (
            (low[0] >= window.left or window.left <= 0)
            and (low[1] >= window.top or window.top <= 0)
            and (high[0] <= window.left + window.width or window.left + window.width >= width)
            and (high[1] <= window.top + window.height or window.top + window.height >= height)
        )
        is_sharp = found.height * window.scale > 0.5 * min(found.height, _WINDOW_PIXELS / _WINDOW_SCALE)
        if is_inside and is_sharp:
            self._last = found
            return found
        return self._start(found, image)

    def _faces_in_tiles(self, image: UInt8[np.ndarray, "H W 3"], parts: int) -> tuple[FaceLandmarks, ...]:
        """Faces found by the detector in parts x parts overlapping tiles, each looked at closely."""
        boxes: list[np.ndarray] = []
        for tile in _tiles(image, parts):
            for box in self._networks.boxes(tile.view(image)):
                corner = np.array([tile.left, tile.top, tile.left, tile.top, 0.0])
                placed = box / np.array([tile.scale] * 4 + [1.0]) + corner
                if all(_overlap(placed, other) < _SAME_FACE_OVERLAP for other in boxes):
                    boxes.append(placed)
        found: list[FaceLandmarks] = []
        for box in boxes:
            face = self._look_closely(image, box)
            if face is not None and all(not _is_same(face, other) for other in found):
                found.append(face)
        return tuple(sorted(found, key=lambda face: face.centre[0]))

    def _look_closely(self, image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "5"]) -> FaceLandmarks | None:
        centre, side = (box[:2] + box[2:4]) / 2, max(box[2] - box[0], box[3] - box[1])
        self._networks.forget()
        for scale in (_CROP_SCALE, 0.7 * _CROP_SCALE):
            window = _square(centre, scale * side, _CROP_PIXELS)
            view = window.view(image)
            points = None
            for _ in range(_PASSES):
                points = self._networks.landmarks(view)
            if points is not None:
                placed = window.to_picture(points)
                if np.linalg.norm(placed[:468, :2].mean(axis=0) - centre) < side:
                    return FaceLandmarks(points=placed, score=float(np.clip(box[4], 0.0, 1.0)))
        return None


def choose_face(faces: Sequence[FaceLandmarks], face: int | None) -> FaceLandmarks:
    """Number `face` from the left (from 1), otherwise the largest; says so when others are about as large.

    Raises:
        NoFaceError: there is none, or not so many.
    """
    if not faces:
        raise NoFaceError("no face was found; use a picture with one clearly visible face")
    listing = ", ".join(
        f"{number} at x {entry.centre[0]:.0f}, y {entry.centre[1]:.0f} ({entry.height:.0f} px high)"
        for number, entry in enumerate(faces, start=1)
    )
    if face is not None:
        if not 1 <= face <= len(faces):
            raise NoFaceError(f"face {face} was asked for, but the faces found from left to right are: {listing}")
        chosen = faces[face - 1]
    else:
        chosen = max(faces, key=lambda entry: entry.height)
        if sum(entry.height >= _SIMILAR_SIZE * chosen.height for entry in faces) > 1:
            log.warning("several faces: %s; taking the largest, choose with --face N", listing)
    return chosen


def image_landmarks(image: UInt8[np.ndarray, "H W 3"], *, face: int | None = None) -> FaceLandmarks:
    """Landmarks of the chosen face of a photo (see `choose_face`).

    Raises:
        NoFaceError: there is no usable face.
    """
    with LandmarkDetector() as detector:
        chosen = choose_face(detector.faces(image), face)
    if chosen.height < MINIMUM_FACE_PIXELS:
        raise NoFaceError(
            f"the face is only {chosen.height:.0f} pixels high; at least {MINIMUM_FACE_PIXELS:.0f} are needed,"
            " use a larger picture of it"
        )
    return chosen


def _tiles(image: UInt8[np.ndarray, "H W 3"], parts: int) -> list[Window]:
    """Overlapping tiles that cover the picture; one part is the whole picture."""
    height, width = image.shape[:2]
    if parts > 1 and max(height, width) < 256 * parts:  # a face that fills less than a tile would be below 48 pixels
        return []
    overlap = 0.0 if parts == 1 else 0.35
    tile_width, tile_height = (int(np.ceil(side / parts * (1.0 + overlap))) for side in (width, height))
    scale = min(1.0, _DETECTION_PIXELS / max(tile_width, tile_height))
    lefts = np.linspace(0, width - tile_width, parts).astype(int)
    tops = np.linspace(0, height - tile_height, parts).astype(int)
    return [
        Window(left=int(left), top=int(top), width=tile_width, height=tile_height, scale=scale)
        for top in tops
        for left in lefts
    ]


def _square(centre: Float[np.ndarray, "2"], side: float, pixels: int) -> Window:
    """A square around a point, which may leave the picture, seen at a fixed resolution."""
    whole = max(round(side), 8)
    left, top = np.round(centre - whole / 2).astype(int)
    return Window(left=int(left), top=int(top), width=whole, height=whole, scale=pixels / whole)


def _window_around(face: FaceLandmarks, image: UInt8[np.ndarray, "H W 3"]) -> Window:
    """The part of a frame in which a face is followed: all of it where the face is large."""
    height, width = image.shape[:2]
    half = _WINDOW_SCALE * face.height / 2
    left, top = np.maximum(np.floor(face.centre - half), 0).astype(int)
    right, bottom = np.minimum(np.ceil(face.centre + half), [width, height]).astype(int)
    if (right - left) * (bottom - top) > 0.5 * width * height:
        left, top, right, bottom = 0, 0, width, height
    scale = min(1.0, _WINDOW_PIXELS / max(right - left, bottom - top))
    return Window(left=int(left), top=int(top), width=int(right - left), height=int(bottom - top), scale=scale)


def _inside(points: Float[np.ndarray, "478 3"], image: UInt8[np.ndarray, "H W 3"]) -> FaceLandmarks | None:
    """The followed face, scored by its share inside the picture; None where most of it is outside."""
    height, width = image.shape[:2]
    inside = ((points[:, :2] >= 0.0) & (points[:, :2] <= [width, height])).all(axis=1).mean()
    return FaceLandmarks(points=points, score=float(inside)) if inside > 0.5 else None


def _is_same(face: FaceLandmarks, other: FaceLandmarks) -> bool:
    """Whether two results can be the same face one frame apart."""
    distance = np.linalg.norm(face.centre - other.centre)
    ratio = face.height / max(other.height, 1e-6)
    return bool(distance < 0.7 * max(face.height, other.height) and 0.5 < ratio < 2.0)


def _nearest(faces: Sequence[FaceLandmarks], last: FaceLandmarks) -> FaceLandmarks:
    """The face closest to a former one in place and size."""

    def difference(face: FaceLandmarks) -> float:
        ratio = max(face.height, 1.0) / max(last.height, 1.0)
        return float(np.linalg.norm(face.centre - last.centre) / max(last.height, 1.0) + abs(np.log(ratio)))

    return min(faces, key=difference)


def _overlap(first: Float[np.ndarray, "5"], second: Float[np.ndarray, "5"]) -> float:
    """Intersection / union of two boxes."""
    size = np.maximum(np.minimum(first[2:4], second[2:4]) - np.maximum(first[:2], second[:2]), 0.0)
    shared = size[0] * size[1]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return float(shared / max(sum(areas) - shared, 1e-9))


def _moved(face: FaceLandmarks, offset: Float[np.ndarray, "3"]) -> FaceLandmarks:
    return FaceLandmarks(points=face.points + offset, score=face.score)


def _turned_back(face: FaceLandmarks, turns: int, image: UInt8[np.ndarray, "H W 3"]) -> FaceLandmarks:
    """Landmarks found in `np.rot90(image, turns)`, in the picture itself."""
    points = face.points.copy()
    height, width = image.shape[:2]
    if turns % 2 == 0:
        height, width = width, height  # of the picture before the last turn
    for _ in range(turns):  # one turn back: a turn to the left took (x, y) to (y, width - x)
        points[:, 0], points[:, 1] = width - points[:, 1], points[:, 0].copy()
        height, width = width, height
    return FaceLandmarks(points=points, score=face.score)
