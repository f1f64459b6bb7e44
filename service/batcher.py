"""Gather units of work of many callers into batches for one device.

Knows nothing about what the units are. Its promises:

- every unit is answered exactly once: result, its own error, deadline, or shutdown;
- work-conserving: a free device takes what is there; it is left waiting for companions at most
  ``max_wait`` seconds, and only just after it was busy;
- a batch holds units of one bucket, at most ``max_cost`` and ``max_items`` of them, oldest first;
- a batch that fails is halved until only the bad units fail;
- if its loop dies, everybody waiting is told, and ``alive`` turns false.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from service.buckets import Answer, Batch, BucketQueue, Job, Reason, Unit
from service.halving import Run, run_halving
from service.serial import SerialThread

In = TypeVar("In")
Out = TypeVar("Out")

BEAT = 0.5
"""Longest time between two beats of the loop, seconds."""


class BatcherClosedError(RuntimeError):
    """The batcher was closed, or died, before the unit could run."""


class QueueFullError(RuntimeError):
    """As many units as allowed are waiting."""


class MicroBatcher(Generic[In, Out]):
    """Batch what callers submit and run it in one thread.

    Args:
        run: Called in ``thread`` with the items of a batch; returns one result or exception an
            item, in their order.
        thread: The device's.
        max_cost: Most cost in one batch; a unit above it runs alone.
        max_items: Most units in one batch.
        max_wait: Longest wait for companions, seconds.
        max_queued: Most units that may wait; further ones are refused.
        fatal: Exceptions of ``run`` after which the device cannot be used: they end the batcher.
        observe: Called in the event loop after each batch.
        clock: Tells the time, seconds; that of deadlines.
    """

    def __init__(
        self,
        run: Run[In, Out],
        *,
        thread: SerialThread,
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
        self._run, self._thread, self._fatal, self._observe = run, thread, fatal, observe
        self._clock = clock
        self._max_wait, self._max_queued = max_wait, max_queued
        self._queue = BucketQueue[In, Out](max_cost, max_items)
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._closing = False
        self._loop_task: asyncio.Task[None] | None = None
        self._batch_task: asyncio.Task[None] | None = None
        self._running: list[Job[In, Out]] = []
        self._busy_since: float | None = None
        self._freed_at = -float("inf")
        self._beat_at = self._clock()
        self.failure: BaseException | None = None
        """What ended the loop, if anything did."""

    def start(self) -> None:
        """Begin to take batches; to be called in the event loop."""
        self._loop_task = asyncio.create_task(self._loop(), name="batcher")
        self._loop_task.add_done_callback(self._watch)

    async def submit(self, unit: Unit[In], *, deadline: float | None = None) -> Answer[Out]:
        """Wait for the result of ``unit``.

        Args:
            unit: The work.
            deadline: ``time.monotonic()`` after which it is not begun any more.

        Raises:
            QueueFullError: If too many units wait.
            BatcherClosedError: If the batcher is closed or died.
            TimeoutError: If the deadline passed before it began.
        """
        if self._closing or not self.alive:
            raise BatcherClosedError("closed" if self._closing else f"died of {self.failure!r}")
        if len(self._queue) >= self._max_queued:
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

    async def submit_all(
        self, units: Sequence[Unit[In]], *, window: int, deadline: float | None = None
    ) -> list[Answer[Out]]:
        """Wait for the results of many units of one caller, in their order.

        At most ``window`` of them are in the queue or running at a time, so that others' units
        come in between however many there are. The first error cancels the rest.
        """
        gate = asyncio.Semaphore(window)

        async def one(unit: Unit[In]) -> Answer[Out]:
            async with gate:
                return await self.submit(unit, deadline=deadline)

        tasks = [asyncio.create_task(one(unit)) for unit in units]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self, *, finish: bool = True) -> None:
        """Refuse new units, ``finish`` or refuse what is waiting, and answer what runs."""
        self._closing = True
        if not finish:
            self._refuse_all()
        self._wake.set()
        if self._loop_task is not None:
            await asyncio.wait([self._loop_task])
        if self._batch_task is not None:  # the last that the loop began
            await asyncio.wait([self._batch_task])
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
        """Seconds that the batch on the device has been running; 0 if there is none."""
        return 0.0 if self._busy_since is None else self._clock() - self._busy_since

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
            reason = self._reason()
            self._running = self._queue.take()
            self._busy_since = self._clock()
            answering = self._answer(self._running, reason)
            self._batch_task = asyncio.create_task(answering, name="batch")
            self._batch_task.add_done_callback(self._watch)

    def _pause(self) -> float:
        """Return how long to nap before looking again; 0 if a batch should leave now."""
        if self._busy_since is not None or not self._queue:
            return BEAT
        if self._closing or self._queue.is_full():
            return 0.0
        leave_at = min(self._queue.head.queued_at, self._freed_at) + self._max_wait  # idle: past
        return max(0.0, leave_at - self._clock())

    def _is_idle(self) -> bool:
        """Return whether the device had long been free when the oldest unit came."""
        return self._queue.head.queued_at >= self._freed_at + self._max_wait

    def _reason(self) -> Reason:
        if self._queue.is_full():
            return Reason.FULL
        if self._closing:
            return Reason.DRAIN
        if self._is_idle():
            return Reason.IDLE
        waited_already = self._queue.head.queued_at + self._max_wait <= self._freed_at
        return Reason.FREED if waited_already else Reason.TIMEOUT

    async def _answer(self, jobs: list[Job[In, Out]], reason: Reason) -> None:
        """Run one batch and answer each of its units."""
        began = self._clock()
        results: Sequence[Out | Exception]
        fatal: BaseException | None = None
        try:
            items = [job.unit.item for job in jobs]
            results = await self._thread.call(run_halving, self._run, items, self._fatal)
        except BaseException as error:  # noqa: BLE001 - told to every caller, and ends the loop
            fatal = error
            results = [BatcherClosedError(f"the device failed: {error!r}") for _ in jobs]
        seconds = self._clock() - began
        for job, result in zip(jobs, results, strict=True):
            job.settle(result, began - job.queued_at, seconds)
        self._running, self._busy_since, self._freed_at = [], None, self._clock()
        if fatal is not None:
            self._die(fatal)
            return
        self._wake.set()
        if self._observe is not None:
            cost = sum(job.unit.cost for job in jobs)
            self._observe(Batch(jobs[0].unit.bucket, reason, len(jobs), cost, seconds))

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
        for job in self._running:
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
