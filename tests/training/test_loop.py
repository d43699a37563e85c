import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from likeness.errors import InputError
from likeness.training.checkpoint import checkpoint_paths, load_checkpoint
from likeness.training.log import read_lines
from likeness.training.loop import train
from tests.training.toy import ALONE, ToyTask, settings


def ticking(seconds: float):
    """A clock that goes on by the same time at every look."""
    times = iter(range(10**9))
    return lambda: seconds * next(times)


def test_learns_and_writes_everything(tmp_path):
    task = ToyTask()
    outcome = train(task, settings(steps=120, log_every=20), tmp_path, ALONE)
    assert outcome.step == 120 and outcome.exit_code is None
    lines = [line for line in read_lines(tmp_path) if "validation" not in line]
    assert [line["step"] for line in lines] == list(range(20, 121, 20))
    assert lines[-1]["line/loss"] < 0.3 * lines[0]["line/loss"]
    assert {"rate", "progress", "seconds", "line/largest", "line/gradient"} <= set(lines[0])
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["settings"]["seed"] == 0 and config["versions"]["torch"] is not None
    assert (tmp_path / "weights" / "weights.pt").is_file()
    assert (tmp_path / "validation" / "step-00000120" / "picture.txt").is_file()
    assert len(checkpoint_paths(tmp_path / "checkpoints")) == 1


@pytest.mark.parametrize("is_duel", [False, True])
def test_a_continued_run_is_bit_equal(tmp_path, is_duel):
    whole, part, rest = (ToyTask(is_duel=is_duel) for _ in range(3))
    train(whole, settings(), tmp_path / "whole", ALONE)
    part.interrupt_at = 7
    stopped = train(part, settings(), tmp_path / "parts", ALONE)
    assert stopped.exit_code == 130 and stopped.step == 7
    finished = train(rest, settings(), tmp_path / "parts", ALONE)
    assert finished.step == 12
    assert all(torch.equal(first, second) for first, second in zip(whole.state(), rest.state(), strict=True))
    ends = [load_checkpoint(checkpoint_paths(tmp_path / name / "checkpoints")[-1]) for name in ("whole", "parts")]
    assert set(ends[0].tensors) == set(ends[1].tensors)
    assert all(torch.equal(ends[0].tensors[name], ends[1].tensors[name]) for name in ends[0].tensors)
    logs = [
        [{key: value for key, value in line.items() if key != "seconds"} for line in read_lines(tmp_path / name)]
        for name in ("whole", "parts")
    ]
    assert logs[0] == logs[1]


def test_samples_go_on_where_they_stopped(tmp_path):
    task = ToyTask()
    train(task, settings(steps=3, loaders=1, ahead=1), tmp_path, ALONE)
    again = ToyTask()
    train(again, settings(steps=5, loaders=1, ahead=1), tmp_path, ALONE)
    assert [numbers.start for numbers in task.seen[:12]] == list(range(0, 24, 2))
    assert again.seen[0].start == 24


def test_the_clock_ends_a_run_and_survives_a_continuation(tmp_path):
    limits = {"steps": None, "minutes": 1.0, "log_every": 1, "validate_every": 1000, "warmup_steps": 0}
    task = ToyTask()
    task.interrupt_at = 10
    first = train(task, settings(**limits), tmp_path, ALONE, clock=ticking(2.0))
    assert first.step == 10
    second = train(ToyTask(), settings(**limits), tmp_path, ALONE, clock=ticking(2.0))
    assert second.exit_code is None and 60.0 <= second.elapsed_seconds <= 64.0
    lines = [line for line in read_lines(tmp_path) if "rate" in line]
    rates = [line["rate"] for line in lines]
    assert all(later <= earlier for earlier, later in zip(rates, rates[1:], strict=False))
    assert 0.0005 < rates[-1] < 0.002 < rates[9] < rates[0] <= 0.02
    assert [line["step"] for line in lines] == list(range(1, second.step + 1))


def test_validation_does_not_change_the_training(tmp_path):
    often, never = ToyTask(), ToyTask()
    train(often, settings(validate_every=1), tmp_path / "often", ALONE)
    train(never, settings(validate_every=1000), tmp_path / "never", ALONE)
    assert often.validated == list(range(1, 13)) and never.validated == [12]
    assert all(torch.equal(first, second) for first, second in zip(often.state(), never.state(), strict=True))


