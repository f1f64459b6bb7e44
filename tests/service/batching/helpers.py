"""A device and a batcher to watch, for the batcher's tests."""

import asyncio
import contextlib
import threading
import time

from service.batching.batcher import MicroBatcher
from service.batching.policy import SchedulingPolicy
from service.batching.units import BatchReport, Unit
from service.concurrency.serial_thread import SerialThread
from tools.fakes import until


class FatalError(Exception):
    """The device is gone."""


class Device:
    """Doubles its items; holds batches while its gate is closed; fails on the items in ``bad``."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.batches = []
        self.bad = {}

    def run(self, items, threads=1):
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


class ObservedBatcher(MicroBatcher[int, int]):
    """Keeps what its observer got."""

    seen: list[BatchReport]


@contextlib.asynccontextmanager
async def running(run, *, threads=1, clock=time.monotonic, **limits):
    """Run a batcher with so many worker threads and the given limits of its policy."""
    workers = [SerialThread(f"device-{number}") for number in range(threads)]
    batches: list[BatchReport] = []
    batcher = ObservedBatcher(
        run,
        threads=workers,
        policy=SchedulingPolicy(**{"max_cost": 100, "max_units": 4, **limits}),
        fatal=(FatalError,),
        observe=batches.append,
        clock=clock,
    )
    batcher.start()
    batcher.seen = batches
    try:
        yield batcher
    finally:
        await batcher.close(finish=False)
        for worker in workers:
            worker.stop()


def submit(batcher, items, batch_key="a", cost=1, **unit):
    """Submit units; returns their tasks."""
    return [
        asyncio.create_task(batcher.submit(Unit(item, batch_key, cost, **unit))) for item in items
    ]


async def enqueue(batcher, items, batch_key="a", cost=1, **unit):
    """Submit units to a busy device, and wait until they are in the queue; returns their tasks."""
    expected = batcher.queued_units + len(items)
    tasks = submit(batcher, items, batch_key, cost, **unit)
    await until(lambda: batcher.queued_units == expected)
    return tasks


async def values(tasks):
    return [result.value for result in await asyncio.gather(*tasks)]
