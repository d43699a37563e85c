"""Numba kernels that rasterise meshes straight into a backward map: for every target pixel, where in the photo it
comes from.
"""

import numpy as np
from numba import njit

FAR = np.float32(1e9)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "nnan", "ninf", "arcp"})
def draw_map(points, sources, faces, depth, result, below, blend, cull):
    """Rasterise triangles into `result` (H W 2: source x, y) where they are nearer than `depth` (H W).

    points: V x 3 target pixel x, y and depth; sources: V x 3 source x, y and blend weight (used if `blend`: mixes with
    `below`, H W 2). Pixel centres at half integers. `cull` drops back faces: an outward counter-clockwise mesh
    shows its front with negative area, since y points down.
    """
    height, width = depth.shape
    one, half, tolerance = np.float32(1.0), np.float32(0.5), np.float32(1e-4)
    for index in range(faces.shape[0]):
        i, j, k = faces[index, 0], faces[index, 1], faces[index, 2]
        ax, ay, az = points[i, 0], points[i, 1], points[i, 2]
        bx, by, bz = points[j, 0], points[j, 1], points[j, 2]
        cx, cy, cz = points[k, 0], points[k, 1], points[k, 2]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < np.float32(1e-6) or (cull and area > 0):
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx) - half)))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx) - half)))
        y0 = max(0, int(np.ceil(min(ay, by, cy) - half)))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy) - half)))
        if x0 > x1 or y0 > y1:
            continue
        inverse = one / area
        ux, uy = (cy - ay) * inverse, -(cx - ax) * inverse
        vx, vy = -(by - ay) * inverse, (bx - ax) * inverse
        bz, cz = bz - az, cz - az
        sax, say, saw = sources[i, 0], sources[i, 1], sources[i, 2]
        sbx, sby, sbw = sources[j, 0] - sax, sources[j, 1] - say, sources[j, 2] - saw
        scx, scy, scw = sources[k, 0] - sax, sources[k, 1] - say, sources[k, 2] - saw
        z_step, x_step, y_step = ux * bz + vx * cz, ux * sbx + vx * scx, ux * sby + vx * scy
        w_step = ux * sbw + vx * scw
        u_columns, v_columns, w_columns = -one / ux, -one / vx, one / (ux + vx)  # columns until an edge is reached
        px = np.float32(x0) + half - ax
        for y in range(y0, y1 + 1):
            py = np.float32(y) + half - ay
            u, v = px * ux + py * uy, px * vx + py * vy
            first, last = np.float32(0.0), np.float32(x1 - x0)  # columns from x0 that lie inside all three edges
            first, last = _inside(u + tolerance, ux, u_columns, first, last)
            first, last = _inside(v + tolerance, vx, v_columns, first, last)
            first, last = _inside(one + tolerance - u - v, -ux - vx, w_columns, first, last)
            z, w = az + u * bz + v * cz, saw + u * sbw + v * scw
            sx, sy = sax + u * sbx + v * scx, say + u * sby + v * scy
            for column in range(int(np.ceil(first)), int(np.floor(last)) + 1):
                along = np.float32(column)
                x = x0 + column
                if z + along * z_step < depth[y, x]:
                    depth[y, x] = z + along * z_step
                    from_x, from_y = sx + along * x_step, sy + along * y_step
                    if blend:
                        share = w + along * w_step
                        from_x = share * from_x + (one - share) * below[y, x, 0]
                        from_y = share * from_y + (one - share) * below[y, x, 1]
                    result[y, x, 0], result[y, x, 1] = from_x, from_y


