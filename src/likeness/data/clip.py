"""Clip: tracked frames of one head as squares of one size, with the motion in them and what each frame may serve for.

Everything that training sees is a clip: a tracked video, a photo, a synthetic pair (its source, then its target), the
poses of a made head, the views of a photo's person.
"""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from PIL import Image

from likeness.data.square import inside_original, square_from_original
from likeness.errors import InputError
from likeness.geometry.camera import Camera
from likeness.media.crop import CropWindow
from likeness.motion.record import Motion

Kind = Literal["video", "photo", "round-trip", "made-head", "photo-views"]
KINDS: tuple[Kind, ...] = ("video", "photo", "round-trip", "made-head", "photo-views")
MAX_SIDE = 4096  # pixels of a square
MAX_FRAMES = 100_000
MAX_ORIGINAL = 1 << 20  # pixels, of an original's sides and of where a square lies in it
JPEG_QUALITY = 95
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipHeader:
    """What is known about a clip beside its motion and pictures."""

    name: str  # letters, digits, dot, dash, underscore
    kind: Kind
    num_frames: int
    size: int  # pixels, side of the stored squares
    window: CropWindow  # where the squares lay in the original
    original_size: tuple[int, int]  # width, height of the original, pixels
    sources: tuple[int, ...]  # frames that may be the source of a training pair
    targets: tuple[int, ...]  # frames that may be its target
    masked: tuple[int, ...]  # frames that come with a mask: only part of their pixels is true
    drafts: tuple[int, ...] = ()  # targets that come with a draft: the default renderer's picture, from the source
    matted: tuple[int, ...] = ()  # frames that come with a matte: where the person is

    @property
    def square_from_original(self) -> Float[np.ndarray, "2 3"]:
        """From pixel positions in the original to those in the square."""
        return square_from_original(self.window, self.size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """Bytes inside a file."""

    path: Path
    offset: int
    size: int

    def read(self) -> bytes:
        """The bytes.

        Raises:
            InputError: the file has gone or was cut.
        """
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                content = stream.read(self.size)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror or error}") from error
        if len(content) != self.size:
            raise InputError(f"{self.path} is cut off: make it again")
        return content


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A stored clip; its pictures are read and decoded when they are asked for."""

    header: ClipHeader
    motion: Motion  # of the frames; its intrinsics and image size are those of the square
    pictures: tuple[Extent, ...]  # JPEG, one per frame
    masks: dict[int, Extent]  # PNG, of the frames in `header.masked`
    drafts: dict[int, Extent]  # JPEG, of the frames in `header.drafts`
    mattes: dict[int, Extent] = field(default_factory=dict)  # PNG, of the frames in `header.matted`

    @property
    def camera(self) -> Camera:
        """The camera of the squares."""
        return Camera(intrinsics=self.motion.intrinsics, width=self.header.size, height=self.header.size)

    def picture(self, index: int) -> UInt8[np.ndarray, "H W 3"]:
        """One frame.

        Raises:
            InputError: it is damaged.
        """
        entry = self.pictures[index]
        return decode_picture(entry.read(), self.header.size, f"{entry.path} ({self.header.name}, frame {index})")

    def draft(self, index: int) -> UInt8[np.ndarray, "H W 3"] | None:
        """What the default renderer makes of the source for this frame; None where no draft is stored.

        Raises:
            InputError: it is damaged.
        """
        entry = self.drafts.get(index)
        if entry is None:
            return None
        return decode_picture(entry.read(), self.header.size, f"{entry.path} ({self.header.name}, draft {index})")

    def matte(self, index: int) -> Float32[np.ndarray, "H W"] | None:
        """How much of each pixel of a frame is the person, 0 to 1; None where no matte is stored.

        Raises:
            InputError: it is damaged.
        """
        entry = self.mattes.get(index)
        if entry is None:
            return None
        return decode_matte(entry.read(), self.header.size, f"{entry.path} ({self.header.name}, matte {index})")

    def trust(self, index: int) -> Bool[np.ndarray, "H W"]:
        """Where a frame's pixels are true: inside the original, and inside the frame's mask if it has one.

        Raises:
            InputError: the mask is damaged.
        """
        inside = inside_original(self.header.window, self.header.original_size, self.header.size)
        if index not in self.masks:
            return inside
        entry = self.masks[index]
        mask = decode_mask(entry.read(), self.header.size, f"{entry.path} ({self.header.name}, mask {index})")
        return inside & mask


@dataclass(frozen=True, kw_only=True, slots=True)
class NewClip:
    """A clip that is not stored yet."""

    header: ClipHeader
    motion: Motion
    pictures: tuple[bytes, ...]  # JPEG
    masks: dict[int, bytes]  # PNG
    drafts: dict[int, bytes] = field(default_factory=dict)  # JPEG
    mattes: dict[int, bytes] = field(default_factory=dict)  # PNG


def header_problem(header: ClipHeader) -> str | None:
    """What is wrong with a header, in a few words, or None."""
    count = header.num_frames
    if not is_clip_name(header.name):
        return f"the name {header.name[:60]!r} (letters, digits, dot, dash and underscore are allowed)"
    if not (1 <= count <= MAX_FRAMES and 8 <= header.size <= MAX_SIDE):
        return f"{count} frames of {header.size} pixels"
    window = header.window
    if not (1 <= min(header.original_size) and max(header.original_size) <= MAX_ORIGINAL):
        return "an original of that size"
    if window.size < 1 or max(window.size, abs(window.left), abs(window.top)) > MAX_ORIGINAL:
        return "a square of that size or place"
    for listed in (header.sources, header.targets, header.masked, header.drafts, header.matted):
        if any(not 0 <= index < count for index in listed) or len(set(listed)) != len(listed):
            return f"frames {listed[:5]} of {count}"
    if header.drafts and (len(header.sources) != 1 or not set(header.drafts) <= set(header.targets)):
        return "drafts, which need targets and one source"
    return None


def is_clip_name(name: str) -> bool:
    """Whether a clip may be called so: nothing that a file system or an archive could take for something else."""
    return _NAME.fullmatch(name) is not None


def clip_name(text: str) -> str:
    """A clip's name made of any text."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")
    return (cleaned or "clip")[:120]


