import pytest

from likeness.data.jobs import run_jobs


def test_outcomes_of_one_and_of_several_processes():
    items = ["a", "bb", "ccc"]
    assert list(run_jobs(len, items, 1)) == [1, 2, 3]
    assert sorted(run_jobs(len, items, 2)) == [1, 2, 3]
    assert list(run_jobs(len, [], 2)) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_ends_the_work(processes):
    with pytest.raises(ValueError, match="invalid literal"):
        list(run_jobs(int, ["1", "x", "3"], processes))
    with pytest.raises(ValueError, match="at least 1"):
        list(run_jobs(int, ["1"], 0))
