"""What trainings from the command line share: how they end."""

import pytest
import torch
import torch.distributed as dist

from likeness.app.train import TrainClebs
from likeness.app.training import run_training
from likeness.training.processes import Processes
from tests.training.toy import ToyTask, settings


@pytest.fixture
def fellows():
    """A group as torchrun makes it, of this process alone."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield Processes(rank=0, count=1, device=torch.device("cpu"))
    if dist.is_initialized():
        dist.destroy_process_group()


@pytest.mark.parametrize("interrupt_at", [None, 7])
def test_a_training_parts_from_its_fellows_however_it_ends(fellows, tmp_path, capsys, interrupt_at):
    task = ToyTask()
    task.interrupt_at = interrupt_at
    command = TrainClebs(preset="tiny", data=(), out=tmp_path / "run")
    if interrupt_at is None:
        run_training(task, settings(), command, fellows, num_clips=1)
        assert "12 steps" in capsys.readouterr().out
    else:
        with pytest.raises(SystemExit) as stop:
            run_training(task, settings(), command, fellows, num_clips=1)
        assert stop.value.code == 130 and "stopped after 7 steps" in capsys.readouterr().out
    assert not dist.is_initialized()
