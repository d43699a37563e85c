"""Pictures against the truth within regions: PSNR, SSIM, multi-scale SSIM and mean absolute difference.

A region weighs the same maps, computed once on the whole pictures. SSIM and MS-SSIM are those of the luma.
Source: Wang et al. 2004 (SSIM); Wang, Simoncelli and Bovik 2003 (five scales and their exponents).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.evaluation.metrics import PSNR_CAP, face_box
from likeness.evaluation.results import Row
from likeness.evaluation.structure import SSIM_WINDOW, Windows, luma_of, similarity_maps, windows_of
from likeness.heads.landmark_sets import OVAL

SCALE_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale to the coarsest
FULL, FACE, OVAL_REGION, PERSON = "full", "face", "oval", "person"
REGION_TITLES = {FULL: "full frame", FACE: "face box", OVAL_REGION: "face oval", PERSON: "person"}
_EDGE = SSIM_WINDOW // 2

Image = UInt8[np.ndarray, "H W 3"]
Region = Bool[np.ndarray, "H W"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Share:
    """A region's part of a map: 1 inside, and how many pixels that are."""

    weights: Float[np.ndarray, " N"]  # of the map's pixels in rows
    count: int

    def mean(self, values: Float[np.ndarray, "H W"]) -> float:
        """Over the region; NaN where it is empty."""
        return float(values.ravel() @ self.weights) / self.count if self.count else float("nan")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TruePicture:
    """A true picture with what every comparison with it needs: its windows at each scale, and the regions."""

    image: Image
    scales: tuple[Windows, ...]
    pixels: Mapping[str, _Share]  # regions of the picture
    windows: Mapping[str, tuple[_Share, ...]]  # regions of the windows of each scale


def true_picture(image: Image, regions: Mapping[str, Region]) -> TruePicture:
    """Prepares a picture to compare others with.

    Raises:
        ValueError: a region has another shape.
    """
    if any(region.shape != image.shape[:2] for region in regions.values()):
        shapes = [image.shape, *[region.shape for region in regions.values()]]
        raise ValueError(f"pictures and regions must have one size, got {shapes}")
    scales = _scales(luma_of(image))
    return TruePicture(
        image=image,
        scales=scales,
        pixels={name: _share(region) for name, region in regions.items()},
        windows={name: _window_shares(region, len(scales)) for name, region in regions.items()},
    )


def picture_measures(made: Image, truth: TruePicture) -> Row:
    """`REGION_psnr` (dB), `REGION_l1` (of 255), `REGION_ssim` and `REGION_ms_ssim` of every region.

    What cannot be measured is NaN: an empty region, or a picture too small for the windows.

    Raises:
        ValueError: the pictures have different shapes.
    """
    if made.shape != truth.image.shape:
        raise ValueError(f"pictures must have one size, got {made.shape} and {truth.image.shape}")
    squared, absolute = _differences(made, truth.image)
    maps = [similarity_maps(ours, theirs) for ours, theirs in zip(_scales(luma_of(made)), truth.scales, strict=True)]
    whole = maps[0][0] * maps[0][1] if maps else None
    row: Row = {}
    for name, share in truth.pixels.items():
        windows = truth.windows[name]
        row[f"{name}_psnr"] = _psnr_of(share.mean(squared))
        row[f"{name}_l1"] = share.mean(absolute)
        row[f"{name}_ssim"] = float("nan") if whole is None else windows[0].mean(whole)
        row[f"{name}_ms_ssim"] = _multi_scale(maps, windows)
    return row


def ms_ssim(first: Image, second: Image) -> float:
    """Multi-scale SSIM of whole pictures; NaN below 176 pixels, where the coarsest scale has no whole window."""
    truth = true_picture(second, {FULL: np.ones(second.shape[:2], dtype=bool)})
    value = picture_measures(first, truth)[f"{FULL}_ms_ssim"]
    assert isinstance(value, float)
    return value


