"""Shoulders that stay: heads turn, bodies do not, and the way back is the inverse."""

import numpy as np
import pytest

from likeness.flow.posture import PIVOT, bent, body_share, straightened
from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.builtin import builtin_head

NOSE, CHIN, CROWN = 1, 152, 10
COLLAR = np.array([[0.10, -0.22, -0.05], [-0.12, -0.25, 0.0], [0.0, -0.30, -0.08]])
TURNS = [np.array([0.0, 0.6, 0.0]), np.array([0.3, 0.0, 0.0]), np.array([0.15, -0.4, 0.1])]


def test_the_head_has_no_share_in_the_body_and_the_collar_has_all() -> None:
    head = builtin_head()
    assert not body_share(head.template[[NOSE, CHIN, CROWN]]).any()
    np.testing.assert_array_equal(body_share(COLLAR), 1.0)
    column = np.linspace([0.0, 0.0, -0.04], [0.0, -0.3, -0.04], 50)
    assert (np.diff(body_share(column)) >= 0.0).all()


@pytest.mark.parametrize("turn", TURNS)
def test_bodies_stay_where_the_camera_saw_them(turn: np.ndarray) -> None:
    """In the head's frame the body turns the other way, about the pivot."""
    seen = (COLLAR - PIVOT) @ matrix_from_axis_angle(turn) + PIVOT  # rows: the inverse rotation
    assert body_share(seen).min() > 0.9
    np.testing.assert_allclose(straightened(COLLAR, turn), (COLLAR - PIVOT) @ matrix_from_axis_angle(turn).T + PIVOT)
    np.testing.assert_array_equal(
        straightened(builtin_head().template[:468], turn)[NOSE], builtin_head().template[NOSE]
    )


@pytest.mark.parametrize("turn", TURNS)
def test_bending_undoes_straightening(turn: np.ndarray) -> None:
    points = np.random.default_rng(0).uniform([-0.09, -0.25, -0.13], [0.09, 0.12, 0.04], (400, 3))
    np.testing.assert_allclose(straightened(bent(points, turn), turn), points, atol=2e-4)
    np.testing.assert_allclose(straightened(points, np.zeros(3)), points, atol=1e-12)
