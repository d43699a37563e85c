"""The map kernel against a slow plain twin, compositing against the formula, and tears where a map jumps."""

import numpy as np

from likeness.face_rig.warp_raster import FAR, composite, draw_map, fade_beyond, fill_identity, lay_over, mark_tears


def plain_map(points, sources, faces, depth, result, below, blend, cull):
    """The same rasterisation, pixel by pixel in float64."""
    for face in faces:
        a, b, c = points[face].astype(np.float64)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if abs(area) < 1e-6 or (cull and area > 0):
            continue
        for y in range(depth.shape[0]):
            for x in range(depth.shape[1]):
                px, py = x + 0.5 - a[0], y + 0.5 - a[1]
                u = (px * (c[1] - a[1]) - py * (c[0] - a[0])) / area
                v = (py * (b[0] - a[0]) - px * (b[1] - a[1])) / area
                if min(u, v, 1 - u - v) < 0:
                    continue
                z = a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2])
                if z < depth[y, x]:
                    depth[y, x] = z
                    s, t, w = np.array([1 - u - v, u, v]) @ sources[face].astype(np.float64)
                    weight = w if blend else 1.0
                    result[y, x] = weight * np.array([s, t]) + (1 - weight) * below[y, x]


def random_scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    points = (random.uniform(-6, 26, size=(15, 3))).astype(np.float32)
    sources = random.uniform(0, 1, size=(15, 3)).astype(np.float32) * np.float32([20, 20, 1])
    faces = random.integers(0, 15, size=(12, 3)).astype(np.int32)
    return points, sources, faces


def test_kernel_equals_the_plain_twin() -> None:
    differing = total = 0
    for seed in range(12):
        for blend, cull in ((False, True), (True, False)):
            points, sources, faces = random_scene(seed)
            maps = []
            for draw in (draw_map, plain_map):
                depth = np.empty((20, 20), np.float32)
                below = np.empty((20, 20, 2), np.float32)
                fill_identity(below, depth)
                result = below.copy()
                draw(points, sources, faces, depth, result, below, blend, cull)
                maps.append(result)
            differing += int((np.abs(maps[0] - maps[1]).max(-1) > 1e-2).sum())
            total += maps[0].shape[0] * maps[0].shape[1]
    assert differing / total < 0.002  # pixels that lie on an edge may fall either way


def test_identity_map_has_half_integer_centres() -> None:
    result, depth = np.empty((3, 4, 2), np.float32), np.empty((3, 4), np.float32)
    fill_identity(result, depth)
    np.testing.assert_array_equal(result[2, 3], [3.5, 2.5])
    assert (depth == FAR).all()


def test_composite_is_the_over_operator() -> None:
    random = np.random.default_rng(1)
    layered = random.integers(0, 256, size=(9, 7, 4), dtype=np.uint8)
    layered[0, 0, 3], layered[0, 1, 3] = 0, 255
    plate = random.integers(0, 256, size=(9, 7, 3), dtype=np.uint8)
    out = np.empty_like(plate)
    composite(np.ascontiguousarray(layered[..., :3]), layered, plate, out)
    alpha = layered[..., 3:] / 255.0
    np.testing.assert_allclose(out, alpha * layered[..., :3] + (1 - alpha) * plate, atol=0.51)


def test_tears_are_marked_where_the_map_jumps() -> None:
    warp, depth = np.empty((20, 30, 2), np.float32), np.empty((20, 30), np.float32)
    fill_identity(warp, depth)
    warp[:, 15:, 0] += 40
    mask = np.zeros((20, 30), np.float32)
    _, _, left, right = mark_tears(warp, np.float32(6.0), mask)
    assert (left, right) == (14, 14)
    assert mask[:, 14:16].all() and not mask[:, :12].any() and not mask[:, 18:].any()


def test_laying_over_rounds_the_mixture() -> None:
    random = np.random.default_rng(2)
    area = random.integers(0, 256, size=(6, 5, 3), dtype=np.uint8)
    colours, share = random.integers(0, 256, size=(6, 5, 3), dtype=np.uint8), random.random((6, 5)).astype(np.float32)
    share[0], share[1] = 0.0, 1.0
    expected = np.floor(share[..., None] * colours + (1 - share[..., None]) * area + 0.5)
    lay_over(area, colours, share)
    np.testing.assert_allclose(area, expected, atol=1)
    np.testing.assert_array_equal(area[1], colours[1])


def test_what_is_read_beside_and_above_the_picture_fades() -> None:
    layered, warp = np.full((6, 8, 4), 200, np.uint8), np.empty((6, 8, 2), np.float32)
    fill_identity(warp, np.empty((6, 8), np.float32))
    warp[1, 0, 0], warp[1, 1, 0], warp[1, 2, 0] = -1.0, -3.0, -5.0
    warp[2, 0, 0], warp[2, 1, 1] = 8.0 + 3.0, -3.0
    warp[5, 0, 0], warp[3, 3, 1] = -9.0, 9.0  # of the body; below the picture
    fade_beyond(layered, warp, 4.0, 2.0, 4.0)
    assert layered[1, :3, 3].tolist() == [200, 100, 0]
    assert layered[2, :3, 3].tolist() == [100, 100, 200]
    layered[1:3, :3, 3] = 200
    assert (layered == 200).all()
