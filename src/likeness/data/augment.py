"""Changes of training samples that cost nothing to undo or to follow: colours, mirror, scale, damage, tracker noise."""

import io
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from PIL import Image

from likeness.geometry.camera import Camera, camera_from_pixels
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.motion.record import MotionFrame

REFERENCE_SIDE = 256  # pixels of the picture for which blur is given
NOISE_EXPRESSION = 0.05  # root mean square, coefficients
NOISE_ANGLE = np.radians(0.5)
NOISE_LENGTH = 1e-3  # m


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """How strongly samples are changed; zeros, and a scale of one, leave them alone."""

    gain: float = 0.15  # brightness, up to this share more or less, the same in source and targets
    channel_gain: float = 0.03  # the same for each colour by itself
    gamma: float = 0.2  # up to this in the logarithm of the exponent
    mirrored_share: float = 0.5
    source_scale: float = 1.1  # the source is shown up to this much larger or smaller, with its camera
    damaged_share: float = 0.5  # of the sources of round trips: blur, noise and JPEG, never on targets
    blur: float = 0.9  # pixels at most, at 256 x 256
    noise: float = 5.0  # grey levels at most
    jpeg_quality: tuple[int, int] = (45, 95)
    tracker_noise: float = 0.0  # 1: expression 0.05, angles 0.5 degrees, lengths 1 mm

    def __post_init__(self) -> None:
        shares = (self.mirrored_share, self.damaged_share, self.gain, self.channel_gain)
        if not all(0.0 <= share <= 1.0 for share in shares) or self.source_scale < 1.0:
            raise ValueError(f"shares must lie in 0 to 1 and the scale above 1, got {shares} and {self.source_scale}")


UNCHANGED = Augmentation(gain=0.0, channel_gain=0.0, gamma=0.0, mirrored_share=0.0, source_scale=1.0, damaged_share=0.0)


def draw_colours(options: Augmentation, generator: np.random.Generator) -> UInt8[np.ndarray, "256 3"]:
    """A table from grey level to grey level for each channel: out = gain * in ** exponent, in 0 to 1."""
    gain = 1.0 + options.gain * generator.uniform(-1.0, 1.0) + options.channel_gain * generator.uniform(-1.0, 1.0, 3)
    exponent = np.exp(options.gamma * generator.uniform(-1.0, 1.0))
    levels = (np.arange(256) / 255.0)[:, None] ** exponent * gain
    return np.clip(np.rint(255.0 * levels), 0, 255).astype(np.uint8)


def change_colours(image: UInt8[np.ndarray, "H W 3"], table: UInt8[np.ndarray, "256 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with each channel looked up in the table."""
    return np.stack([table[image[..., channel], channel] for channel in range(3)], axis=-1)


def rescaled(
    image: UInt8[np.ndarray, "H W 3"], trust: Bool[np.ndarray, "H W"], camera: Camera, scale: float
) -> tuple[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"], Camera]:
    """The picture larger (scale above 1) or smaller about its centre, at the same size, and its camera.

    What lies beyond the border repeats it and is not trusted.
    """
    import cv2

    if scale == 1.0:
        return image, trust, camera
    height, width = trust.shape
    centre = np.array([width / 2.0, height / 2.0])
    matrix = _about_centre(width, height, scale)
    changed = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    kept = cv2.warpAffine(trust.astype(np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR)
    focal = scale * camera.focal_pixels
    middle = centre + scale * (camera.centre_pixels - centre)
    return changed, kept > 0.99, camera_from_pixels(focal, middle, width=width, height=height)


def rescaled_matte(matte: Float[np.ndarray, "H W"], scale: float) -> Float32[np.ndarray, "H W"]:
    """The matte of a picture that `rescaled` has changed; like the picture it goes on beyond its border."""
    import cv2

    height, width = matte.shape
    changed = cv2.warpAffine(
        matte.astype(np.float32), _about_centre(width, height, scale), (width, height), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.clip(changed, 0.0, 1.0)


def _about_centre(width: int, height: int, scale: float) -> Float[np.ndarray, "2 3"]:
    """Scaling about the centre of a picture, for OpenCV: it counts pixel centres from 0, hence the halves."""
    centre = np.array([width / 2.0, height / 2.0])
    offset = centre - 0.5 - scale * (centre - 0.5)
    return np.array([[scale, 0.0, offset[0]], [0.0, scale, offset[1]]])


def degraded(
    image: UInt8[np.ndarray, "H W 3"], options: Augmentation, generator: np.random.Generator
) -> UInt8[np.ndarray, "H W 3"]:
    """In `damaged_share` of all cases the picture after blur, noise and JPEG; else the picture."""
    import cv2

    is_damaged = generator.random() < options.damaged_share
    blur = options.blur * generator.random() * image.shape[0] / REFERENCE_SIDE
    level = options.noise * generator.random()
    quality = int(generator.integers(options.jpeg_quality[0], options.jpeg_quality[1] + 1))
    if not is_damaged:
        return image
    values = image.astype(np.float32)
    if blur > 0.05:
        values = cv2.GaussianBlur(values, (0, 0), blur)
    values = values + level * generator.standard_normal(values.shape, dtype=np.float32)
    stream = io.BytesIO()
    Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).save(stream, format="JPEG", quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))


def noisy_frame(frame: MotionFrame, options: Augmentation, generator: np.random.Generator) -> MotionFrame:
    """The frame as a worse tracker would have read it."""
    if options.tracker_noise == 0.0:
        return frame
    size = options.tracker_noise
    turn = matrix_from_axis_angle(size * NOISE_ANGLE * generator.standard_normal(3))
    return replace(
        frame,
        rotation=axis_angle_from_matrix(turn @ matrix_from_axis_angle(frame.rotation)),
        translation=frame.translation + size * NOISE_LENGTH * generator.standard_normal(3),
        jaw=frame.jaw + size * NOISE_ANGLE * generator.standard_normal(3),
        eye_left=frame.eye_left + size * NOISE_ANGLE * generator.standard_normal(3),
        eye_right=frame.eye_right + size * NOISE_ANGLE * generator.standard_normal(3),
        expression=frame.expression + size * NOISE_EXPRESSION * generator.standard_normal(frame.expression.shape),
    )
