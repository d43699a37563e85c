from dataclasses import replace

import pytest

from likeness.errors import InputError
from likeness.training.settings import MOST_STEPS, progress
from tests.training.toy import settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 0, "micro_batch": 0}, "--batch is 0"),
        ({"micro_batch": 0}, "--micro-batch is 0"),
        ({"validate_every": 0}, "--validate-every is 0"),
        ({"loaders": 0}, "^the setting loaders is 0"),
        ({"batch": 10**12}, "--batch is 1000000000000"),
        ({"micro_batch": 3}, "the batch of 8 must divide by the micro-batch of 3"),
        ({"seed": -1}, "--seed is -1"),
        ({"seed": 99999999999999999999999}, "--seed is 99999999999999999999999"),
        ({"steps": 0}, "--steps is 0"),
        ({"steps": -1}, "--steps is -1"),
        ({"steps": MOST_STEPS + 1}, "--steps is"),
        ({"minutes": 0.0}, "--minutes is 0"),
        ({"minutes": float("nan")}, "--minutes is nan"),
        ({"minutes": float("inf")}, "--minutes is inf: give a finite number"),
        ({"minutes": -1.0}, "--minutes is -1"),
        ({"steps": None}, "--steps or --minutes"),
        ({"rate": 0.0, "final_rate": 0.0}, "--rate is 0"),
        ({"rate": float("nan")}, "--rate is nan"),
        ({"final_rate": 0.03}, "final rate is 0.03"),
        ({"average": 1.0}, "average is 1"),
    ],
)
def test_numbers_that_cannot_be_used_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        settings(**changes)


def test_progress_is_that_of_what_is_further():
    both = settings(steps=10, minutes=1.0)
    assert progress(both, step=5, elapsed_seconds=6.0) == 0.5
    assert progress(both, step=1, elapsed_seconds=45.0) == 0.75
    assert progress(replace(both, steps=None), step=99, elapsed_seconds=90.0) == 1.0
