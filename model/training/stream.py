"""Batches that worker processes make ahead, in shared memory that is used again.

torch's data loader maps, copies and unmaps memory for each batch, in one process that is too slow
for a GPU (docs/lessons.md#training-data). Here every worker shares a few slots with the trainer and
fills them in turn. A GPU reads the slots directly.

A slot belongs to the worker until the worker releases ``ready``, and to the trainer until the
trainer releases ``free``. Nobody else writes to it, and neither side touches it out of turn.
"""

import itertools
import mmap
import multiprocessing
import signal
from collections.abc import Generator
from contextlib import ExitStack
from multiprocessing.synchronize import Semaphore

import torch
from torch import Tensor

from model.training.batch import Batch
from model.training.data import Batches

SLOTS = 2
"""Batches that a worker keeps ready, beside the one that it makes."""

_PATIENCE = 1.0  # seconds between looks at whether the other side is alive


def stream(batches: Batches, start: int, *, workers: int, pinned: bool = False) -> Generator[Batch]:
    """Yield the batches of step ``start`` and on, in order.

    A batch is valid until the next one is asked for: then its slot goes back to the worker, which
    fills it again. Whoever needs a batch for longer copies it. Whoever copies it to a GPU without
    blocking waits for that copy before asking for the next batch; the trainer does so when it reads
    the losses. Close the generator to end the workers.

    Args:
        batches: Makes the batch of each step.
        start: First step.
        workers: Number of processes that make batches ahead; with 0, each is made when asked for.
        pinned: Whether the memory is pinned, so that a GPU reads it without the CPU.

    Raises:
        RuntimeError: If a worker has ended, or the memory can't be pinned.
    """
    if not workers:
        yield from map(batches.__getitem__, itertools.count(start))
        return
    like = batches[start]
    with ExitStack() as ends:
        team = []
        for first in range(start, start + workers):
            team.append(_Worker(batches, like, range(first, 2**31, workers)))
            ends.callback(team[-1].end)
        if pinned:
            for slot in itertools.chain.from_iterable(worker.slots for worker in team):
                _pin(slot, ends)
        for worker in itertools.cycle(team):
            yield worker.next()
            worker.free.release()


class _Worker:
    """A process that makes every n-th batch, and its slots.

    Args:
        batches: What makes them.
        like: Any of them: all have its shapes.
        steps: Which are made.
    """

    def __init__(self, batches: Batches, like: Batch, steps: range) -> None:
        context = multiprocessing.get_context("fork")  # what is shared is inherited
        self.slots = [like.map(_shared) for _ in range(SLOTS)]
        self.free, self._ready = context.Semaphore(SLOTS), context.Semaphore(0)
        self._turns = itertools.cycle(self.slots)
        work = batches, self.slots, steps, self.free, self._ready
        self._process = context.Process(target=_make, args=work, daemon=True)
        self._process.start()

    def next(self) -> Batch:
        """Wait for the next slot to be filled, and return it."""
        while not self._ready.acquire(timeout=_PATIENCE):
            if not self._process.is_alive():
                raise RuntimeError(
                    f"a process that makes training data ended with exit code "
                    f"{self._process.exitcode}: see its last message"
                )
        return next(self._turns)

    def end(self) -> None:
        """Kill the process; it ignores SIGINT and SIGTERM."""
        self._process.kill()
        self._process.join()


def _make(
    batches: Batches, slots: list[Batch], steps: range, free: Semaphore, ready: Semaphore
) -> None:
    """Fill the slots in turn, for as long as the trainer lives."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group: the trainer
        signal.signal(number, signal.SIG_IGN)  # finishes its step, then ends us
    torch.set_num_threads(1)
    trainer = multiprocessing.parent_process()
    assert trainer is not None
    for slot, step in zip(itertools.cycle(slots), steps, strict=False):
        made = batches[step]
        while not free.acquire(timeout=_PATIENCE):
            if not trainer.is_alive():
                return
        for place, tensor in zip(slot.tensors(), made.tensors(), strict=True):
            place.copy_(tensor)
        ready.release()


def _shared(like: Tensor) -> Tensor:
    """Return an empty tensor like another, in memory that a forked process shares."""
    memory = mmap.mmap(-1, like.nbytes)
    return torch.frombuffer(memory, dtype=like.dtype, count=like.numel()).view(like.shape)


def _pin(slot: Batch, ends: ExitStack) -> None:
    """Pin the memory of a slot, so that a GPU reads it, until ``ends`` are called."""
    cuda = torch.cuda.cudart()  # type: ignore[no-untyped-call]
    for tensor in slot.tensors():
        torch.cuda.check_error(int(cuda.cudaHostRegister(tensor.data_ptr(), tensor.nbytes, 0)))
        ends.callback(cuda.cudaHostUnregister, tensor.data_ptr())
