"""Compiled tracing of single rays for inference: everything that one ray needs stays in the cache.

Twin of `volume.VolumeRenderer._trace`; see `quick.py` for what is left out and how exact that is.
"""

import numpy as np
from numba import njit

from likeness.export3d.march import NOTHING
from likeness.export3d.plane_kernels import gather_rows

_ZERO, _HALF, _ONE, _TWO = (np.float32(value) for value in (0.0, 0.5, 1.0, 2.0))
_LOG2_E = np.float32(1.0 / np.log(2.0))
_LEAST_POWER = np.float32(-126.0)
_EXP2 = tuple(np.float32(np.log(2.0) ** n / np.prod(np.arange(1.0, n + 1.0))) for n in range(8))  # Taylor, -1/2 to 1/2
_LOG1P = tuple(np.float32(1.0 / n) for n in (1, 3, 5, 7, 9, 11))  # of 2 artanh(e / (2 + e)), e in 0 to 1
_FAST = {"contract", "reassoc", "nsz"}
_STEPS = 2  # in which the even depths are read, from front to back


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def exponentials(values, count, mantissas, bits):
    """For the first `count` values x: exp(-|x|) = mantissas * (bits read as 32-bit floats); loops that vectorise."""
    for i in range(count):
        power = max(-abs(values[i]) * _LOG2_E, _LEAST_POWER)
        whole = np.floor(power + _HALF)
        rest = power - whole
        high = _EXP2[4] + rest * (_EXP2[5] + rest * (_EXP2[6] + rest * _EXP2[7]))
        mantissas[i] = _EXP2[0] + rest * (_EXP2[1] + rest * (_EXP2[2] + rest * (_EXP2[3] + rest * high)))
        bits[i] = (np.int32(whole) + np.int32(127)) << np.int32(23)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def softplus_in_place(values, count, mantissas, bits, powers):
    """log(1 + exp(x)) of the first `count` values; `powers` is `bits` seen as 32-bit floats."""
    exponentials(values, count, mantissas, bits)
    for i in range(count):
        e = mantissas[i] * powers[i]
        s = e / (_TWO + e)
        square = s * s
        series = _LOG1P[2] + square * (_LOG1P[3] + square * (_LOG1P[4] + square * _LOG1P[5]))
        values[i] = max(values[i], _ZERO) + _TWO * s * (_ONE + square * (_LOG1P[1] + square * series))


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def sigmoid_in_place(values, count, mantissas, bits, powers):
    """1 / (1 + exp(-x)) of the first `count` values."""
    exponentials(values, count, mantissas, bits)
    for i in range(count):
        e = mantissas[i] * powers[i]
        values[i] = (_ONE if values[i] >= _ZERO else e) / (_ONE + e)


@njit(cache=True, nogil=True, error_model="numpy")
def _march(depths, density, order, count, weights):
    """Fills the weights of the intervals between `count` samples in order of depth; gives the light that is left."""
    thickness, through = 0.0, 1.0
    for i in range(count - 1):
        near, far = order[i], order[i + 1]
        middle = 0.5 * (density[near] + density[far]) - 1.0
        sigma = max(middle, 0.0) + np.log1p(np.exp(-abs(middle)))
        thickness += sigma * (depths[far] - depths[near])
        left = np.exp(-thickness)
        weights[i] = through - left
        through = left
    return through


@njit(cache=True, nogil=True, error_model="numpy")
def _draw_further(depths, weights, coarse, floor, noise, ray):
    """The further depths of a ray, behind its even ones: `rays.important_depths` for one ray."""
    fine = noise.shape[1] - coarse
    total = 0.0
    for i in range(1, coarse - 2):
        total += _widened(weights, i) + floor
    interval, reached, share = 1, 0.0, (_widened(weights, 1) + floor) / total
    for k in range(fine):
        wanted = (k + noise[ray, coarse + k]) / fine
        while interval < coarse - 3 and reached + share <= wanted:
            reached += share
            interval += 1
            share = (_widened(weights, interval) + floor) / total
        place = min(max((wanted - reached) / share, 0.0), 1.0)
        depths[coarse + k] = depths[interval] + place * (depths[interval + 1] - depths[interval])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _widened(weights, i):
    """Weight of an inner interval, spread over its neighbours: maximum of two, then mean of two."""
    return 0.5 * (max(weights[i - 1], weights[i]) + max(weights[i], weights[i + 1]))


