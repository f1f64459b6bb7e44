"""Several processes that train one network: each computes a part of every step.

On a CPU that other programs use too, two processes with half a batch each are faster than one
process with two threads. Threads wait for each other in every operator, processes only twice per
step (docs/lessons.md#training-processes).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed
from torch import Tensor


@dataclass(frozen=True)
class Team:
    """The place of this process among those that train together.

    Attributes:
        rank: Index of the process; 0 leads: it keeps the time, writes files and validates.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files of the run."""
        return self.rank == 0

    def average(self, tensors: list[Tensor]) -> None:
        """Replace ``tensors`` by their means over the team, in place."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        parts = torch.split(flat.div_(self.size), [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def share_out(self, work: Callable[[Tensor], Tensor], items: Tensor) -> Tensor:
        """Return ``work(items)``, the items divided among the team where their number allows.

        Args:
            work: Treats every item of the first dimension alone and keeps the shape.
            items: Shape (N, ...), the same in all processes.
        """
        if self.size == 1 or len(items) % self.size:
            return work(items)
        own = work(items.chunk(self.size)[self.rank].contiguous()).contiguous()
        parts = [torch.empty_like(own) for _ in range(self.size)]
        torch.distributed.all_gather(parts, own)
        return torch.cat(parts)

    def follow(self, seconds: float, *, stop: bool) -> tuple[float, bool]:
        """Return the clock of the leading process, and whether it was asked to stop."""
        if self.size == 1:
            return seconds, stop
        state = torch.tensor([seconds, float(stop)], dtype=torch.float64)
        torch.distributed.broadcast(state, src=0)
        return state[0].item(), bool(state[1])


def join(rank: int, size: int, meeting: Path) -> Team:
    """Connect to the other processes by a new file that all of them share."""
    if size > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{meeting.resolve()}", rank=rank, world_size=size
        )
    return Team(rank, size)


def leave(team: Team) -> None:
    """Disconnect from the other processes."""
    if team.size > 1:
        torch.distributed.destroy_process_group()