def l1(first: Image, second: Image, region: Region | None = None) -> float:
    """Mean absolute difference over channels and the pixels of a region (or all), of 255; NaN in an empty region."""
    difference = _differences(first, second)[1]
    return float(difference.mean()) if region is None else _share(region).mean(difference)


def regions_of(
    landmarks: Float[np.ndarray, "L 3"], height: int, width: int, matte: Float[np.ndarray, "H W"] | None
) -> dict[str, Region]:
    """The whole frame, the face's box and oval, and the person where a matte (0 to 1) is given.

    Landmarks are those of the true picture, pixels; without a face (NaN) its regions are left out.
    """
    regions = {FULL: np.ones((height, width), dtype=bool)}
    if np.isfinite(landmarks[0, 0]):
        regions[FACE] = np.zeros((height, width), dtype=bool)
        regions[FACE][face_box(landmarks, height, width)] = True
        regions[OVAL_REGION] = face_oval(landmarks, height, width)
    if matte is not None:
        regions[PERSON] = matte > 0.5
    return regions


def face_oval(landmarks: Float[np.ndarray, "L 3"], height: int, width: int) -> Region:
    """The pixels inside the outline of the face."""
    import cv2

    outline = np.rint(16.0 * (landmarks[list(OVAL), :2] - 0.5)).astype(np.int32)  # pixel centres are at half integers
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline], 1, shift=4)
    return mask.astype(bool)


def _scales(luma: Float[np.ndarray, "H W"]) -> tuple[Windows, ...]:
    """The picture at every scale that holds a whole window, from the finest on."""
    scales: list[Windows] = []
    for number in range(len(SCALE_EXPONENTS)):
        luma = _halved(luma) if number else luma
        if min(luma.shape) < SSIM_WINDOW:
            break
        scales.append(windows_of(luma))
    return tuple(scales)


def _window_shares(region: Region, count: int) -> tuple[_Share, ...]:
    """The windows at each scale whose middle lies in the region."""
    shares, share = [], region.astype(np.float64)
    for number in range(count):
        share = _halved(share) if number else share
        shares.append(_share(share[_EDGE:-_EDGE, _EDGE:-_EDGE] >= 0.5))
    return tuple(shares)


def _share(region: Bool[np.ndarray, "h w"]) -> _Share:
    return _Share(weights=region.ravel().astype(np.float64), count=int(np.count_nonzero(region)))


def _multi_scale(maps: Sequence[tuple[np.ndarray, np.ndarray]], windows: Sequence[_Share]) -> float:
    """Contrast and structure of all scales, luminance of the coarsest; means below zero count as zero."""
    if len(maps) < len(SCALE_EXPONENTS):
        return float("nan")
    result = 1.0
    for number, (exponent, (luminance, structure), share) in enumerate(
        zip(SCALE_EXPONENTS, maps, windows, strict=True)
    ):
        value = share.mean(luminance * structure if number == len(maps) - 1 else structure)
        result *= max(value, 0.0) ** exponent if np.isfinite(value) else float("nan")
    return float(result)


def _differences(first: Image, second: Image) -> tuple[Float[np.ndarray, "H W"], Float[np.ndarray, "H W"]]:
    """Mean squared and mean absolute differences of the channels: sums of whole numbers below 2^24, exact."""
    import cv2

    gap = cv2.absdiff(first, second).astype(np.float32)
    ones = np.ones((1, 3), np.float32)
    return tuple(cv2.transform(each, ones).astype(np.float64) / 3.0 for each in (gap * gap, gap))


def _psnr_of(error: float) -> float:
    if not np.isfinite(error):
        return float("nan")
    return min(PSNR_CAP, float(10 * np.log10(255.0**2 / max(error, 1e-12))))


def _halved(image: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "h w"]:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    import cv2

    height, width = image.shape[0] // 2, image.shape[1] // 2
    return np.asarray(cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA))
