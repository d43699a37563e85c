"""The source's latents or features, moved to where the target shows them."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def warp_source(
    latents: Float[Tensor, "NK C h w"],
    source_pixels: Float[Tensor, "N H W 2"],
    source_valid: Float[Tensor, "N 1 H W"],
    *,
    unshuffle: int,
    source_index: Float[Tensor, "N 1 H W"] | None = None,
) -> Float[Tensor, "N C2 h w"]:
    """The sources' latents moved to the target's pixels, with one more channel that says where this is valid.

    Latents that are rearranged pixels are warped as pixels, with the map interpolated between its positions: blending
    neighbouring latents would blend pixels that lie `unshuffle` apart.

    Args:
        latents: sources of one frame follow each other.
        source_index: which source each pixel lies in, where there are several.
    """
    if unshuffle == 1:
        return warp_several(latents, source_pixels, source_valid, source_index)
    warped = warp_several(F.pixel_shuffle(latents, unshuffle), source_pixels, source_valid, source_index, is_finer=True)
    share = F.interpolate(warped[:, -1:], latents.shape[-2:], mode="area")
    return torch.cat([F.pixel_unshuffle(warped[:, :-1], unshuffle), share], dim=1)


def warp_several(
    pictures: Float[Tensor, "NK C h w"],
    source_pixels: Float[Tensor, "N H W 2"],
    source_valid: Float[Tensor, "N 1 H W"],
    source_index: Float[Tensor, "N 1 H W"] | None,
    *,
    is_finer: bool = False,
) -> Float[Tensor, "N C2 h w"]:
    """Each target pixel from the source that it lies in, with one more channel that says where this is valid.

    Args:
        is_finer: the map is brought to the pictures' resolution first, and interpolated between its positions.

    Raises:
        ValueError: there are several sources, and it is not known which one is meant.
    """
    count = len(pictures) // len(source_pixels)
    if count > 1 and source_index is None:
        raise ValueError(f"of {count} sources it must be known which one each pixel lies in")
    parts = []
    for number in range(count):
        pixels, valid = source_pixels, source_valid
        if source_index is not None:
            valid = valid * (source_index == number)
        if is_finer:
            pixels, valid = finer_map(pixels, valid, pictures.shape[-1])
        parts.append(warp_latents(pictures[number::count], pixels, valid))
    if count == 1:
        return parts[0]
    shares = [part[:, -1:] for part in parts]
    total = torch.stack(shares).sum(dim=0)
    content = torch.stack([part[:, :-1] * share for part, share in zip(parts, shares, strict=True)]).sum(dim=0)
    return torch.cat([content / total.clamp(min=1e-6), total], dim=1)


def finer_map(
    source_pixels: Float[Tensor, "N H W 2"], source_valid: Float[Tensor, "N 1 H W"], size: int
) -> tuple[Float[Tensor, "N size size 2"], Float[Tensor, "N 1 size size"]]:
    """The map at `size` x `size` pixels, interpolated between valid positions; validity keeps its steps."""
    if source_pixels.shape[1] == size:
        return source_pixels, source_valid
    known = torch.where(source_valid.bool(), torch.nan_to_num(source_pixels).permute(0, 3, 1, 2), 0.0)
    share = F.interpolate(source_valid, (size, size), mode="bilinear", align_corners=False)
    finer = F.interpolate(known, (size, size), mode="bilinear", align_corners=False) / share.clamp(min=1e-6)
    return finer.permute(0, 2, 3, 1), F.interpolate(source_valid, (size, size), mode="nearest")


def warp_latents(
    latents: Float[Tensor, "N C h w"],
    source_pixels: Float[Tensor, "N H W 2"],
    source_valid: Float[Tensor, "N 1 H W"],
) -> Float[Tensor, "N C2 h w"]:
    """The source's latents moved to the target's pixels, with one more channel that says where this is valid.

    `source_pixels` (x, y from 0 to 1 across the source, pixel centres at half integers) may have another resolution
    than the latents; it is averaged over valid pixels where it shrinks. Positions outside the source are not valid.
    """
    size = latents.shape[-2:]
    inside = ((source_pixels >= 0.0) & (source_pixels <= 1.0)).all(dim=-1)[:, None]
    valid = source_valid * inside.to(source_valid.dtype)
    positions = torch.where(valid.bool(), torch.nan_to_num(source_pixels).permute(0, 3, 1, 2), 0.0)
    if source_pixels.shape[1:3] != size:
        shrinks = source_pixels.shape[1] >= size[0]
        mode = "area" if shrinks else "nearest"
        share = F.interpolate(valid, size, mode=mode)
        positions = F.interpolate(positions * valid, size, mode=mode) / share.clamp(min=1e-6)
        valid = share
    grid = positions.permute(0, 2, 3, 1) * 2.0 - 1.0
    warped = F.grid_sample(latents, grid.to(latents.dtype), mode="bilinear", padding_mode="border", align_corners=False)
    valid = valid.to(latents.dtype)
    return torch.cat([warped * (valid > 0), valid], dim=1)