def encode_picture(image: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """JPEG without colour subsampling."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return stream.getvalue()


def encode_mask(mask: Bool[np.ndarray, "H W"]) -> bytes:
    """PNG with one bit per pixel."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(mask)).save(stream, format="PNG", optimize=False)
    return stream.getvalue()


def encode_matte(matte: Float[np.ndarray, "H W"]) -> bytes:
    """PNG with 256 grey levels, of shares from 0 to 1."""
    levels = np.rint(255.0 * np.clip(matte, 0.0, 1.0)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, format="PNG", optimize=False)
    return stream.getvalue()


def decode_picture(content: bytes, size: int, place: str) -> UInt8[np.ndarray, "H W 3"]:
    """A stored square; `place` says in messages where it stood.

    Raises:
        InputError: damaged, no JPEG, or of another size.
    """
    return np.asarray(_decode(content, "JPEG", size, place).convert("RGB"))


def decode_mask(content: bytes, size: int, place: str) -> Bool[np.ndarray, "H W"]:
    """A stored mask.

    Raises:
        InputError: damaged, no PNG, or of another size.
    """
    return np.asarray(_decode(content, "PNG", size, place).convert("L")) > 127


def decode_matte(content: bytes, size: int, place: str) -> Float32[np.ndarray, "H W"]:
    """A stored matte, 0 to 1.

    Raises:
        InputError: damaged, no PNG, or of another size.
    """
    return np.asarray(_decode(content, "PNG", size, place).convert("L"), dtype=np.float32) / np.float32(255.0)


def _decode(content: bytes, image_format: str, size: int, place: str) -> Image.Image:
    """The size is checked before anything is decompressed."""
    try:
        image = Image.open(io.BytesIO(content), formats=[image_format])
        if image.size == (size, size):
            image.load()
            return image
    except Exception as error:  # a damaged file makes the decoders raise almost anything
        raise InputError(f"{place} is damaged: make the clip again") from error
    raise InputError(f"{place} has {image.size[0]} x {image.size[1]} pixels instead of {size}: make the clip again")