def test_other_settings_are_refused_and_named(tmp_path):
    train(ToyTask(), settings(steps=2), tmp_path, ALONE)
    with pytest.raises(InputError, match=r"training\.rate was 0\.02, now 0\.5"):
        train(ToyTask(), settings(steps=4, rate=0.5), tmp_path, ALONE)
    with pytest.raises(InputError, match="is_duel"):
        train(ToyTask(is_duel=True), settings(steps=4), tmp_path, ALONE)
    train(ToyTask(), settings(steps=4, log_every=1, keep=5), tmp_path, ALONE)  # these are free


def test_a_damaged_checkpoint_is_named_and_the_one_before_serves(tmp_path):
    train(ToyTask(), settings(steps=2), tmp_path, ALONE)
    train(ToyTask(), settings(steps=4), tmp_path, ALONE)
    newest = checkpoint_paths(tmp_path / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:500])
    with pytest.raises(InputError, match="step-00000004.safetensors is damaged"):
        train(ToyTask(), settings(steps=6), tmp_path, ALONE)
    newest.unlink()
    assert train(ToyTask(), settings(steps=6), tmp_path, ALONE).step == 6


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    class Broken(ToyTask):
        def loss(self, player, batch, generator, moment):
            result = super().loss(player, batch, generator, moment)
            return type(result)(total=result.total * float("nan"), numbers={})

    with pytest.raises(InputError, match="not finite after 0 steps: lower --rate, or train in float32$"):
        train(Broken(), settings(), tmp_path / "fresh", ALONE)
    train(ToyTask(), settings(steps=2), tmp_path / "begun", ALONE)
    with pytest.raises(InputError, match="not finite after 2 steps: .*; the newest checkpoint stays$"):
        train(Broken(), settings(), tmp_path / "begun", ALONE)


def test_a_finished_run_tells_that_nothing_was_done(tmp_path):
    first, again = (train(ToyTask(), settings(steps=2), tmp_path, ALONE) for _ in range(2))
    assert (first.begun_at, first.step) == (0, 2) and (again.begun_at, again.step) == (2, 2)


def test_checkpoints_are_pruned(tmp_path):
    train(ToyTask(), settings(save_minutes=0.0, keep=3), tmp_path, ALONE)
    names = [path.name for path in checkpoint_paths(tmp_path / "checkpoints")]
    assert names == [f"step-{step:08d}.safetensors" for step in (10, 11, 12)]
    assert not [path for path in (tmp_path / "checkpoints").iterdir() if "partial" in path.name]


TWO = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from likeness.training.loop import train
from likeness.training.processes import join_processes
from tests.training.toy import ToyTask, settings
torch.use_deterministic_algorithms(True)
task = ToyTask(is_duel=True)
processes = join_processes(on_cpu=True)
train(task, settings(), Path(sys.argv[1]), processes)
processes.leave()
"""


def test_one_and_two_processes_agree(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO)
    alone = ToyTask(is_duel=True)
    train(alone, settings(), tmp_path / "one", ALONE)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    root = Path(__file__).parents[2]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    result = subprocess.run(
        [*command, str(script), str(tmp_path / "two")], env=environment, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    ends = [load_checkpoint(checkpoint_paths(tmp_path / name / "checkpoints")[-1]) for name in ("one", "two")]
    for name, value in ends[0].tensors.items():
        if name.startswith("buffer/"):
            continue  # the toy's buffer follows the order of the batches, which processes share out
        torch.testing.assert_close(ends[1].tensors[name], value, rtol=2e-4, atol=2e-6, msg=name)
    losses = [[line["line/loss"] for line in read_lines(tmp_path / name) if "rate" in line] for name in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


STOPPED = """
import sys
from pathlib import Path
from likeness.training.loop import train
from tests.training.toy import ALONE, ToyTask, settings
class Told(ToyTask):
    def loss(self, *arguments):
        print("step", flush=True)
        sys.stdin.readline()
        return super().loss(*arguments)
sys.exit(train(Told(), settings(steps=10**6), Path(sys.argv[1]), ALONE).exit_code)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_process_ends_with_its_step_and_leaves_a_checkpoint(tmp_path, number):
    """The process takes a step per line that it is given, so that the signal surely comes in the middle of one."""
    script = tmp_path / "stopped.py"
    script.write_text(STOPPED)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "run")],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdin is not None
    for step in range(9):
        assert process.stdout.readline() == "step\n"
        if step == 8:
            process.send_signal(number)
        process.stdin.write("\n")
        process.stdin.flush()
    further, _ = process.communicate("\n" * 20, timeout=120)
    assert process.returncode == 128 + number
    assert further == ""
    assert load_checkpoint(checkpoint_paths(tmp_path / "run" / "checkpoints")[-1]).step >= 1
