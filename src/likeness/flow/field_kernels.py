"""Compiled kernels of the surface fields: sixteen neighbouring pixels look up their samples side by side, from near to
far, each search starting from what was nearest to the sample before.
"""

from typing import no_type_check

import numpy as np
from numba import njit

from likeness.geometry.closest_kernels import (
    FAST,
    LANES,
    SLIVER,
    SLOT,
    SQUARED,
    STATE,
    WEIGHT_B,
    WEIGHT_C,
    X,
    Y,
    Z,
    search,
    start_packet,
    test_triangle,
    work_space,
)

PLANE, FRAME = 0, 1  # rules
PLANE_COLUMNS, FRAME_COLUMNS = 12, 18  # of the table of a rule: offset and map; offset, two sides, turn
_SEEDS = (5, 10)  # lanes whose nearest triangles the next packet tries first


# The kernels carry no annotations: compiled code takes its types from the arguments, and stays outside the type check.
@njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def _scaled(a, factor):
    return a[0] * factor, a[1] * factor, a[2] * factor


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def _side(vertices, start, end):
    return (
        vertices[end, 0] - vertices[start, 0],
        vertices[end, 1] - vertices[start, 1],
        vertices[end, 2] - vertices[start, 2],
    )


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _triangle_frame(ab, ac):
    """Unit edge, what is across it, unit normal; and the squared sine of the corner if it is not nearly zero."""
    normal = _cross(ab, ac)
    squared, limit = _dot(normal, normal), SLIVER * _dot(ab, ab) * _dot(ac, ac)
    if squared <= limit:
        zero = (0.0, 0.0, 0.0)
        return zero, zero, zero, False
    edge, normal = _scaled(ab, 1.0 / np.sqrt(_dot(ab, ab))), _scaled(normal, 1.0 / np.sqrt(squared))
    return edge, _cross(normal, edge), normal, True


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
@no_type_check
def _turned(rotation, a):
    return _dot(rotation[0], a), _dot(rotation[1], a), _dot(rotation[2], a)


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def fit_field(target, source, flow, rotation, faces, plane, turn):
    """The affine maps of both rules for each triangle: `plane` on the point, `turn` on its offset from the surface.

    `source` and `flow` are in a frame that `rotation` turns the target's into. A triangle without area in either head
    turns nothing.
    """
    for number in range(faces.shape[0]):
        a, b, c = faces[number, 0], faces[number, 1], faces[number, 2]
        ab, ac = _side(target, a, b), _side(target, a, c)
        edge, across, normal, has_area = _triangle_frame(ab, ac)
        plane[number] = 0.0
        turn[number] = 0.0
        if not has_area:
            continue
        shown = _turned(rotation, edge), _turned(rotation, across), _turned(rotation, normal)
        edge_s, across_s, normal_s, source_has_area = _triangle_frame(_side(source, a, b), _side(source, a, c))
        if not source_has_area:
            edge_s, across_s, normal_s = shown
        long_normal = _cross(ab, ac)
        scale = 1.0 / _dot(long_normal, long_normal)
        dual_b, dual_c = _scaled(_cross(ac, long_normal), scale), _scaled(_cross(long_normal, ab), scale)
        side_b, side_c = _side(flow, a, b), _side(flow, a, c)
        for row in range(3):
            lifted = normal_s[row] - shown[2][row]
            for column in range(3):
                plane[number, row, column] = (
                    side_b[row] * dual_b[column] + side_c[row] * dual_c[column] + lifted * normal[column]
                )
                turn[number, row, column] = (
                    (edge_s[row] - shown[0][row]) * edge[column]
                    + (across_s[row] - shown[1][row]) * across[column]
                    + lifted * normal[column]
                )


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", _nrt=False)
@no_type_check
def _mark_neighbours(slot, allowed, neighbours, reach, distance, waits, queue, reached):
    """Set `allowed` to `slot` for the triangles with a corner within `reach` of its own, along the edges of the mesh.

    Distances are corrected until none gets shorter; they are infinite again afterwards.
    """
    vertices, corners, starts, slots = neighbours
    room = queue.shape[0]  # a ring; no vertex waits twice
    head = waiting = count = 0
    for corner in range(3):
        vertex = corners[slot, corner]
        if not waits[vertex]:
            distance[vertex], waits[vertex] = np.float32(0.0), True
            queue[waiting], reached[count] = vertex, vertex
            waiting += 1
            count += 1
    while waiting > 0:
        vertex = queue[head]
        head = head + 1 if head + 1 < room else 0
        waiting -= 1
        waits[vertex] = False
        for entry in range(starts[vertex], starts[vertex + 1]):
            other_slot = slots[entry]
            allowed[other_slot] = slot
            for corner in range(3):
                other = corners[other_slot, corner]
                dx = vertices[vertex, 0] - vertices[other, 0]
                dy = vertices[vertex, 1] - vertices[other, 1]
                dz = vertices[vertex, 2] - vertices[other, 2]
                length = distance[vertex] + np.sqrt(dx * dx + dy * dy + dz * dz)
                if length > reach or length >= distance[other]:
                    continue
                if distance[other] > np.float32(1e30):
                    reached[count] = other
                    count += 1
                distance[other] = length
                if not waits[other]:
                    waits[other] = True
                    place = head + waiting
                    queue[place - room if place >= room else place] = other
                    waiting += 1
    for number in range(count):
        distance[reached[number]] = np.float32(1e37)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
