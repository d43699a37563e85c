"""Crops of the inner face for the contrastive stage: position, size and roll are removed, the expression is not.

Five points (eyes, nose tip, mouth corners) are aligned by a similarity.
Deviation: they are those of the fitted head at rest in its pose, not detected ones, so that a smile or an open mouth
does not move the crop, and it does not shake with a detector.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from likeness.data.augment import Augmentation, change_colours, draw_colours
from likeness.data.face_places import MOUTH_CORNERS
from likeness.geometry.camera import Camera
from likeness.heads.landmark_sets import EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT, NOSE_TIP
from likeness.heads.model import NECK, HeadModel
from likeness.heads.skinning import joint_transforms
from likeness.media.crop import resize
from likeness.motion.face_points import face_points
from likeness.motion.record import MotionFrame

SHRUNK = 0.75  # pictures that are shown smaller than this are averaged over pixel areas first
GREY_WEIGHTS = np.array([0.299, 0.587, 0.114])  # of red, green and blue (ITU-R BT.601)


@dataclass(frozen=True, kw_only=True, slots=True)
class CropPlace:
    """Where the face lies in a crop, as shares of the crop's width."""

    eye_distance: float
    eyes: tuple[float, float]  # middle between the eyes: from the left, from the top
    height: float = 1.0

    def pixels(self, width: int) -> tuple[int, int]:
        """Width and height of a crop."""
        return width, round(self.height * width)


INNER_FACE = CropPlace(eye_distance=0.36, eyes=(0.5, 0.36))  # from the brows to the chin of an open mouth
BOTH_EYES = CropPlace(eye_distance=0.54, eyes=(0.5, 0.25), height=0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Jitter:
    """How crops are changed in training, each by itself, so that light and place tell no frames apart."""

    gain: float = 0.3  # brightness, up to this share more or less
    channel_gain: float = 0.1  # the same for each colour by itself
    gamma: float = 0.3  # up to this in the logarithm of the exponent
    grey_share: float = 0.2  # of the crops without colour
    blur: float = 0.012  # standard deviation at most, as a share of the width
    shift: float = 0.03  # up to this share of the width, along each axis
    scale: float = 0.06  # up to this in the logarithm

    def __post_init__(self) -> None:
        if not (0.0 <= min(self.gain, self.channel_gain, self.grey_share) and max(self.gain, self.grey_share) <= 1.0):
            raise ValueError(f"shares must lie in 0 to 1, got {self.gain}, {self.channel_gain}, {self.grey_share}")


def five_points(head: HeadModel, shape: Float[np.ndarray, " S"]) -> Float[np.ndarray, "5 3"]:
    """Right eye, left eye, nose tip, right and left corner of the mouth of a face at rest: head frame, metres."""
    landmarks = [*EYE_CORNERS_RIGHT, *EYE_CORNERS_LEFT, NOSE_TIP, *MOUTH_CORNERS]
    points = face_points(head, shape, landmarks)
    places = points.positions(np.zeros(head.num_expression), np.zeros(3))
    return np.concatenate([places[:4].reshape(2, 2, 3).mean(axis=1), places[4:]])


def standard_points(head: HeadModel, place: CropPlace) -> Float[np.ndarray, "5 2"]:
    """Where the five points of the mean face lie in a crop, seen from the front; the crop's width is 1."""
    flat = five_points(head, np.zeros(head.num_shape))[:, :2] * [1.0, -1.0]
    middle = 0.5 * (flat[0] + flat[1])
    return (flat - middle) * place.eye_distance / np.linalg.norm(flat[1] - flat[0]) + np.array(place.eyes)


def seen_points(
    head: HeadModel,
    shape: Float[np.ndarray, " S"],
    points: Float[np.ndarray, "5 3"],
    frame: MotionFrame,
    camera: Camera,
) -> Float[np.ndarray, "5 2"]:
    """Points of the head at rest in the pose of a frame, pixels."""
    joints = np.zeros((5, 3))
    joints[NECK] = frame.neck
    rotations, translations = joint_transforms(head, shape, joints)
    return camera.project(frame.T_cam_head.apply(points @ rotations[NECK].T + translations[NECK]))


def cut_crop(
    picture: UInt8[np.ndarray, "H W 3"], crop_from_picture: Float[np.ndarray, "2 3"], width: int, height: int
) -> UInt8[np.ndarray, "h w 3"]:
    """A picture under an affine map of pixel positions; beyond its border the border repeats."""
    import cv2

    scale = float(np.sqrt(abs(np.linalg.det(crop_from_picture[:, :2]))))
    if scale < SHRUNK:
        old = picture.shape[1], picture.shape[0]
        picture = resize(picture, max(round(scale * old[0]), 1), max(round(scale * old[1]), 1))
        shrunk = np.array([old[0] / picture.shape[1], old[1] / picture.shape[0], 1.0])
        crop_from_picture = crop_from_picture * shrunk
    matrix = crop_from_picture.copy()
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV counts pixel centres from 0
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def draw_place(
    matrix: Float[np.ndarray, "2 3"], jitter: Jitter, width: int, height: int, generator: np.random.Generator
) -> Float[np.ndarray, "2 3"]:
    """The map with a small change of size about the crop's middle and a small shift."""
    scale = float(np.exp(jitter.scale * generator.uniform(-1.0, 1.0)))
    shift = jitter.shift * width * generator.uniform(-1.0, 1.0, 2)
    middle = 0.5 * np.array([width, height])
    changed = scale * matrix
    changed[:, 2] += (1.0 - scale) * middle + shift
    return changed


def change_light(
    crop: UInt8[np.ndarray, "h w 3"], jitter: Jitter, generator: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """The crop in other colours, some of them grey, and somewhat blurred. Draws are the same in number for all."""
    import cv2

    options = Augmentation(gain=jitter.gain, channel_gain=jitter.channel_gain, gamma=jitter.gamma)
    table = draw_colours(options, generator)
    is_grey = generator.random() < jitter.grey_share
    deviation = jitter.blur * crop.shape[1] * generator.random()
    changed = change_colours(crop, table)
    if is_grey:
        grey = np.rint(changed @ GREY_WEIGHTS).astype(np.uint8)
        changed = np.repeat(grey[..., None], 3, axis=-1)
    if deviation > 0.3:
        changed = cv2.GaussianBlur(changed, (0, 0), deviation)
    return changed
