"""Skinning against closed forms: nothing moves at rest, each joint turns its part about its own pivot."""

import numpy as np

from likeness.geometry.rotation import matrix_from_axis_angle
from likeness.heads.builtin import builtin_head
from likeness.heads.model import EYE_LEFT, JAW, NECK, ROOT
from likeness.heads.skinning import joint_transforms, posed_vertices, skin, unposed_vertices

HEAD = builtin_head()
SHAPE, EXPRESSION = np.zeros(HEAD.num_shape), np.zeros(HEAD.num_expression)


def test_no_rotation_is_the_template() -> None:
    np.testing.assert_allclose(posed_vertices(HEAD, SHAPE, EXPRESSION, np.zeros((5, 3))), HEAD.template, atol=1e-12)


def test_root_turns_everything_rigidly_about_itself() -> None:
    joints = np.zeros((5, 3))
    joints[ROOT] = [0.1, -0.2, 0.3]
    rotation, pivot = matrix_from_axis_angle(joints[ROOT]), HEAD.joint_positions[ROOT]
    expected = (HEAD.template - pivot) @ rotation.T + pivot
    np.testing.assert_allclose(posed_vertices(HEAD, SHAPE, EXPRESSION, joints), expected, atol=1e-6)


def test_eye_turns_about_its_centre_and_keeps_its_radius() -> None:
    joints = np.zeros((5, 3))
    joints[EYE_LEFT] = [0.2, 0.3, 0.0]
    moved = posed_vertices(HEAD, SHAPE, EXPRESSION, joints)
    ball = HEAD.skin_weights[:, EYE_LEFT] == 1
    centre = HEAD.joint_positions[EYE_LEFT]
    np.testing.assert_allclose(
        np.linalg.norm(moved[ball] - centre, axis=1), np.linalg.norm(HEAD.template[ball] - centre, axis=1), atol=1e-9
    )
    np.testing.assert_allclose(moved[~ball], HEAD.template[~ball], atol=1e-9)


def test_children_follow_their_parent() -> None:
    joints = np.zeros((5, 3))
    joints[NECK], joints[JAW] = [0.0, 0.4, 0.0], [0.2, 0.0, 0.0]
    rotations, translations = joint_transforms(HEAD, SHAPE, joints)
    pivot = HEAD.joint_positions[JAW]
    np.testing.assert_allclose(
        rotations[JAW] @ pivot + translations[JAW], rotations[NECK] @ pivot + translations[NECK], atol=1e-12
    )
    np.testing.assert_allclose(rotations[JAW], rotations[NECK] @ matrix_from_axis_angle(joints[JAW]), atol=1e-12)


def test_skin_is_the_weighted_mean_of_the_transforms() -> None:
    random = np.random.default_rng(0)
    weights = random.dirichlet(np.ones(5), size=7)
    points, joints = random.normal(size=(7, 3)), random.normal(size=(5, 3)) * 0.3
    rotations, translations = joint_transforms(HEAD, SHAPE, joints)
    expected = sum(weights[:, [j]] * (points @ rotations[j].T + translations[j]) for j in range(5))
    np.testing.assert_allclose(skin(points, weights, rotations, translations), expected, atol=1e-12)


def test_identity_moves_the_eyeballs_with_their_lids() -> None:
    shape = SHAPE.copy()
    shape[0] = 0.3  # the lowest mode along x: almost a shift
    moved = unposed_vertices(HEAD, shape, EXPRESSION) - HEAD.template
    ball = HEAD.skin_weights[:, EYE_LEFT] == 1
    joint = HEAD.joint_shape_basis[EYE_LEFT] @ shape
    np.testing.assert_allclose(moved[ball], np.broadcast_to(joint, moved[ball].shape), atol=1e-5)
