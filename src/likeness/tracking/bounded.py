"""Small dense least squares: Cholesky solves, and Gauss-Newton steps inside ranges, compiled because they are many."""

import numpy as np
from numba import njit

BOUND_ROUNDS = 4
_LEAST_PIVOT = 1e-12  # of a Hessian that is positive definite but for rounding
_FAST = {"reassoc", "contract", "nsz"}  # infinite bounds are allowed: no promises about them


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def solve_positive(matrix: np.ndarray, right: np.ndarray, size: int) -> None:
    """Solve matrix @ x = right for the first `size` unknowns; x replaces `right`, and the upper triangle is lost."""
    for k in range(size):
        root = np.sqrt(max(matrix[k, k], _LEAST_PIVOT))
        matrix[k, k] = root
        inverse = 1.0 / root
        for j in range(k + 1, size):
            matrix[k, j] *= inverse
        for i in range(k + 1, size):
            factor = matrix[k, i]
            for j in range(i, size):
                matrix[i, j] -= factor * matrix[k, j]
        right[k] *= inverse
        factor = right[k]
        for j in range(k + 1, size):
            right[j] -= factor * matrix[k, j]
    for k in range(size - 1, -1, -1):
        total = right[k]
        for j in range(k + 1, size):
            total -= matrix[k, j] * right[j]
        right[k] = total / matrix[k, k]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def step_in_ranges(hessian: np.ndarray, gradient: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The Gauss-Newton step between `lower` and `upper`: what would leave its range waits at its end while the others
    answer. A few rounds of an active-set method; unknowns at an end are let go when the equations pull them back.
    """
    count = len(gradient)
    step = -gradient
    solve_positive(hessian.copy(), step, count)
    held = np.zeros(count, dtype=np.bool_)
    free = np.empty(count, dtype=np.int64)
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
        size = 0
        for i in range(count):
            step[i] = min(max(step[i], lower[i]), upper[i])
            if not held[i]:
                free[size] = i
                size += 1
        for a in range(size):
            i = free[a]
            total = -gradient[i]
            for j in range(count):
                if held[j]:
                    total -= hessian[i, j] * step[j]
            right[a] = total
            for b in range(a, size):
                work[a, b] = hessian[i, free[b]]
        solve_positive(work, right, size)
        for a in range(size):
            step[free[a]] = right[a]
    for i in range(count):
        step[i] = min(max(step[i], lower[i]), upper[i])
    return step
