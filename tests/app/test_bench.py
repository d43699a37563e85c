"""The table of measured times; the measuring itself takes minutes and is not tested."""

import numpy as np
import pytest

from likeness.app.bench import bench_table, run, table
from likeness.app.results import unwatched
from likeness.errors import InputError


def test_rows_per_frame_agree_with_their_seconds():
    names = ("help", "imports", "fit photo", "prepare", "watch", "fit", "render", "encode", "animate", "command")
    text = table("heading", dict.fromkeys(names, 2.0) | {"animate beginning": 1.0, "memory": 460800.0}, 100)
    lines = text.splitlines()
    assert lines[0] == "heading"
    assert "2.00      20.0      50.0" in next(line for line in lines if line.startswith("render"))
    further = next(line for line in lines if line.startswith("each further frame"))
    assert further.split()[-3:] == ["0.0149", "14.9", "67.0"]  # 1 s more for 67 frames more
    assert lines[-1].endswith(" 450 MB")


def test_memory_of_a_command_is_its_own_not_that_of_who_started_it():
    held = np.ones(60_000_000)  # 480 MB
    assert 5e3 < run("--help") < 4e5  # kilobytes
    assert held[0] == 1.0


@pytest.mark.parametrize("numbers", [{"frames": 1}, {"repeats": 0}])
def test_numbers_out_of_range_are_refused(numbers):
    with pytest.raises(InputError, match="give"):
        bench_table(**{"size": 512, "frames": 50, "repeats": 1, **numbers}, photo=None, watch=unwatched)
