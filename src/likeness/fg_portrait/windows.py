"""Windows of frames that overlap: temporal layers see one window at a time, and a clip is longer than a window."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def frame_windows(count: int, *, length: int, overlap: int, offset: int) -> list[list[int]]:
    """Frame numbers of each window, `length` each; every frame 0 to count - 1 is in at least one.

    The first window begins up to a stride before the clip, by `offset`; beyond both ends the clip is mirrored.

    Raises:
        ValueError: the windows would not move.
    """
    if count < 1 or not 0 <= overlap < length:
        raise ValueError(f"windows need frames and 0 <= overlap < length, got {count}, {overlap} and {length}")
    stride = length - overlap
    starts = range(-(offset % stride), max(count - overlap, 1), stride)
    return [[mirrored(start + index, count) for index in range(length)] for start in starts]


def mirrored(position: int, count: int) -> int:
    """The frame at that place of a clip that is mirrored at its first and last frame, again and again."""
    if count == 1:
        return 0
    period = 2 * (count - 1)
    place = position % period
    return min(place, period - place)


def blend_windows(
    windows: Sequence[Sequence[int]],
    predict: Callable[[list[int]], Float[Tensor, "T C H W"]],
    like: Float[Tensor, "N C H W"],
) -> Float[Tensor, "N C H W"]:
    """Mean over the windows of what `predict` says about each frame, weighted by how often it was visited."""
    total = torch.zeros_like(like, dtype=torch.float32)
    visits = torch.zeros(len(like), device=like.device)
    for window in windows:
        index = torch.tensor(list(window), device=like.device)
        total.index_add_(0, index, predict(list(window)).float())
        visits.index_add_(0, index, torch.ones(len(index), device=like.device))
    return (total / visits[:, None, None, None]).to(like.dtype)
