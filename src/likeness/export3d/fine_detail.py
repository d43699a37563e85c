"""The photo's full resolution in a picture (`fine_detail` in the settings): a model reads and draws a small square, but
where its pixels come from the photo is known, and there the photo itself is finer.

What the photo's full size has beyond the small one is added, as far as a pixel is the photo's. Where neighbouring
pixels come from places far apart nothing is added: between them nobody knows where to look.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from einops import rearrange
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from likeness.export3d.photo_detail import Detailed
from likeness.export3d.plate import Plate
from likeness.media.crop import resize

_TORN = 3.0  # pixels of the small photo between neighbouring pixels that do not belong together
_LEAST = 1.0 / 255.0  # share that shows


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoShare:
    """How much of a picture's pixels is the photo's, and from where."""

    share: Float32[np.ndarray, "h w"]
    places: Float32[np.ndarray, "h w 2"] | None  # 0 to 1 across the photo; None: every pixel from its own place


@dataclass(frozen=True, kw_only=True, slots=True)
class FinePhoto:
    """The square of a photo at full size, beside the small one that the model has read."""

    full: UInt8[np.ndarray, "H W 3"]
    small: UInt8[np.ndarray, "h w 3"]


def as_array(values: Tensor) -> Float32[np.ndarray, "..."]:
    """On the CPU, for what OpenCV does."""
    return np.ascontiguousarray(values.detach().cpu().float().numpy())


def photo_shares(
    detailed: Detailed, free: Float[Tensor, "1 1 h w"], plate: Plate | None, uncovered: Float[Tensor, "1 1 h w"]
) -> tuple[PhotoShare, ...]:
    """All that one picture has of the photo.

    Args:
        free: where the photo shows background.
        uncovered: share of the plate that was laid over the picture.
    """
    if detailed.places is None:
        return ()
    height = detailed.carried.shape[-2]
    own, mirrored, other = (
        rearrange(part, "1 (h w) c -> h w c", h=height)
        for part in (detailed.places.own, detailed.places.mirrored, detailed.places.share)
    )
    covered = 1.0 - uncovered
    carried, still = detailed.carried * covered, detailed.still * covered
    shares = [(carried * (1.0 - other[..., 0]), own), (carried * other[..., 0], mirrored)]
    if plate is not None and plate.body is not None and plate.places is not None:
        shown = detailed.plate * covered + uncovered
        shares.append((shown * plate.body, plate.places[0]))
        still = still + shown * (1.0 - plate.body) * free
    return (
        *(PhotoShare(share=as_array(share[0, 0]), places=as_array(places)) for share, places in shares),
        PhotoShare(share=as_array(still[0, 0]), places=None),
    )


def sharpened(
    picture: UInt8[np.ndarray, "h w 3"], shares: Sequence[PhotoShare], photo: FinePhoto
) -> UInt8[np.ndarray, "H W 3"]:
    """The picture at the photo's full size."""
    side = len(photo.full)
    fine = resize(picture, side, side)
    if side <= len(picture):
        return fine
    added = np.zeros(fine.shape, np.float32)
    for part in shares:
        share = part.share if part.places is None else part.share * _untorn(part.places, len(photo.small))
        if share.max(initial=0.0) < _LEAST:
            continue
        detail = _in_place(photo) if part.places is None else _read(photo, part.places)
        added += _enlarged(share, side)[..., None] * detail
    return np.clip(np.rint(fine + added), 0.0, 255.0).astype(np.uint8)


def _in_place(photo: FinePhoto) -> Float32[np.ndarray, "H W 3"]:
    """What the full photo has beyond the small one."""
    side = len(photo.full)
    return photo.full.astype(np.float32) - resize(photo.small, side, side)


def _read(photo: FinePhoto, places: Float32[np.ndarray, "h w 2"]) -> Float32[np.ndarray, "H W 3"]:
    """The same, both read at places of a picture of the small size."""
    side = len(photo.full)
    coarse = resize(_sampled(photo.small, places), side, side)
    return _sampled(photo.full, _enlarged(places, side)).astype(np.float32) - coarse


def _sampled(photo: UInt8[np.ndarray, "h w 3"], places: Float32[np.ndarray, "H W 2"]) -> UInt8[np.ndarray, "H W 3"]:
    return np.asarray(
        cv2.remap(photo, places * np.float32(len(photo)) - np.float32(0.5), None, cv2.INTER_LINEAR,
                  borderMode=cv2.BORDER_REPLICATE),
        dtype=np.uint8,
    )  # fmt: skip


def _untorn(places: Float32[np.ndarray, "h w 2"], side: int) -> Float32[np.ndarray, "h w"]:
    """1 where pixels and their neighbours come from places near each other, 0 elsewhere."""
    torn = np.zeros(places.shape[:2], np.uint8)
    across = np.abs(np.diff(places, axis=1)).max(axis=-1) * side > _TORN
    down = np.abs(np.diff(places, axis=0)).max(axis=-1) * side > _TORN
    torn[:, 1:] |= across
    torn[:, :-1] |= across
    torn[1:] |= down
    torn[:-1] |= down
    return 1.0 - cv2.dilate(torn, np.ones((3, 3), np.uint8)).astype(np.float32)


def _enlarged(values: Float32[np.ndarray, "h w *c"], side: int) -> Float32[np.ndarray, "H W *c"]:
    return np.asarray(cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
