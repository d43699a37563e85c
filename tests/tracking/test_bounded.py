"""Bounded least squares against scipy, without ranges against a plain solve."""

import numpy as np
from scipy.optimize import lsq_linear

from likeness.tracking.bounded import solve_positive, step_in_ranges


def problem(count, seed):
    generator = np.random.default_rng(seed)
    rows, right = generator.standard_normal((3 * count, count)), generator.standard_normal(3 * count)
    return rows, right


def test_solve_is_that_of_numpy():
    rows, right = problem(30, 0)
    hessian, answer = rows.T @ rows, rows.T @ right
    expected = np.linalg.solve(hessian[:20, :20], answer[:20])
    solve_positive(hessian, answer, 20)
    np.testing.assert_allclose(answer[:20], expected, rtol=1e-9)


def test_step_between_ranges_is_that_of_scipy():
    for seed in range(5):
        rows, right = problem(25, seed)
        lower, upper = np.full(25, -0.15), np.full(25, 0.1)
        lower[:3], upper[:3] = -np.inf, np.inf
        expected = lsq_linear(rows, right, (lower, upper), tol=1e-12).x
        step = step_in_ranges(rows.T @ rows, -(rows.T @ right), lower, upper)
        np.testing.assert_allclose(step, expected, atol=1e-6)
        assert (np.abs(expected) == 0.15).sum() + (np.abs(expected - 0.1) < 1e-9).sum() > 0
