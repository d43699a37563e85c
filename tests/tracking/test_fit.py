"""The fit against known parameters, and its Jacobian against finite differences."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.heads.builtin import builtin_head
from likeness.heads.model import JAW as JAW_JOINT
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.tracking.basis import free_basis, lock_shape, rigid_rows
from likeness.tracking.fit import (
    DEPTH_WEIGHT,
    FitState,
    Priors,
    Target,
    bounded_step,
    fit,
    fit_expression,
    fit_pose,
    moved,
    normal_equations,
    residual_percent,
    similarity_start,
    target_from_landmarks,
)
from likeness.tracking.rows import FIRST_COEFFICIENT, JAW, POSE
from tests.tracking.faces import angle_degrees, landmarks, truth

HEAD = builtin_head()
BASIS = free_basis(HEAD)
LOOSE = Priors(expression_noise=0.002, shape_noise=0.002)


def state_of(true, basis):
    coefficients = np.concatenate([true.shape, true.expression])[-len(basis.deviations) :]
    return FitState(rotation=true.rotation, translation=true.translation, jaw=true.jaw, coefficients=coefficients)


def test_basis_equals_skinning():
    true = truth(jaw=(0.3, 0.05, -0.02), shape_size=1.0, named={"mouthSmileLeft": 0.7, "corrective03": 0.05})
    joints = np.zeros((5, 3))
    joints[JAW_JOINT] = true.jaw
    expected = landmark_points(HEAD, posed_vertices(HEAD, true.shape, true.expression, joints))
    free = BASIS.positions(np.concatenate([true.shape, true.expression]), true.jaw)
    locked = lock_shape(BASIS, true.shape).positions(true.expression, true.jaw)
    np.testing.assert_allclose(free, expected, atol=1e-7)
    np.testing.assert_allclose(locked, expected, atol=1e-7)


def test_rows_match_finite_differences():
    """The step that the equations predict is the one the residuals show, column by column."""
    true = truth(yaw=15, pitch=-8, jaw=(0.2, 0.03, 0.01), shape_size=0.5, named={"mouthFunnel": 0.4})
    basis = lock_shape(BASIS, true.shape)
    state = state_of(true, basis)
    exact = target_from_landmarks(landmarks(true), true.camera, basis)
    generator = np.random.default_rng(1)
    off = Target(
        rays=exact.rays + 1e-3 * generator.standard_normal(exact.rays.shape),
        depths=exact.depths + 1e-3 * generator.standard_normal(exact.depths.shape),
    )
    _, gradient = normal_equations(basis, off, state, huber=1e9)

    def cost(step):
        other = moved(state, step, basis)
        points = other.T_cam_head.apply(basis.positions(other.coefficients, other.jaw))
        shares = basis.weights / basis.weights.sum()
        scale = 100.0 * (shares @ (state.T_cam_head.apply(basis.positions(state.coefficients, state.jaw))[:, 2]))
        across = scale * (points[:, :2] / points[:, 2:] - off.rays)
        depth = 100.0 * points[:, 2] - scale * off.depths
        depth = depth - shares @ depth
        return 0.5 * (basis.weights @ ((across**2).sum(axis=1) + DEPTH_WEIGHT * depth**2))

    columns = [*range(0, 9), 9, 20, 9 + HEAD.expression_names.index("jawOpen"), 60]
    for column in columns:
        step = np.zeros(len(gradient))
        step[column] = 1e-4
        slope = (cost(step) - cost(-step)) / 2e-4
        assert slope == pytest.approx(gradient[column], rel=0.01, abs=2e-3 * np.abs(gradient).max()), column


def test_pose_is_recovered_with_a_known_person():
    for seed, pose in enumerate([{}, {"yaw": 25, "pitch": 10}, {"yaw": -40, "roll": 20}, {"pitch": -20, "roll": -35}]):
        true = truth(jaw=(0.15, 0.0, 0.0), shape_size=0.7, named={"mouthSmileLeft": 0.5}, seed=seed, **pose)
        basis = lock_shape(BASIS, true.shape)
        target = target_from_landmarks(landmarks(true), true.camera, basis)
        depths = (1.0 + target.depths) * true.translation[2]  # the fit measures them at the landmarks' mean depth
        target = replace(target, depths=depths / (basis.weights @ depths / basis.weights.sum()))
        state = fit(basis, target, similarity_start(basis, target), iterations=25, priors=LOOSE)
        assert angle_degrees(state.rotation, true.rotation) < 0.1
        assert np.abs(state.translation / true.translation - 1.0).max() < 2e-3
        assert residual_percent(basis, target, state) < 0.05


def test_expression_and_jaw_are_recovered():
    named = {"mouthSmileLeft": 0.6, "browOuterUpRight": 0.5, "eyeBlinkLeft": 0.8}
    true = truth(yaw=8, jaw=(0.2, 0.0, 0.0), named=named)
    basis = lock_shape(BASIS, true.shape)
    target = target_from_landmarks(landmarks(true), true.camera, basis)
    state = fit(basis, target, similarity_start(basis, target), iterations=15, priors=LOOSE)
    assert state.jaw[0] == pytest.approx(0.2, abs=0.03)
    for name, value in named.items():
        assert state.coefficients[HEAD.expression_names.index(name)] == pytest.approx(value, abs=0.12)


def test_opening_the_mouth_is_a_positive_turn_of_the_jaw():
    closed, opened = truth(), truth(jaw=(0.25, 0.0, 0.0))
    chin = landmarks(opened)[152, 1] - landmarks(closed)[152, 1]
    assert chin > 5.0  # pixels, downward
    basis = lock_shape(BASIS, opened.shape)
    target = target_from_landmarks(landmarks(opened), opened.camera, basis)
    assert fit(basis, target, similarity_start(basis, target), iterations=8).jaw[0] > 0.15


def test_rigid_pose_ignores_the_mouth_and_one_wrong_landmark():
    true = truth(yaw=5, jaw=(0.3, 0.0, 0.0))
    basis = lock_shape(BASIS, true.shape)
    rigid = basis.subset(rigid_rows(basis))
    points = landmarks(true)
    points[rigid.landmarks[0], :2] += 12.0
    target = target_from_landmarks(points, true.camera, rigid)
    start = replace(similarity_start(rigid, target), coefficients=np.zeros(len(basis.deviations)))
    state = fit_pose(rigid, target, start, iterations=15)
    assert angle_degrees(state.rotation, true.rotation) < 1.0


def test_expression_fit_leaves_the_pose():
    true = truth(yaw=10, named={"mouthPucker": 0.5})
    basis = lock_shape(BASIS, true.shape)
    target = target_from_landmarks(landmarks(true), true.camera, basis)
    start = similarity_start(basis, target)
    state = fit_expression(basis, target, start, iterations=2)
    np.testing.assert_array_equal(state.rotation, start.rotation)
    np.testing.assert_array_equal(state.translation, start.translation)
    assert residual_percent(basis, target, state) < residual_percent(basis, target, start)


def test_bounded_step_ends_at_the_bound_and_the_others_answer():
    basis = lock_shape(BASIS, np.zeros(HEAD.num_shape))
    state = state_of(truth(), basis)
    count = FIRST_COEFFICIENT + len(basis.deviations)
    hessian = np.eye(count)
    hessian[FIRST_COEFFICIENT, POSE.start] = hessian[POSE.start, FIRST_COEFFICIENT] = 0.5
    gradient = np.zeros(count)
    gradient[FIRST_COEFFICIENT] = -50.0
    step = bounded_step(hessian, gradient, basis, state)
    assert step[FIRST_COEFFICIENT] == pytest.approx(basis.upper[0])
    assert step[POSE.start] == pytest.approx(-0.5 * basis.upper[0])
    np.testing.assert_array_equal(step[JAW], 0.0)
