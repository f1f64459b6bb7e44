"""Gather units of work of many callers into batches for one device, which runs some at a time.

Knows nothing about what the units are. Its promises:

- every unit is answered exactly once: result, its own error, deadline, or shutdown;
- work-conserving: a free device takes what is there; it is left waiting for companions at most
  ``max_wait`` seconds, and only just after it was busy;
- a batch holds units of one bucket, at most ``max_cost`` and ``max_items`` of them, oldest first,
  and leaves the other free lanes of the device their part;
- a batch that fails is halved until only the bad units fail;
- if its loop dies, everybody waiting is told, and ``alive`` turns false.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import structlog

from service.batching.bisect_batch import run_halving
from service.batching.unit_queue import Answer, Batch, BucketQueue, Job, Reason, Unit
from service.batching.worker_threads import Lanes, Lease
from service.concurrency.serial_thread import SerialThread

In = TypeVar("In")
Out = TypeVar("Out")

log = structlog.get_logger("abair.batcher")

BEAT = 0.5
"""Longest time between two beats of the loop, seconds."""


class BatcherClosedError(RuntimeError):
    """The batcher was closed, or died, before the unit could run."""


class QueueFullError(RuntimeError):
    """As many units as allowed are waiting."""


class MicroBatcher(Generic[In, Out]):
    """Batch what callers submit and run it in the device's threads.

    Args:
        run: Called in one of ``threads`` with the items of a batch and how many of the threads are
            its own meanwhile; returns one result or exception an item, in their order.
        threads: The device's: most batches that run at once.
        max_cost: Most cost in one batch; a unit above it runs alone.
        max_items: Most units in one batch.
        max_wait: Longest wait for companions, seconds.
        max_queued: Most units that may wait; further ones are refused, but for those that follow.
        fatal: Exceptions of ``run`` after which the device cannot be used: they end the batcher.
        observe: Called in the event loop after each batch; what it raises is logged.
        clock: Tells the time, seconds; that of deadlines.
    """

    def __init__(
        self,
        run: Callable[[list[In], int], Sequence[Out | Exception]],
        *,
        threads: Sequence[SerialThread],
        max_cost: int,
        max_items: int,
        max_wait: float = 0.0,
        max_queued: int = 4096,
        fatal: tuple[type[BaseException], ...] = (),
        observe: Callable[[Batch], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_cost < 1 or max_items < 1 or max_queued < 1 or max_wait < 0:
            raise ValueError(
                f"limits must be positive, got {max_cost=} {max_items=} {max_queued=} {max_wait=}"
            )
        self._run, self._fatal, self._observe = run, fatal, observe
        self._clock, self._lanes = clock, Lanes(threads, clock)
        self._max_wait, self._max_queued = max_wait, max_queued
        self._queue = BucketQueue[In, Out](max_cost, max_items)
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._closing = False
        self._loop_task: asyncio.Task[None] | None = None
        self._batch_tasks: set[asyncio.Task[None]] = set()
        self._running: dict[Lease, list[Job[In, Out]]] = {}
        self._beat_at = self._clock()
        self.failure: BaseException | None = None
        """What ended the loop, if anything did."""

    def start(self) -> None:
        """Begin to take batches; to be called in the event loop."""
        self._loop_task = asyncio.create_task(self._loop(), name="batcher")
        self._loop_task.add_done_callback(self._watch)

    async def submit(self, unit: Unit[In], *, deadline: float | None = None) -> Answer[In, Out]:
        """Wait for the result of ``unit``.

        Args:
            unit: The work.
            deadline: ``time.monotonic()`` after which it is not begun any more.

        Raises:
            QueueFullError: If too many units wait, and this one doesn't follow another.
            BatcherClosedError: If the batcher is closed or died.
            TimeoutError: If the deadline passed before it began.
        """
        if self._closing or not self.alive:
            raise BatcherClosedError("closed" if self._closing else f"died of {self.failure!r}")
        if len(self._queue) >= self._max_queued and not unit.follows:
            raise QueueFullError(f"{len(self._queue)} units are waiting")
        now = self._clock()
        job = Job[In, Out](
            since=now if unit.since is None else unit.since,
            order=next(self._order),
            unit=unit,
            queued_at=now,
            deadline=deadline,
            future=asyncio.get_running_loop().create_future(),
        )
        self._queue.add(job)
        self._wake.set()
        try:
            return await job.future
        finally:
            self._queue.discard(job)  # a caller who goes away frees the place

    async def close(self, *, finish: bool = True) -> None:
        """Refuse new units, ``finish`` or refuse what is waiting, and answer what runs."""
        self._closing = True
        if not finish:
            self._refuse_all()
        self._wake.set()
        if self._loop_task is not None:
            await asyncio.wait([self._loop_task])
        if self._batch_tasks:  # the last that the loop began
            await asyncio.wait(self._batch_tasks)
        self._refuse_all()

    def abandon(self) -> None:
        """Refuse new units, what is waiting, and even what is running, at once."""
        self._closing = True
        self._refuse_running()
        self._refuse_all()
        self._wake.set()

    @property
    def alive(self) -> bool:
        """Whether batches are being taken."""
        running = self._loop_task is not None and not self._loop_task.done()
        return running and self.failure is None

    @property
    def heartbeat_age(self) -> float:
        """Seconds since the loop last showed that it lives."""
        return self._clock() - self._beat_at

    @property
    def busy_seconds(self) -> float:
        """Seconds that the oldest batch on the device has been running; 0 if there is none."""
        return self._lanes.busy_seconds

    @property
    def queued_items(self) -> int:
        """Units waiting."""
        return len(self._queue)

    @property
    def queued_cost(self) -> int:
        """Cost of the units waiting."""
        return self._queue.cost

    async def _loop(self) -> None:
        while self._queue or not self._closing:
            self._beat_at = self._clock()
            self._wake.clear()
            self._drop_expired()
            pause = self._pause()
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(pause, BEAT)):
                        await self._wake.wait()
                continue
            reason, lanes = self._reason(), self._lanes.free
            lease = self._lanes.grant(len(self._queue))
            self._running[lease] = self._queue.take(lanes)
            task = asyncio.create_task(self._answer(lease, reason), name="batch")
            self._batch_tasks.add(task)
            task.add_done_callback(self._batch_tasks.discard)
            task.add_done_callback(self._watch)

    def _pause(self) -> float:
        """Return how long to nap before looking again; 0 if a batch should leave now."""
        if not self._lanes.free or not self._queue:
            return BEAT
        if self._closing or self._queue.is_full():
            return 0.0
        leave_at = min(self._queue.head.queued_at, self._lanes.freed_at) + self._max_wait
        return max(0.0, leave_at - self._clock())

    def _reason(self) -> Reason:
        if self._queue.is_full():
            return Reason.FULL
        if self._closing:
            return Reason.DRAIN
        came_at, freed_at = self._queue.head.queued_at, self._lanes.freed_at
        if came_at >= freed_at + self._max_wait:
            return Reason.IDLE
        return Reason.FREED if came_at + self._max_wait <= freed_at else Reason.TIMEOUT

    async def _answer(self, lease: Lease, reason: Reason) -> None:
        """Run one batch and answer each of its units."""
        jobs, lanes = self._running[lease], len(lease.threads)
        results: Sequence[Out | Exception]
        fatal: BaseException | None = None
        try:
            items = [job.unit.item for job in jobs]
            results = await lease.threads[0].call(
                run_halving, lambda part: self._run(part, lanes), items, self._fatal
            )
        except BaseException as error:  # noqa: BLE001 - told to every caller, and ends the loop
            fatal = error
            results = [BatcherClosedError(f"the device failed: {error!r}") for _ in jobs]
        seconds = self._clock() - lease.began
        for job, result in zip(jobs, results, strict=True):
            job.settle(result, lease.began, seconds)
        del self._running[lease]
        self._lanes.give_back(lease)
        if fatal is not None:
            self._die(fatal)
            return
        self._wake.set()
        if self._observe is not None:
            bucket, cost = jobs[0].unit.bucket, sum(job.unit.cost for job in jobs)
            batch = Batch(bucket, reason, len(jobs), cost, seconds * lease.share)
            try:
                self._observe(batch)
            except Exception:  # what only watches must not end what it watches
                log.exception("the observer of batches failed")

    def _drop_expired(self) -> None:
        now = self._clock()
        for job in list(self._queue):
            if job.future.done() or (job.deadline is not None and job.deadline <= now):
                self._queue.discard(job)
                job.settle(TimeoutError("the deadline passed in the queue"))

    def _refuse_all(self) -> None:
        for job in self._queue.clear():
            job.settle(BatcherClosedError("the batcher was closed before this unit ran"))

    def _refuse_running(self) -> None:
        for job in itertools.chain.from_iterable(self._running.values()):
            job.settle(BatcherClosedError("the batcher was closed while this unit ran"))

    def _watch(self, task: asyncio.Task[None]) -> None:
        """Look at how the loop or a batch ended."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._die(error)

    def _die(self, error: BaseException) -> None:
        """End everything: nobody may wait for ever."""
        self.failure = self.failure or error
        if self._loop_task is not None:
            self._loop_task.cancel()
        self._refuse_running()
        self._refuse_all()
