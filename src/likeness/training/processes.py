"""The processes that train together (started with torchrun, or one alone), and what they tell each other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

BUCKET_NUMBERS = 16 << 20  # that are exchanged at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Processes:
    """This process among its fellows."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this one writes files."""
        return self.rank == 0

    def sum_in_place(self, tensors: Iterable[Tensor]) -> None:
        """Every tensor becomes the sum over all processes; float32 or better."""
        if self.count == 1:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            dist.all_reduce(flat)
            for tensor, part in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def mean_in_place(self, tensors: Iterable[Tensor]) -> None:
        """Every tensor becomes the mean over all processes."""
        kept = list(tensors)
        self.sum_in_place(kept)
        if self.count > 1:
            for tensor in kept:
                tensor.div_(self.count)

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Every tensor becomes the first process's."""
        if self.count > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def from_first(self, value: float) -> float:
        """The number that the first process has."""
        if self.count == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(told, src=0)
        return float(told)

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            dist.barrier()

    def leave(self) -> None:
        """Part from the fellows at the end; nothing can be exchanged afterwards.

        A process that merely ends may abort instead: the threads behind the exchange still let go of tensors while
        the interpreter is torn down, and torchrun then stops the process that writes the last checkpoint.
        """
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()


def join_processes(*, on_cpu: bool) -> Processes:
    """This process and its fellows, found by accelerate from what torchrun has set; alone otherwise.

    Device: the graphics card that belongs to this process, or the CPU.
    """
    from accelerate import PartialState

    state = PartialState(cpu=on_cpu)
    return Processes(rank=state.process_index, count=state.num_processes, device=torch.device(state.device))


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and (size + tensor.numel() > BUCKET_NUMBERS or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel()
    if bucket:
        yield bucket
