from dataclasses import replace

import numpy as np
import pytest

from likeness.data.augment import (
    UNCHANGED,
    Augmentation,
    change_colours,
    degraded,
    draw_colours,
    noisy_frame,
    rescaled,
    rescaled_matte,
)
from likeness.geometry.camera import default_camera
from likeness.geometry.rotation import geodesic_angle, matrix_from_axis_angle
from tests.heads_for_tests import rest_frame, tiny_head


def test_colour_tables():
    table = draw_colours(UNCHANGED, np.random.default_rng(0))
    np.testing.assert_array_equal(table, np.repeat(np.arange(256)[:, None], 3, axis=1))
    options = Augmentation(gain=0.2, channel_gain=0.0, gamma=0.0)
    tables = [draw_colours(options, np.random.default_rng(seed)) for seed in range(200)]
    gains = np.array([each[100] / 100.0 for each in tables])
    assert 0.8 - 0.01 <= gains.min() < 0.85 and 1.15 < gains.max() <= 1.2 + 0.01
    assert (np.diff(gains, axis=1) == 0).all()
    image = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    expected = tables[0][image, np.arange(3)]
    np.testing.assert_array_equal(change_colours(image, tables[0]), expected)


@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_a_rescaled_picture_fits_its_camera(scale):
    """A bright spot painted where a point projects is found where the new camera projects the point."""
    size, camera = 64, default_camera(64, 64).cropped(3.0, -2.0, 64, 64)
    point = np.array([0.02, -0.03, 0.9])
    rows, columns = np.indices((size, size)) + 0.5
    distance = np.hypot(columns - camera.project(point)[0], rows - camera.project(point)[1])
    image = np.repeat((255 * np.exp(-((distance / 4.0) ** 2)))[..., None], 3, axis=2).astype(np.uint8)
    changed, trust, new_camera = rescaled(image, np.ones((size, size), bool), camera, scale)
    weight = changed[..., 0].astype(float)
    found = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    np.testing.assert_allclose(found, new_camera.project(point), atol=0.05)
    assert trust.all() == (scale > 1.0)
    assert trust[32, 32] and trust[0, 0] == (scale > 1.0)
    matte = rescaled_matte(image[..., 0] / 255.0, scale)
    np.testing.assert_allclose(matte, changed[..., 0] / 255.0, atol=0.01)


def test_damage_is_bounded_and_shared_out():
    image = np.random.default_rng(0).integers(90, 160, (64, 64, 3)).astype(np.uint8)
    results = [degraded(image, Augmentation(), np.random.default_rng(seed)) for seed in range(60)]
    untouched = sum(bool((result == image).all()) for result in results)
    assert 18 < untouched < 42
    assert max(np.abs(result.astype(float) - image).mean() for result in results) < 30.0


def test_tracker_noise_has_the_stated_size():
    frame = rest_frame(tiny_head())
    assert noisy_frame(frame, UNCHANGED, np.random.default_rng(0)) is frame
    options = replace(UNCHANGED, tracker_noise=1.0)
    noisy = [noisy_frame(frame, options, np.random.default_rng(seed)) for seed in range(300)]
    turns = [
        geodesic_angle(matrix_from_axis_angle(each.rotation), matrix_from_axis_angle(frame.rotation)) for each in noisy
    ]
    assert np.degrees(np.sqrt(np.mean(np.square(turns)))) == pytest.approx(0.5 * np.sqrt(3.0), rel=0.1)
    lengths = np.array([each.translation - frame.translation for each in noisy])
    assert lengths.std() == pytest.approx(1e-3, rel=0.1)
    assert np.array([each.expression for each in noisy]).std() == pytest.approx(0.05, rel=0.1)
