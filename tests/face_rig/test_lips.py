"""Lips are drawn nearer by their rims, never cross, keep the width of their rims, and rest as in the photo."""

import numpy as np

from likeness.face_rig.lips import LIP_RIM, with_seen_lips
from likeness.heads.landmark_sets import (
    LIPS_OUTER,
    LOWER_LIP_INNER,
    LOWER_LIP_MIDDLE,
    LOWER_LIP_NEAR,
    UPPER_LIP_INNER,
    UPPER_LIP_MIDDLE,
    UPPER_LIP_NEAR,
)
from tests.flow_warp.portraits import prepared

UPPER, LOWER = list(UPPER_LIP_INNER[1:-1]), list(LOWER_LIP_INNER[1:-1])
ROWS = ((UPPER, UPPER_LIP_NEAR), (UPPER, UPPER_LIP_MIDDLE), (LOWER, LOWER_LIP_NEAR), (LOWER, LOWER_LIP_MIDDLE))
WITHIN = [landmark for _, row in ROWS for landmark in row]


def touching() -> np.ndarray:
    rest = prepared().rest_pixels.copy()
    rest[LOWER] = rest[UPPER]
    return rest


def test_lips_as_in_the_photo_stay_where_they_are() -> None:
    rest = prepared().rest_pixels
    np.testing.assert_array_equal(with_seen_lips(rest, rest), rest)
    larger = 2.0 * touching() + 30.0
    np.testing.assert_allclose(with_seen_lips(larger, touching()), larger, atol=1e-9)


def test_open_lips_come_nearer_by_their_rims_but_never_cross() -> None:
    for opening in (0.5, 12.0):
        opened = touching()
        below = [*LOWER, *LOWER_LIP_NEAR, *LOWER_LIP_MIDDLE]
        opened[below] += [0.0, opening]
        drawn = with_seen_lips(opened, touching())
        gaps = drawn[LOWER, 1] - drawn[UPPER, 1]
        np.testing.assert_allclose(gaps, max(opening - 2 * LIP_RIM, 0.0), atol=1e-9)
        others = np.setdiff1d(np.arange(468), UPPER + LOWER + WITHIN)
        np.testing.assert_array_equal(drawn[others], opened[others])


def test_thicker_lips_keep_the_rims_of_the_photo() -> None:
    rest = touching()
    thicker = rest.copy()
    middle = rest[UPPER].mean(axis=0)
    lips = [*WITHIN, *LIPS_OUTER]
    thicker[lips] = middle + 1.8 * (rest[lips] - middle)
    drawn = with_seen_lips(thicker, rest)
    for edge, row in ROWS:
        widths = [np.linalg.norm(seen[list(row)] - seen[edge], axis=1) for seen in (drawn, rest, thicker)]
        np.testing.assert_allclose(widths[0], np.minimum(widths[1], widths[2]), rtol=1e-6)
    np.testing.assert_array_equal(drawn[list(LIPS_OUTER)], thicker[list(LIPS_OUTER)])
