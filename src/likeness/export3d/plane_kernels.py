"""Compiled look-up in three planes whose channels lie last, and its gradient: what dominates a ray on a CPU.

Twin of `planes.sample_planes_plain`; a point reads 12 rows of memory instead of 12 scattered values per channel.
"""

import numpy as np
from numba import njit

PLANES = 3
_ZERO, _HALF, _ONE, _TWO, _THIRD = (np.float32(value) for value in (0.0, 0.5, 1.0, 2.0, 1.0 / 3.0))
_FAST = {"contract", "reassoc", "nsz"}  # no assumption about infinities: points may lie anywhere


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _position(points, index, plane, height, width, box):
    """Column and row of a point in plane xy, yz or zx, texels, the first centre at 0: see `planes.plane_positions`."""
    scale = _TWO / box
    across = points[index, 2 if plane == 1 else 0] * scale
    down = points[index, 2] * scale if plane == 2 else -points[index, 1] * scale
    column = ((across + _ONE) * np.float32(width) - _ONE) * _HALF
    row = ((down + _ONE) * np.float32(height) - _ONE) * _HALF
    inside = column > -_ONE and row > -_ONE and column < np.float32(width) and row < np.float32(height)
    return inside, column, row


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _pair(position, count):
    """The two texels that a position lies between, kept inside, and their weights: zero for one that is outside."""
    low = int(np.floor(position))
    share = position - np.float32(low)
    low_weight = _ONE - share if low >= 0 else _ZERO
    high_weight = share if low + 1 < count else _ZERO
    return max(low, 0), min(low + 1, count - 1), low_weight, high_weight


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def gather_rows(planes, points, box, out, begin, end):
    """`out[n]` = mean over the planes of their bilinear values at point n, for begin <= n < end; zeros outside.

    Args:
        planes: [3 h w C]; points: [N 3]; out: [N C].
    """
    _, height, width, channels = planes.shape
    for n in range(begin, end):
        row_out = out[n]
        for c in range(channels):
            row_out[c] = _ZERO
        for plane in range(PLANES):
            inside, column, row = _position(points, n, plane, height, width, box)
            if not inside:
                continue
            left, right, left_weight, right_weight = _pair(column, width)
            top, bottom, top_weight, bottom_weight = _pair(row, height)
            upper, lower = top_weight * _THIRD, bottom_weight * _THIRD
            weight_tl, weight_tr = upper * left_weight, upper * right_weight
            weight_bl, weight_br = lower * left_weight, lower * right_weight
            top_left, top_right = planes[plane, top, left], planes[plane, top, right]
            bottom_left, bottom_right = planes[plane, bottom, left], planes[plane, bottom, right]
            for c in range(channels):
                above = weight_tl * top_left[c] + weight_tr * top_right[c]
                row_out[c] += above + weight_bl * bottom_left[c] + weight_br * bottom_right[c]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def scatter_rows(gradient, points, box, plane, out):
    """The transpose of `gather_rows` for one plane: adds every point's gradient to the texels that it read.

    Args:
        gradient: [N C]; points: [N 3]; out: [h w C] of that plane.
    """
    height, width, channels = out.shape
    for n in range(len(points)):
        inside, column, row = _position(points, n, plane, height, width, box)
        if not inside:
            continue
        left, right, left_weight, right_weight = _pair(column, width)
        top, bottom, top_weight, bottom_weight = _pair(row, height)
        upper, lower = top_weight * _THIRD, bottom_weight * _THIRD
        weight_tl, weight_tr = upper * left_weight, upper * right_weight
        weight_bl, weight_br = lower * left_weight, lower * right_weight
        for c in range(channels):
            out[top, left, c] += weight_tl * gradient[n, c]
        for c in range(channels):
            out[top, right, c] += weight_tr * gradient[n, c]
        for c in range(channels):
            out[bottom, left, c] += weight_bl * gradient[n, c]
        for c in range(channels):
            out[bottom, right, c] += weight_br * gradient[n, c]
