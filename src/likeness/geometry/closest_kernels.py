"""Compiled kernels of the closest-point search: 16 points walk the tree side by side (Ericson 2004, 5.1.5)."""

from typing import no_type_check

import numpy as np
from numba import njit

LANES = 16  # points per packet
WIDE = 8  # triangles per leaf at most, and boxes per node
STACK = 96  # nodes that may wait: seven per three levels of the tree, and there are at most 21
SLIVER = 1e-10  # squared sine of a corner below which a triangle counts as its three edges
POINT = 1e-30  # squared length below which an edge counts as a point

# Columns of the triangle table, in tree order. ab and ac are edges from the corner a; `dual` vectors give the weights
# of b and c of a point projected into the plane; `normal` has length 1, or 0 where the triangle has no area; `limit` is
# 1, or -1 for a triangle without area.
AB, AC, DUAL_B, DUAL_C, NORMAL, AB_AB, AB_AC, AC_AC = 3, 6, 9, 12, 15, 18, 19, 20
INVERSE_AB, INVERSE_AC, INVERSE_BC, LIMIT, COLUMNS = 21, 22, 23, 24, 25

# Offsets in the state of a packet, a flat float32 array, so that the compiler can tell its parts from each other.
X, Y, Z, SQUARED, REACH, HEIGHT, SLOT, WEIGHT_B, WEIGHT_C, STATE = (LANES * part for part in range(10))
TIE = 1e-6  # share of the squared distance within which two triangles are equally near
ALIGNED = 1e-5  # share by which the normal of one of them must be the better aligned

# Counting references to arrays would take longer than the tests: what runs for each packet does without (`_nrt=False`),
# and so may not allocate.
FAST = {"contract", "nsz", "nnan", "ninf", "arcp"}  # the points and the vertices were checked to be finite


