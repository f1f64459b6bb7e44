"""Restore a stream of photographs: in batches on a GPU, on all threads at once on a CPU."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from model.networks.restoration import RestorationNetwork
from model.restoring.photographs import Photograph
from model.restoring.whole_pictures import RestoreOptions, restore_alike

BATCH_PIXELS = {"cpu": 2**18, "cuda": 2**23}
"""Pixels of a batch, above which a larger one gains nothing."""


def restore_stream(
    network: RestorationNetwork, photographs: Iterable[Photograph], options: RestoreOptions
) -> Iterator[Any]:
    """Restore photographs in their order; each comes back as its ``back`` makes it.

    While a batch is restored, the next ones are read. On a CPU one thread computes each batch: a
    picture on one core is cheaper than one that several cores share.
    """
    threads = torch.get_num_threads()
    workers = threads if network.device.type == "cpu" else 1
    waiting: deque[tuple[list[Photograph], Future[list[Tensor]]]] = deque()

    def restore(batch: list[Photograph]) -> list[Tensor]:
        if network.device.type == "cpu":
            torch.set_num_threads(1)  # of this thread, and of threads that start later
        return restore_alike(network, [one.planes for one in batch], options)

    with ThreadPoolExecutor(workers, thread_name_prefix="abair-restore") as pool:
        try:
            for batch in batches(photographs, BATCH_PIXELS[network.device.type]):
                waiting.append((batch, pool.submit(restore, batch)))
                if len(waiting) > workers:
                    yield from _done(*waiting.popleft())
            while waiting:
                yield from _done(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()
            torch.set_num_threads(threads)  # again, for threads that start later


def batches(photographs: Iterable[Photograph], most: int) -> Iterator[list[Photograph]]:
    """Gather photographs of equal shape and type that follow each other, up to ``most`` pixels."""
    batch: list[Photograph] = []
    for photograph in photographs:
        planes = photograph.planes
        first = batch[0].planes if batch else planes
        alike = planes.shape == first.shape and planes.dtype == first.dtype
        if batch and not (alike and (len(batch) + 1) * planes[0].numel() <= most):
            yield batch
            batch = []
        batch.append(photograph)
    if batch:
        yield batch


def _done(batch: list[Photograph], future: Future[list[Tensor]]) -> Iterator[Any]:
    for photograph, restored in zip(batch, future.result(), strict=True):
        yield photograph.back(restored)