@no_type_check
def _try_seed(triangles, seed, tried, state, tolerance):
    """Test a triangle unless it is one of the few tested just before."""
    if seed != tried[0] and seed != tried[1]:
        test_triangle(triangles, seed, state, tolerance)
        tried[1], tried[0] = tried[0], seed


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
@no_type_check
def _flow_of_lane(triangles, table, rule, slot, lane, state):
    """Flow at the point of a lane, bound to that triangle."""
    row = table[slot]
    x = state[X + lane] - triangles[slot, 0]
    y = state[Y + lane] - triangles[slot, 1]
    z = state[Z + lane] - triangles[slot, 2]
    if rule == PLANE:
        return (
            row[0] + row[3] * x + row[4] * y + row[5] * z,
            row[1] + row[6] * x + row[7] * y + row[8] * z,
            row[2] + row[9] * x + row[10] * y + row[11] * z,
        )
    b, c = state[WEIGHT_B + lane], state[WEIGHT_C + lane]
    x -= b * triangles[slot, 3] + c * triangles[slot, 6]
    y -= b * triangles[slot, 4] + c * triangles[slot, 7]
    z -= b * triangles[slot, 5] + c * triangles[slot, 8]
    return (
        row[0] + b * row[3] + c * row[6] + row[9] * x + row[10] * y + row[11] * z,
        row[1] + b * row[4] + c * row[7] + row[12] * x + row[13] * y + row[14] * z,
        row[2] + b * row[5] + c * row[8] + row[15] * x + row[16] * y + row[17] * z,
    )


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
@no_type_check
def _try_seeds(triangles, history, row, tried, state, tolerance):
    """Test what was nearest at an earlier step."""
    for number in range(2):
        _try_seed(triangles, history[row, number], tried, state, tolerance)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", _nrt=False)
