"""What all tests share: the measuring material's place, and run-time checks that go together with numba and int."""

import functools
import inspect
import os
from pathlib import Path

import beartype
import numba
import pytest


def _njit_of_the_plain_function(original):
    """`numba.njit` that takes off the run-time shape checks first: they are Python, which numba cannot compile."""

    @functools.wraps(original)
    def njit(*args, **options):
        if args and inspect.isfunction(args[0]):
            return original(inspect.unwrap(args[0]), *args[1:], **options)
        decorator = original(*args, **options)
        return lambda function: decorator(inspect.unwrap(function))

    return njit


# The shape checks look these two up late: kernels stay plain, and an int passes for a float, as it does for mypy.
numba.njit = _njit_of_the_plain_function(numba.njit)
beartype.beartype = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))


@pytest.fixture(scope="session")
def measuring_data() -> Path:
    """Folder with portraits and clips for measurement; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("LIKENESS_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no measuring material: set LIKENESS_DATA to its folder")
    return folder
