"""Small dense least squares: Cholesky solves, and Gauss-Newton steps inside ranges, compiled because they are many."""

import numpy as np
from numba import njit

BOUND_ROUNDS = 4
_LEAST_PIVOT = 1e-12  # of a Hessian that is positive definite but for rounding
_FAST = {"reassoc", "contract", "nsz"}  # infinite bounds are allowed: no promises about them


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def solve_positive(matrix: np.ndarray, right: np.ndarray, size: int) -> None:
    """Solve matrix @ x = right for the first `size` unknowns; x replaces `right`, and the lower triangle is lost."""
    for i in range(size):
        for j in range(i):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = total * matrix[j, j]  # the diagonal holds inverses
        total, answer = matrix[i, i], right[i]
        for k in range(i):
            total -= matrix[i, k] * matrix[i, k]
            answer -= matrix[i, k] * right[k]
        matrix[i, i] = 1.0 / np.sqrt(max(total, _LEAST_PIVOT))
        right[i] = answer * matrix[i, i]
    for i in range(size - 1, -1, -1):
        right[i] *= matrix[i, i]
        answer = right[i]
        for k in range(i):
            right[k] -= answer * matrix[i, k]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def step_in_ranges(hessian: np.ndarray, gradient: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The Gauss-Newton step between `lower` and `upper`: what would leave its range waits at its end while the others
    answer. A few rounds of an active-set method; unknowns at an end are let go when the equations pull them back.
    """
    count = len(gradient)
    step = -gradient
    solve_positive(hessian.copy(), step, count)
    held = np.zeros(count, dtype=np.bool_)
    free, stuck = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    work, right = np.empty((count, count)), np.empty(count)
    for _ in range(BOUND_ROUNDS):
        is_settled = True
        for i in range(count):
            is_back = False
            if held[i]:
                pull = -gradient[i]
                for j in range(count):
                    pull -= hessian[i, j] * step[j]
                is_back = pull > 0.0 if step[i] <= lower[i] else pull < 0.0
            is_beyond = step[i] < lower[i] or step[i] > upper[i]
            if is_beyond or is_back:
                is_settled = False
            held[i] = (held[i] and not is_back) or is_beyond
        if is_settled:
            break
        size, num_held = 0, 0
        for i in range(count):
            step[i] = min(max(step[i], lower[i]), upper[i])
            if held[i]:
                stuck[num_held] = i
                num_held += 1
            else:
                free[size] = i
                size += 1
        for a in range(size):
            i = free[a]
            total = -gradient[i]
            for b in range(num_held):
                total -= hessian[i, stuck[b]] * step[stuck[b]]
            right[a] = total
            for b in range(a + 1):
                work[a, b] = hessian[i, free[b]]
        solve_positive(work, right, size)
        for a in range(size):
            step[free[a]] = right[a]
    for i in range(count):
        step[i] = min(max(step[i], lower[i]), upper[i])
    return step
