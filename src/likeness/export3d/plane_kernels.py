"""Compiled look-up in three planes whose channels lie last, and its gradient: what dominates a ray on a CPU.

Twin of `planes.sample_planes_plain`; a point reads 12 rows of memory instead of 12 strided values per channel.
"""

import numpy as np
from numba import njit

PLANES = 3


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _place(points, index, plane, height, width, box):
    """Column and row (texels, the first centre at 0) of a point in plane xy, yz or zx: `planes.plane_positions`."""
    scale = np.float32(2.0) / box
    x, y, z = points[index, 0] * scale, points[index, 1] * scale, points[index, 2] * scale
    across, down = x, -y
    if plane == 1:
        across = z
    elif plane == 2:
        down = z
    half, one = np.float32(0.5), np.float32(1.0)
    return ((across + one) * np.float32(width) - one) * half, ((down + one) * np.float32(height) - one) * half


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def gather_rows(planes, points, box, out, begin, end):
    """`out[n]` = mean over the planes of their bilinear values at point n, for begin <= n < end; zeros outside.

    Args:
        planes: [3 h w C]; points: [N 3]; out: [N C].
    """
    _, height, width, channels = planes.shape
    third = np.float32(1.0 / 3.0)
    one = np.float32(1.0)
    for n in range(begin, end):
        row_out = out[n]
        for c in range(channels):
            row_out[c] = np.float32(0.0)
        for plane in range(PLANES):
            column, row = _place(points, n, plane, height, width, box)
            if not (-1.0 < column < width and -1.0 < row < height):
                continue
            left, top = int(np.floor(column)), int(np.floor(row))
            right_share, bottom_share = column - np.float32(left), row - np.float32(top)
            if 0 <= left and left + 1 < width and 0 <= top and top + 1 < height:
                a, b = planes[plane, top, left], planes[plane, top, left + 1]
                d, e = planes[plane, top + 1, left], planes[plane, top + 1, left + 1]
                upper, lower = (one - bottom_share) * third, bottom_share * third
                wa, wb = upper * (one - right_share), upper * right_share
                wd, we = lower * (one - right_share), lower * right_share
                for c in range(channels):
                    row_out[c] += wa * a[c] + wb * b[c] + wd * d[c] + we * e[c]
                continue
            for corner in range(4):
                i, j = top + corner // 2, left + corner % 2
                if 0 <= i < height and 0 <= j < width:
                    weight = third * (bottom_share if corner // 2 else one - bottom_share)
                    weight *= right_share if corner % 2 else one - right_share
                    values = planes[plane, i, j]
                    for c in range(channels):
                        row_out[c] += weight * values[c]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def scatter_rows(gradient, points, box, plane, out):
    """The transpose of `gather_rows` for one plane: adds every point's gradient to the texels that it read.

    Args:
        gradient: [N C]; points: [N 3]; out: [h w C] of that plane.
    """
    height, width, channels = out.shape
    third = np.float32(1.0 / 3.0)
    one = np.float32(1.0)
    for n in range(len(points)):
        column, row = _place(points, n, plane, height, width, box)
        if not (-1.0 < column < width and -1.0 < row < height):
            continue
        left, top = int(np.floor(column)), int(np.floor(row))
        right_share, bottom_share = column - np.float32(left), row - np.float32(top)
        values = gradient[n]
        for corner in range(4):
            i, j = top + corner // 2, left + corner % 2
            if 0 <= i < height and 0 <= j < width:
                weight = third * (bottom_share if corner // 2 else one - bottom_share)
                weight *= right_share if corner % 2 else one - right_share
                texel = out[i, j]
                for c in range(channels):
                    texel[c] += weight * values[c]