@njit(cache=True, nogil=True, error_model="numpy")
def _merge(depths, coarse, even, further, order):
    """The first so many even and further samples, both ascending, in order of depth; gives their number."""
    i, k = 0, 0
    while i < even or k < further:
        if k >= further or (i < even and depths[i] <= depths[coarse + k]):
            order[i + k] = i
            i += 1
        else:
            order[i + k] = coarse + k
            k += 1
    return even + further


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _read(planes, box, origin, direction, decoder, work, first, last):
    """Hidden layer and density of the samples from `first` to before `last` of a ray."""
    inner_weight, inner_bias, density_weight, density_bias, _, _ = decoder
    depths, density, points, sampled, inner, mantissas, bits, powers = work
    hidden = inner.shape[1]
    for k in range(first, last):
        for axis in range(3):
            points[k, axis] = origin[axis] + np.float32(depths[k]) * direction[axis]
    gather_rows(planes, points, box, sampled, first, last)
    some = inner[first:last]
    np.dot(sampled[first:last], inner_weight, some)
    for k in range(last - first):
        for d in range(hidden):
            some[k, d] += inner_bias[d]
    softplus_in_place(some.reshape(-1), some.size, mantissas, bits, powers)
    for k in range(last - first):
        total = density_bias[0]
        for d in range(hidden):
            total += some[k, d] * density_weight[d]
        density[first + k] = total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _composite(decoder, weights, order, count, least, work, visible, shares, colours, out):
    """Adds up the features of the samples of a ray that show more than `least`."""
    _, _, _, _, feature_weight, feature_bias = decoder
    _, _, _, _, inner, mantissas, bits, powers = work
    hidden, features = feature_weight.shape
    shown = 0
    for i in range(count):
        before = weights[i - 1] if i > 0 else 0.0
        after = weights[i] if i < count - 1 else 0.0
        share = np.float32(0.5 * (before + after))
        if share > least:
            shares[shown] = share
            for d in range(hidden):
                visible[shown, d] = inner[order[i], d]
            shown += 1
    for f in range(features):
        out[f] = _ZERO
    if shown == 0:
        return
    some = colours[:shown]
    np.dot(visible[:shown], feature_weight, some)
    for i in range(shown):
        for f in range(features):
            some[i, f] += feature_bias[f]
    sigmoid_in_place(some.reshape(-1), some.size, mantissas, bits, powers)
    for i in range(shown):
        for f in range(features):
            out[f] += shares[i] * some[i, f]


@njit(cache=True, nogil=True, error_model="numpy")
def trace_rays(planes, box, origin, directions, even_depths, noise, decoder, limits, shown, seen, begin, end):
    """Traces rays `begin` to `end` of one camera.

    Args:
        planes: [3 h w C]; origin: [3]; directions: [R 3].
        even_depths: [R N_even], ascending.
        noise: [R N], 0 to 1, as `rays.important_depths` takes it in its last N - N_even columns.
        decoder: weight and bias of the hidden layer [C D] [D], of the density [D] [1], of the features [D F] [F].
        limits: light that blocks a ray, light that it may still have then, weight that shows, floor of the weights.
        shown: [R F] out: features by weight, each 0 to 1.
        seen: [R 2] out: depth and opacity.
    """
    blocked_at, still_blocked_at, least, floor = limits
    coarse, samples = even_depths.shape[1], noise.shape[1]
    channels, hidden = decoder[0].shape
    features = shown.shape[1]
    mantissas = np.empty(samples * max(hidden, features), np.float32)
    bits = np.empty(len(mantissas), np.int32)
    depths, density = np.empty(samples, np.float64), np.empty(samples, np.float64)
    points, sampled = np.empty((samples, 3), np.float32), np.empty((samples, channels), np.float32)
    inner, visible = np.empty((samples, hidden), np.float32), np.empty((samples, hidden), np.float32)
    work = (depths, density, points, sampled, inner, mantissas, bits, bits.view(np.float32))
    weights, order, natural = np.empty(samples), np.empty(samples, np.int64), np.arange(samples)
    shares, colours = np.empty(samples, np.float32), np.empty((samples, features), np.float32)
    for ray in range(begin, end):
        direction = directions[ray]
        for k in range(coarse):
            depths[k] = even_depths[ray, k]
        even, through = 0, 1.0
        for step in range(_STEPS):
            if through >= blocked_at:
                until = (step + 1) * coarse // _STEPS
                _read(planes, box, origin, direction, decoder, work, even, until)
                even = until
                through = _march(depths, density, natural, even, weights)
        further = 0
        if samples > coarse:
            weights[even - 1 : coarse - 1] = 0.0
            _draw_further(depths, weights, coarse, floor, noise, ray)
            while further < samples - coarse and (even == coarse or depths[coarse + further] < depths[even - 1]):
                further += 1
            _read(planes, box, origin, direction, decoder, work, coarse, coarse + further)
        count = _merge(depths, coarse, even, further, order)
        through = _march(depths, density, order, count, weights)
        if even < coarse and through > still_blocked_at:
            _read(planes, box, origin, direction, decoder, work, even, coarse)
            _read(planes, box, origin, direction, decoder, work, coarse + further, samples)
            count = _merge(depths, coarse, coarse, samples - coarse, order)
            through = _march(depths, density, order, count, weights)
        _composite(decoder, weights, order, count, least, work, visible, shares, colours, shown[ray])
        total, last = 0.0, depths[coarse - 1]
        for i in range(count - 1):
            total += weights[i] * 0.5 * (depths[order[i]] + depths[order[i + 1]])
        mean = (total + NOTHING * last) / (1.0 - through + NOTHING)
        seen[ray, 0] = min(max(mean, depths[0]), last)
        seen[ray, 1] = 1.0 - through
