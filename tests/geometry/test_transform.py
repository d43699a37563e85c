"""Group laws of rigid transforms."""

import numpy as np

from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.geometry.transform import RigidTransform, rotation_about

RNG = np.random.default_rng(0)
T_a_b = RigidTransform.from_axis_angle(RNG.normal(size=3), RNG.normal(size=3))
T_b_c = RigidTransform.from_axis_angle(RNG.normal(size=3), RNG.normal(size=3))
POINTS = RNG.normal(size=(4, 5, 3))


def test_composition_applies_the_right_one_first():
    np.testing.assert_allclose((T_a_b @ T_b_c).apply(POINTS), T_a_b.apply(T_b_c.apply(POINTS)))


def test_inverse_undoes():
    np.testing.assert_allclose(T_a_b.inverse().apply(T_a_b.apply(POINTS)), POINTS)
    identity = T_a_b @ T_a_b.inverse()
    np.testing.assert_allclose(identity.rotation, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(identity.translation, 0.0, atol=1e-15)


def test_inverse_of_a_product():
    product, reverse = (T_a_b @ T_b_c).inverse(), T_b_c.inverse() @ T_a_b.inverse()
    np.testing.assert_allclose(product.rotation, reverse.rotation)
    np.testing.assert_allclose(product.translation, reverse.translation)


def test_distances_are_kept():
    moved = T_a_b.apply(POINTS)
    np.testing.assert_allclose(
        np.linalg.norm(moved[0] - moved[1], axis=-1), np.linalg.norm(POINTS[0] - POINTS[1], axis=-1)
    )


def test_axis_angle_round_trip():
    again = RigidTransform.from_axis_angle(T_a_b.axis_angle, T_a_b.translation)
    np.testing.assert_allclose(again.rotation, T_a_b.rotation)


def test_rotation_about_keeps_its_pivot():
    pivot = np.array([0.1, -0.2, 0.3])
    turn = rotation_about(pivot, matrix_from_axis_angle(np.array([0.4, 0.5, -0.6])))
    np.testing.assert_allclose(turn.apply(pivot), pivot)
    offset = np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(turn.apply(pivot + offset) - pivot, turn.rotation @ offset)
