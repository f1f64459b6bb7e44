"""A device and a batcher to watch, for the batcher's tests."""

import asyncio
import contextlib
import threading

from service.batching.batcher import MicroBatcher
from service.batching.unit_queue import Batch, Unit
from service.concurrency.serial_thread import SerialThread


class FatalError(Exception):
    """The device is gone."""


class Device:
    """Doubles what it gets; holds batches while its gate is closed; fails on what it is told."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.batches = []
        self.bad = {}

    def run(self, items, lanes=1):
        self.entered.set()
        assert self.gate.wait(30)
        self.batches.append(list(items))
        for item in items:
            if item in self.bad:
                raise self.bad[item]
        return [2 * item for item in items]

    async def hold(self, batcher):
        """Keep the device busy with a batch of its own; returns its task."""
        self.gate.clear()
        self.entered.clear()
        task = asyncio.create_task(batcher.submit(Unit(1000, "held", 1)))
        await asyncio.to_thread(self.entered.wait, 30)
        return task


class Watched(MicroBatcher[int, int]):
    """Remembers what its observer was told."""

    seen: list[Batch]


@contextlib.asynccontextmanager
async def running(run, *, lanes=1, **limits):
    threads = [SerialThread(f"device-{lane}") for lane in range(lanes)]
    batches: list[Batch] = []
    batcher = Watched(
        run,
        threads=threads,
        observe=batches.append,
        **{"max_cost": 100, "max_items": 4, "fatal": (FatalError,), **limits},
    )
    batcher.start()
    batcher.seen = batches
    try:
        yield batcher
    finally:
        await batcher.close(finish=False)
        for thread in threads:
            thread.stop()


def submit(batcher, items, bucket="a", cost=1):
    return [asyncio.create_task(batcher.submit(Unit(item, bucket, cost))) for item in items]


async def values(tasks):
    return [answer.value for answer in await asyncio.gather(*tasks)]