# The kernels carry no annotations: compiled code takes its types from the arguments, and stays outside the type check.
@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def root_width(leaves):
    """How many boxes the root looks at, so that all other nodes look at `WIDE`: 2, 4 or `WIDE`; 1 for a lone leaf."""
    width = leaves
    while width > WIDE:
        width //= WIDE
    return width


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def fit_triangles(vertices, faces, order, triangles):
    """Constants of each triangle, computed in float64 and stored in float32."""
    for slot in range(order.shape[0]):
        row = triangles[slot]
        a, b, c = faces[order[slot], 0], faces[order[slot], 1], faces[order[slot], 2]
        ab_ab = ab_ac = ac_ac = 0.0
        for axis in range(3):
            ab, ac = vertices[b, axis] - vertices[a, axis], vertices[c, axis] - vertices[a, axis]
            row[axis], row[AB + axis], row[AC + axis] = vertices[a, axis], ab, ac
            ab_ab += ab * ab
            ab_ac += ab * ac
            ac_ac += ac * ac
        bc_bc = ab_ab + ac_ac - 2.0 * ab_ac
        determinant = ab_ab * ac_ac - ab_ac * ab_ac  # |ab|^2 |ac|^2 sin^2 = |ab x ac|^2
        flat = determinant <= SLIVER * ab_ab * ac_ac
        scale = 0.0 if flat else 1.0 / determinant
        for axis in range(3):
            after, last = (axis + 1) % 3, (axis + 2) % 3
            ab, ac = vertices[b, axis] - vertices[a, axis], vertices[c, axis] - vertices[a, axis]
            row[DUAL_B + axis] = (ab * ac_ac - ac * ab_ac) * scale
            row[DUAL_C + axis] = (ac * ab_ab - ab * ab_ac) * scale
            row[NORMAL + axis] = np.sqrt(scale) * (
                (vertices[b, after] - vertices[a, after]) * (vertices[c, last] - vertices[a, last])
                - (vertices[b, last] - vertices[a, last]) * (vertices[c, after] - vertices[a, after])
            )
        row[AB_AB], row[AB_AC], row[AC_AC] = ab_ab, ab_ac, ac_ac
        row[INVERSE_AB] = 1.0 / ab_ab if ab_ab > POINT else 0.0
        row[INVERSE_AC] = 1.0 / ac_ac if ac_ac > POINT else 0.0
        row[INVERSE_BC] = 1.0 / bc_bc if bc_bc > POINT else 0.0
        row[LIMIT] = -1.0 if flat else 1.0


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def fit_boxes(vertices, faces, order, leaf_starts, boxes, corners):
    """The corners of the triangles of each leaf, and for each inner node the boxes of what lies three levels below.

    `corners[leaf]` holds nine rows of `WIDE` numbers: x of the first corners, y, z, x of the second corners, ...;
    `boxes[node]` six rows: lower x of each box, y, z, upper x, ...
    """
    leaves = leaf_starts.shape[0] - 1
    bounds = np.empty((2 * leaves, 6), np.float32)
    bounds[:, :3] = np.inf
    bounds[:, 3:] = -np.inf
    corners[:] = 0.0
    for leaf in range(leaves):
        node = leaves + leaf
        for slot in range(leaf_starts[leaf], leaf_starts[leaf + 1]):
            for corner in range(3):
                vertex = faces[order[slot], corner]
                for axis in range(3):
                    value = vertices[vertex, axis]
                    corners[leaf, (3 * corner + axis) * WIDE + slot - leaf_starts[leaf]] = value
                    bounds[node, axis] = min(bounds[node, axis], value)
                    bounds[node, 3 + axis] = max(bounds[node, 3 + axis], value)
    for node in range(leaves - 1, 0, -1):
        for axis in range(3):
            bounds[node, axis] = min(bounds[2 * node, axis], bounds[2 * node + 1, axis])
            bounds[node, 3 + axis] = max(bounds[2 * node, 3 + axis], bounds[2 * node + 1, 3 + axis])
    for node in range(1, leaves):
        width = root_width(leaves) if node == 1 else WIDE
        if (node + 1) * width > 2 * leaves:
            continue  # the walk passes from above it to below it
        for child in range(width):
            for row in range(6):
                boxes[node, row * WIDE + child] = bounds[node * width + child, row]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def start_packet(state):
    """Forget the nearest triangles; the points stay."""
    for lane in range(LANES):
        state[SQUARED + lane] = np.float32(1e37)
        state[REACH + lane] = np.float32(1e18)
        state[HEIGHT + lane] = np.float32(0.0)
        state[SLOT + lane] = np.float32(0.0)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