@njit(inline="always")
def _inside(value, step, columns, first, last):
    """The part of the columns `first` to `last` where value + column * step is not negative; columns = -1 / step."""
    if step > 0:
        return max(first, value * columns), last
    if step < 0:
        return first, min(last, value * columns)
    return first, (last if value >= 0 else np.float32(-1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def fill_identity(result, depth):
    """Every pixel comes from itself, infinitely far."""
    for y in range(result.shape[0]):
        for x in range(result.shape[1]):
            result[y, x, 0] = np.float32(x) + np.float32(0.5)
            result[y, x, 1] = np.float32(y) + np.float32(0.5)
            depth[y, x] = FAR


@njit(cache=True, nogil=True, error_model="numpy")
def fade_beyond(layered, warp, bottom, begin, end):
    """Make `layered` (H W 4, uint8) transparent where the map (H W 2) reads above or beside the picture, `begin` to
    `end` pixels outside it. Below `bottom` (pixels) bodies go on beyond the picture as they end in it."""
    height, width = layered.shape[:2]
    for y in range(height):
        for x in range(width):
            column, row = warp[y, x, 0], warp[y, x, 1]
            out = max(-column, column - np.float32(width), -row)
            if out > begin and row < bottom:
                share = max(np.float32(0.0), (end - out) / (end - begin))
                layered[y, x, 3] = np.uint8(share * np.float32(layered[y, x, 3]) + np.float32(0.5))


@njit(cache=True, nogil=True, error_model="numpy")
def composite(colours, layered, plate, out):
    """Person (colours H W 3, alpha in the last channel of `layered`) over the plate, uint8 with rounding."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            alpha = np.int32(layered[y, x, 3])
            if alpha == 255:
                for c in range(3):
                    out[y, x, c] = colours[y, x, c]
            elif alpha == 0:
                for c in range(3):
                    out[y, x, c] = plate[y, x, c]
            else:
                for c in range(3):
                    mixed = np.int32(colours[y, x, c]) * alpha + np.int32(plate[y, x, c]) * (255 - alpha)
                    out[y, x, c] = (mixed + 127) // 255


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def mark_tears(warp, limit, mask):
    """Set `mask` (H W, float32, zero before) to 1 around places where neighbours of the map (H W 2, contiguous) are
    further apart than `limit` pixels; returns the bounds (top, bottom, left, right) of what was marked."""
    height, width = mask.shape
    rows = warp.reshape(height, 2 * width)
    top, bottom, left, right = height, 0, width, 0
    for y in range(height - 1):
        row, below = rows[y], rows[y + 1]
        jumps = 0
        for k in range(2 * width - 2):  # most rows have none: one quick look at them
            jumps += (abs(row[k + 2] - row[k]) > limit) | (abs(below[k] - row[k]) > limit)
        if jumps == 0:
            continue
        for x in range(width - 1):
            k = 2 * x
            across = max(abs(row[k + 2] - row[k]), abs(row[k + 3] - row[k + 1]))
            down = max(abs(below[k] - row[k]), abs(below[k + 1] - row[k + 1]))
            if max(across, down) > limit:
                for v in range(max(0, y - 1), min(height, y + 3)):
                    for u in range(max(0, x - 1), min(width, x + 3)):
                        mask[v, u] = 1.0
                top, bottom = min(top, y), max(bottom, y)
                left, right = min(left, x), max(right, x)
    return top, bottom, left, right


@njit(cache=True, nogil=True, error_model="numpy")
def lay_over(area, colours, share):
    """Lay `colours` over `area` (both H W 3, the latter uint8), as opaque as `share` (H W, 0 to 1), with rounding."""
    for y in range(area.shape[0]):
        for x in range(area.shape[1]):
            amount = np.float32(share[y, x])
            if amount > np.float32(0.0):
                for c in range(3):
                    value = amount * np.float32(colours[y, x, c]) + (np.float32(1.0) - amount) * area[y, x, c]
                    area[y, x, c] = np.uint8(min(max(value + np.float32(0.5), np.float32(0.0)), np.float32(255.0)))


@njit(cache=True, nogil=True, error_model="numpy")
def mix_in(area, colours, alpha, amounts):
    """Lay `colours` times the gain in the second channel of `amounts` over `area` (both uint8 H W 4), as opaque as
    `alpha` (H W, 0 to 1); the area's own alpha becomes at least that."""
    for y in range(area.shape[0]):
        for x in range(area.shape[1]):
            share = alpha[y, x]
            if share > np.float32(0.002):
                for c in range(3):
                    value = share * amounts[y, x, 1] * colours[y, x, c] + (np.float32(1.0) - share) * area[y, x, c]
                    area[y, x, c] = np.uint8(min(max(value + np.float32(0.5), np.float32(0.0)), np.float32(255.0)))
                area[y, x, 3] = max(area[y, x, 3], np.uint8(share * np.float32(255.0) + np.float32(0.5)))