@no_type_check
def _field_packet(
    pixels, begin, count, own_slot, is_first, plan, rays, centre, tree, tolerance, table, rule, encoding, allowed, room,
    work, state, out,
):  # fmt: skip
    """All samples of one packet of pixels."""
    triangles = tree[0]
    first, step, focal_x, focal_y, centre_x, centre_y, width = rays
    is_along, is_fine = plan
    scale, clip, fading = encoding
    history, tried, lane_pixel, lane_sample, ray_x, ray_y = room
    samples = out.shape[0] // 3
    for number in range(count):
        pixel = pixels[begin + number]
        ray_x[number] = (pixel % width + 0.5 - centre_x) * focal_x
        ray_y[number] = (pixel // width + 0.5 - centre_y) * focal_y
    for lane in range(LANES):
        lane_pixel[lane] = 0 if is_along else min(lane, count - 1)
        lane_sample[lane] = lane if is_along else 0
    chunks = (count * samples + LANES - 1) // LANES if is_along else samples
    for chunk in range(chunks):
        for lane in range(LANES):
            while lane_sample[lane] >= samples and lane_pixel[lane] < count - 1:  # on to the next ray
                lane_sample[lane] -= samples
                lane_pixel[lane] += 1
            pixel, sample = pixels[begin + lane_pixel[lane]], min(lane_sample[lane], samples - 1)
            depth = first[pixel] + np.float32(sample) * step[pixel]
            state[X + lane] = np.float32(ray_x[lane_pixel[lane]] * depth - centre[0])
            state[Y + lane] = np.float32(ray_y[lane_pixel[lane]] * depth - centre[1])
            state[Z + lane] = np.float32(depth - centre[2])
        start_packet(state)
        for number in range(2):
            tried[number] = -1
        if own_slot >= 0:
            _try_seed(triangles, own_slot, tried, state, tolerance)
        if chunk > 0 and (is_fine or is_first):
            _try_seeds(triangles, history, chunk - 1, tried, state, tolerance)
        elif own_slot < 0:
            _try_seeds(triangles, history, chunk, tried, state, tolerance)
        search(tree, work, state, tolerance, allowed, own_slot)
        for number in range(2):
            history[chunk, number] = np.int32(state[SLOT + _SEEDS[number]])
        for lane in range(LANES):
            pixel, sample = pixels[begin + lane_pixel[lane]], lane_sample[lane]
            lane_sample[lane] += LANES if is_along else 1
            if sample >= samples or (lane >= count and not is_along):
                continue  # nothing was left for this lane
            flow_x, flow_y, flow_z = _flow_of_lane(triangles, table, rule, int(state[SLOT + lane]), lane, state)
            factor = scale
            if fading > np.float32(0.0):
                factor = scale * np.exp(-fading * state[SQUARED + lane])
            out[3 * sample, pixel] = min(max(flow_x * factor, -clip), clip)
            out[3 * sample + 1, pixel] = min(max(flow_y * factor, -clip), clip)
            out[3 * sample + 2, pixel] = min(max(flow_z * factor, -clip), clip)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
@no_type_check
def field_blocks(
    pixels, packet_starts, packet_slots, plan, rays, centre, tree, tolerance, table, rule, encoding, neighbours,
    reach, block_packets, block_begin, block_end, out,
):  # fmt: skip
    """Encoded flow of some blocks of packets; each block starts afresh.

    Args:
        pixels: flat pixel numbers, packet by packet, at most sixteen each.
        packet_slots: the triangle whose neighbourhood alone is searched, or -1; packets of one follow each other.
        plan: whether lanes hold neighbours along a ray instead of across (better where samples are much closer than
            pixels), and whether the step before has better seeds than the packet before.
        rays: depth of the first sample and step of every pixel, 1 / focal lengths and centre in pixels, picture width.
        encoding: factor of the flow, largest absolute value, 1 / squared length over which it fades (0: not at all).
        neighbours: vertices, corners per slot, and slots per vertex as starts and numbers.
        out: 3 channels per sample [channels pixels].
    """
    state, work = np.zeros(STATE, np.float32), work_space()
    history, tried = np.zeros((out.shape[0] // 3 + 1, 4), np.int32), np.zeros(4, np.int32)
    lane_pixel, lane_sample = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    room = history, tried, lane_pixel, lane_sample, np.zeros(LANES), np.zeros(LANES)
    num_vertices = neighbours[0].shape[0]
    allowed = np.full(tree[0].shape[0], -1, np.int32)
    distance, waits = np.full(num_vertices, 1e37, np.float32), np.zeros(num_vertices, np.bool_)
    queue, reached = np.empty(num_vertices, np.int32), np.empty(num_vertices, np.int32)
    for block in range(block_begin, block_end):
        history[:] = 0
        start = block * block_packets
        for packet in range(start, min((block + 1) * block_packets, packet_slots.shape[0])):
            begin, slot = packet_starts[packet], packet_slots[packet]
            if slot >= 0 and allowed[slot] != slot:
                _mark_neighbours(slot, allowed, neighbours, reach, distance, waits, queue, reached)
            _field_packet(
                pixels, begin, packet_starts[packet + 1] - begin, slot, packet == start, plan, rays, centre, tree,
                tolerance, table, rule, encoding, allowed, room, work, state, out,
            )  # fmt: skip