@no_type_check
def test_triangle(triangles, slot, state, tolerance):
    """Keep this triangle in every lane where it is nearer than the best so far, or as near and better aligned."""
    row = triangles[slot]
    ax, ay, az = row[0], row[1], row[2]
    ab_x, ab_y, ab_z, ac_x, ac_y, ac_z = row[3], row[4], row[5], row[6], row[7], row[8]
    db_x, db_y, db_z, dc_x, dc_y, dc_z = row[9], row[10], row[11], row[12], row[13], row[14]
    n_x, n_y, n_z = row[15], row[16], row[17]
    ab_ab, ab_ac, ac_ac = row[AB_AB], row[AB_AC], row[AC_AC]
    inverse_ab, inverse_ac, inverse_bc, limit = row[INVERSE_AB], row[INVERSE_AC], row[INVERSE_BC], row[LIMIT]
    zero, one, two = np.float32(0.0), np.float32(1.0), np.float32(2.0)
    looser, aligned = np.float32(1.0 + TIE), np.float32(1.0 + ALIGNED)
    slot_number = np.float32(slot)
    for lane in range(LANES):
        x, y, z = state[X + lane] - ax, state[Y + lane] - ay, state[Z + lane] - az
        along_ab = ab_x * x + ab_y * y + ab_z * z
        along_ac = ac_x * x + ac_y * y + ac_z * z
        # nearest points on the three edges, compared by squared distance minus |point - a|^2
        s = min(max(along_ab * inverse_ab, zero), one)
        on_ab = s * (s * ab_ab - two * along_ab)
        t = min(max(along_ac * inverse_ac, zero), one)
        on_ac = t * (t * ac_ac - two * along_ac)
        c_bc = min(max((along_ac - along_ab + ab_ab - ab_ac) * inverse_bc, zero), one)
        b_bc = one - c_bc
        on_bc = (
            b_bc * (b_bc * ab_ab - two * along_ab) + c_bc * (c_bc * ac_ac - two * along_ac) + two * b_bc * c_bc * ab_ac
        )
        is_ac = on_ac < on_ab
        is_bc = on_bc < min(on_ab, on_ac)
        edge_b = b_bc if is_bc else zero if is_ac else s
        edge_c = c_bc if is_bc else t if is_ac else zero
        b = db_x * x + db_y * y + db_z * z
        c = dc_x * x + dc_y * y + dc_z * z
        inside = (b >= zero) & (c >= zero) & (b + c <= limit)
        b = b if inside else edge_b
        c = c if inside else edge_c
        dx, dy, dz = x - b * ab_x - c * ac_x, y - b * ab_y - c * ac_y, z - b * ab_z - c * ac_z
        squared = dx * dx + dy * dy + dz * dz
        height = abs(n_x * x + n_y * y + n_z * z)
        best, best_height, reach = state[SQUARED + lane], state[HEIGHT + lane], state[REACH + lane]
        equal = reach * reach
        nearer = squared < best - (equal - best)
        taken = nearer | ((squared <= equal) & (height > best_height * aligned))
        smaller = min(best, squared)
        state[SQUARED + lane] = smaller
        state[REACH + lane] = np.sqrt(smaller * looser) + tolerance
        state[HEIGHT + lane] = height if taken else best_height
        state[SLOT + lane] = slot_number if taken else state[SLOT + lane]
        state[WEIGHT_B + lane] = b if taken else state[WEIGHT_B + lane]
        state[WEIGHT_C + lane] = c if taken else state[WEIGHT_C + lane]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
@no_type_check
def _largest(values, first):
    """Of one value per lane, by halves: a chain of sixteen comparisons would take four times as long."""
    a = max(max(values[first], values[first + 1]), max(values[first + 2], values[first + 3]))
    b = max(max(values[first + 4], values[first + 5]), max(values[first + 6], values[first + 7]))
    c = max(max(values[first + 8], values[first + 9]), max(values[first + 10], values[first + 11]))
    d = max(max(values[first + 12], values[first + 13]), max(values[first + 14], values[first + 15]))
    return max(max(a, b), max(c, d))


@njit(cache=True, nogil=True, fastmath=FAST | {"reassoc"}, error_model="numpy", _nrt=False)
@no_type_check
def _is_within_reach(lower_x, lower_y, lower_z, upper_x, upper_y, upper_z, state):
    """Whether a box is within reach of any lane; exact, lane by lane."""
    zero = np.float32(0.0)
    margin = zero  # a sum of what is left over: the compiler makes vectors of sums, not of maxima
    for lane in range(LANES):
        x, y, z, reach = state[X + lane], state[Y + lane], state[Z + lane], state[REACH + lane]
        dx = max(max(lower_x - x, x - upper_x), zero)
        dy = max(max(lower_y - y, y - upper_y), zero)
        dz = max(max(lower_z - z, z - upper_z), zero)
        margin += max(reach * reach - (dx * dx + dy * dy + dz * dz), zero)
    return margin > zero


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
@no_type_check
def _triangle_is_within_reach(corners, leaf, i, state):
    """The same for the box of a triangle of a leaf."""
    ax, ay, az = corners[leaf, i], corners[leaf, 8 + i], corners[leaf, 16 + i]
    bx, by, bz = corners[leaf, 24 + i], corners[leaf, 32 + i], corners[leaf, 40 + i]
    cx, cy, cz = corners[leaf, 48 + i], corners[leaf, 56 + i], corners[leaf, 64 + i]
    return _is_within_reach(
        min(min(ax, bx), cx), min(min(ay, by), cy), min(min(az, bz), cz),
        max(max(ax, bx), cx), max(max(ay, by), cy), max(max(az, bz), cz), state,
    )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
