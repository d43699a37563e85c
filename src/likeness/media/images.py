"""Photographs in and out with Pillow: whatever the file holds becomes upright sRGB, uint8 [H W 3]."""

import io
import logging
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from likeness.errors import InputError, OutputError
from likeness.files import atomic_output
from likeness.media.input import check_input, check_size
from likeness.media.output import check_output

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_READABLE_FORMATS = (  # none that runs other programs or reads other files
    "JPEG",
    "PNG",
    "WEBP",
    "TIFF",
    "BMP",
    "GIF",
    "AVIF",
    "PPM",
)
_JPEG_QUALITY = 95
_WEBP_QUALITY = 95
_SAMPLE_16_TO_8 = 257.0  # 65535 / 255

logger = logging.getLogger(__name__)


def read_image(path: str | Path) -> UInt8[np.ndarray, "H W 3"]:
    """The first picture of a file as upright sRGB; transparency is laid on white.

    EXIF orientation and an embedded colour profile are applied; greyscale, palette, CMYK and 16-bit are converted.

    Raises:
        InputError: missing, a folder, empty, damaged, truncated, too large, or no known image format.
    """
    path = check_input(path, "image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about size and metadata; the size is checked below
            Image.init()
            image = Image.open(path, formats=[name for name in _READABLE_FORMATS if name in Image.OPEN])
            with image:
                check_size(path, image.width, image.height)
                image.load()
                return _upright_srgb(image, path)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not an image that can be read; use JPEG, PNG, WebP, TIFF, BMP or GIF") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large to be decoded safely; scale it down") from error
    except Exception as error:  # a damaged file makes the decoders raise almost anything
        raise InputError(f"{path} is damaged or truncated ({_one_line(error)}); give a complete image") from error


def write_image(path: str | Path, image: UInt8[np.ndarray, "H W 3"], overwrite: bool = False) -> None:
    """Write sRGB as PNG, JPEG or WebP, by suffix; nothing is left behind on failure.

    Raises:
        OutputError: unknown suffix, existing target, folder missing or not writable, disk full.
    """
    path = check_output(path, suffixes=IMAGE_SUFFIXES, overwrite=overwrite)
    picture = Image.fromarray(np.ascontiguousarray(image))
    try:
        with atomic_output(path, overwrite=overwrite) as temporary:
            match path.suffix.lower():
                case ".png":
                    picture.save(temporary, format="PNG", compress_level=4)
                case ".webp":
                    picture.save(temporary, format="WEBP", quality=_WEBP_QUALITY)
                case _:
                    picture.save(temporary, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
    except ValueError as error:  # the format's own limit of size
        raise OutputError(f"{path} cannot be written: {_one_line(error)}; use .png or scale it down") from error


def _upright_srgb(image: Image.Image, path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """Colours, transparency and orientation of one decoded picture."""
    profile = image.info.get("icc_profile")
    upright = _apply_orientation(image, path)
    if upright.mode.startswith("I") or upright.mode == "F":
        upright = _to_8_bit(upright)
    alpha = None
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        alpha = upright.getchannel("A")
        upright = upright.convert("RGB")
    colours = _to_srgb(upright, profile, path)
    if alpha is not None:
        white = Image.new("RGB", colours.size, (255, 255, 255))
        colours = Image.composite(colours, white, alpha)
    return np.array(colours, dtype=np.uint8)


def _apply_orientation(image: Image.Image, path: Path) -> Image.Image:
    """The picture turned as its EXIF block says; a damaged block is ignored with a warning."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception as error:  # hostile metadata must not hide good pixels
        logger.warning("%s: the EXIF block is damaged and is ignored (%s)", path, _one_line(error))
        return image.copy()


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Greyscale of 16 or 32 bits as 8 bits. Floats up to 1 count as 0 to 1; integers above 255 as 16-bit."""
    samples = np.nan_to_num(np.asarray(image).astype(np.float64))
    if image.mode == "F" and samples.max() <= 1.0:
        samples = samples * 255.0
    elif image.mode.startswith("I;16") or samples.max() > 255.0:
        samples = samples / _SAMPLE_16_TO_8
    return Image.fromarray(np.clip(np.rint(samples), 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None, path: Path) -> Image.Image:
    """RGB by way of the embedded profile when there is one that fits, else by Pillow's plain conversion."""
    if image.mode in ("P", "1", "LA", "PA"):
        image = image.convert("L" if image.mode in ("1", "LA") else "RGB")
    if profile and image.mode in ("RGB", "L", "CMYK", "LAB"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            logger.warning("%s: the colour profile cannot be used and is ignored (%s)", path, _one_line(error))
    return image.convert("RGB")


def _one_line(error: Exception) -> str:
    """An error's message on one line, cut where it gets long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