@no_type_check
def _test_leaf(
    triangles, corners, leaf, begin, end, box, squared_reach, scratch, state, tolerance, allowed, tag
):  # fmt: skip
    """Test the triangles of a leaf that may be within reach of a lane; returns how many.

    A triangle is left out if its box is too far from that of the packet, or if a plane shows that it is: along the
    unit vector u from the leaf to the packet, its distance is at least u . point - max u . corner.
    Loops run to the length of `scratch` because those of a known, short length are not made vectors of.
    """
    half, zero = np.float32(0.5), np.float32(0.0)
    low_x, low_y, low_z, high_x, high_y, high_z = box
    ux = half * (low_x + high_x) - corners[leaf, 0]
    uy = half * (low_y + high_y) - corners[leaf, 8]
    uz = half * (low_z + high_z) - corners[leaf, 16]
    scale = np.float32(1.0) / np.sqrt(ux * ux + uy * uy + uz * uz + np.float32(POINT))
    ux, uy, uz = ux * scale, uy * scale, uz * scale
    for i in range(scratch.shape[0]):
        scratch[i] = state[REACH + i] - ux * state[X + i] - uy * state[Y + i] - uz * state[Z + i]
    needed = -_largest(scratch, 0)
    for i in range(scratch.shape[0] // 2):
        ax, ay, az = corners[leaf, i], corners[leaf, 8 + i], corners[leaf, 16 + i]
        bx, by, bz = corners[leaf, 24 + i], corners[leaf, 32 + i], corners[leaf, 40 + i]
        cx, cy, cz = corners[leaf, 48 + i], corners[leaf, 56 + i], corners[leaf, 64 + i]
        dx = max(max(min(min(ax, bx), cx) - high_x, low_x - max(max(ax, bx), cx)), zero)
        dy = max(max(min(min(ay, by), cy) - high_y, low_y - max(max(ay, by), cy)), zero)
        dz = max(max(min(min(az, bz), cz) - high_z, low_z - max(max(az, bz), cz)), zero)
        a, b, c = ux * ax + uy * ay + uz * az, ux * bx + uy * by + uz * bz, ux * cx + uy * cy + uz * cz
        is_near = dx * dx + dy * dy + dz * dz <= squared_reach
        scratch[i] = max(max(a, b), c) if is_near else np.float32(-1e30)
    count = 0
    for slot in range(begin, end):
        if scratch[slot - begin] >= needed and (tag < 0 or allowed[slot] == tag):
            if _triangle_is_within_reach(corners, leaf, slot - begin, state):
                test_triangle(triangles, slot, state, tolerance)
                count += 1
    return count


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", _nrt=False)
@no_type_check
def search(tree, work, state, tolerance, allowed, tag):
    """Walk the tree three levels at a time, near boxes first; the state already holds a bound for each lane.

    A box whose gap to the box around the packet exceeds every lane's reach is left out. With a `tag` that is not
    negative, only triangles with `allowed[slot] == tag` count.

    Args:
        tree: triangles, boxes, corners and leaf starts of a surface index.
        work: room for the stack, its gaps, and sixteen numbers; see `work_space`.
    """
    triangles, boxes, corners, leaf_starts = tree
    stack, gaps, scratch = work
    leaves = leaf_starts.shape[0] - 1
    zero = np.float32(0.0)
    low_x, low_y, low_z = state[X], state[Y], state[Z]
    high_x, high_y, high_z = low_x, low_y, low_z
    for lane in range(1, LANES):
        low_x, high_x = min(low_x, state[X + lane]), max(high_x, state[X + lane])
        low_y, high_y = min(low_y, state[Y + lane]), max(high_y, state[Y + lane])
        low_z, high_z = min(low_z, state[Z + lane]), max(high_z, state[Z + lane])
    box = (low_x, low_y, low_z, high_x, high_y, high_z)
    reach = _largest(state, REACH)
    squared_reach = reach * reach
    stack[0], gaps[0] = 1, zero
    size, width = 1, root_width(leaves)
    while size > 0:
        size -= 1
        node = stack[size]
        if gaps[size] > squared_reach:
            continue
        if node >= leaves:
            leaf = node - leaves
            begin, end = leaf_starts[leaf], leaf_starts[leaf + 1]
            count = _test_leaf(
                triangles, corners, leaf, begin, end, box, squared_reach, scratch, state, tolerance, allowed, tag
            )  # fmt: skip
            if count > 0:
                reach = _largest(state, REACH)
                squared_reach = reach * reach
            continue
        for i in range(scratch.shape[0] // 2):
            dx = max(max(boxes[node, i] - high_x, low_x - boxes[node, 24 + i]), zero)
            dy = max(max(boxes[node, 8 + i] - high_y, low_y - boxes[node, 32 + i]), zero)
            dz = max(max(boxes[node, 16 + i] - high_z, low_z - boxes[node, 40 + i]), zero)
            scratch[i] = dx * dx + dy * dy + dz * dz
        base = size
        for i in range(width):
            gap = scratch[i]
            if gap > squared_reach or not _is_within_reach(
                boxes[node, i], boxes[node, 8 + i], boxes[node, 16 + i],
                boxes[node, 24 + i], boxes[node, 32 + i], boxes[node, 40 + i], state,
            ):  # fmt: skip
                continue
            place = size
            while place > base and gaps[place - 1] < gap:
                gaps[place], stack[place] = gaps[place - 1], stack[place - 1]
                place -= 1
            gaps[place], stack[place] = gap, node * width + i
            size += 1
        width = WIDE


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def work_space():
    """Room for `search`."""
    return np.empty(STACK, np.int32), np.empty(STACK, np.float32), np.empty(LANES, np.float32)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", _nrt=False)
@no_type_check
def _query_packets(
    points, centre, tree, order, tolerance, begin, end, work, state, allowed, face, barycentrics, distance
):  # fmt: skip
    count = points.shape[0]
    triangles = tree[0]
    seed_first = seed_last = 0
    for start in range(begin, end, LANES):
        for lane in range(LANES):
            point = min(start + lane, count - 1)
            state[X + lane] = np.float32(points[point, 0] - centre[0])
            state[Y + lane] = np.float32(points[point, 1] - centre[1])
            state[Z + lane] = np.float32(points[point, 2] - centre[2])
        start_packet(state)
        test_triangle(triangles, seed_first, state, tolerance)
        if seed_last != seed_first:
            test_triangle(triangles, seed_last, state, tolerance)
        search(tree, work, state, tolerance, allowed, -1)
        seed_first, seed_last = int(state[SLOT]), int(state[SLOT + LANES - 1])
        for lane in range(min(LANES, count - start)):
            point = start + lane
            face[point] = order[int(state[SLOT + lane])]
            b, c = state[WEIGHT_B + lane], state[WEIGHT_C + lane]
            barycentrics[point, 0] = np.float32(1.0) - b - c
            barycentrics[point, 1] = b
            barycentrics[point, 2] = c
            distance[point] = np.sqrt(state[SQUARED + lane])


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
@no_type_check
def query_blocks(
    points, centre, tree, order, tolerance, block_points, block_begin, block_end, face, barycentrics, distance
):  # fmt: skip
    """Nearest surface points of the points in some blocks; each block starts afresh."""
    state, work, allowed = np.zeros(STATE, np.float32), work_space(), np.empty(1, np.int32)
    for block in range(block_begin, block_end):
        begin, end = block * block_points, min((block + 1) * block_points, points.shape[0])
        _query_packets(
            points, centre, tree, order, tolerance, begin, end, work, state, allowed, face, barycentrics, distance
        )
