"""Gathers units of work of many callers into batches for one device.

The batcher knows nothing about what the units are. It guarantees:

- every unit is answered exactly once: with its result, its own error, a passed deadline, or the
  shutdown;
- a free device takes the units that wait; it waits for more at most ``policy.max_wait`` seconds,
  and only just after it was busy;
- a batch holds units with one key, the oldest first, within the limits of the policy, and leaves
  the other free threads of the device their part;
- a batch that fails is bisected until only the bad units fail;
- if its loop ends with an error, all callers get an error and ``alive`` becomes false.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import structlog

from service.batching.bisect_batch import bisect_batch
from service.batching.policy import SchedulingPolicy
from service.batching.unit_queue import QueuedUnit, UnitQueue
from service.batching.units import BatchReport, StartReason, Unit, UnitResult
from service.batching.worker_threads import ThreadLease, WorkerThreads
from service.concurrency.serial_thread import SerialThread

In = TypeVar("In")
Out = TypeVar("Out")

log = structlog.get_logger("abair.batcher")

BEAT = 0.5
"""Longest time in seconds between two heartbeats of the loop."""


class BatcherClosedError(RuntimeError):
    """The batcher was closed, or died, before the unit could run."""


class QueueFullError(RuntimeError):
    """As many units as the policy allows are waiting."""


class MicroBatcher(Generic[In, Out]):
    """Gathers units that callers submit into batches, and runs these in the device's threads.

    Args:
        run: Runs a batch in one of ``threads``. It gets the items and the number of threads that
            the batch has, and returns one result or exception per item, in their order.
        threads: The worker threads of the device. At most as many batches run at once.
        policy: Limits of batches and of the queue.
        fatal: Exceptions of ``run`` after which the device cannot be used: they end the batcher.
        observe: Called in the event loop after each batch. Its errors are logged.
        clock: Returns the time in seconds; deadlines are in its time.
    """

    def __init__(
        self,
        run: Callable[[list[In], int], Sequence[Out | Exception]],
        *,
        threads: Sequence[SerialThread],
        policy: SchedulingPolicy,
        fatal: tuple[type[BaseException], ...] = (),
        observe: Callable[[BatchReport], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy
        self._run, self._fatal, self._observe = run, fatal, observe
        self._clock, self._threads = clock, WorkerThreads(threads, clock)
        self._queue = UnitQueue[In, Out](policy.max_cost, policy.max_units)
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._closing = False
        self._loop_task: asyncio.Task[None] | None = None
        self._batch_tasks: set[asyncio.Task[None]] = set()
        self._running: dict[ThreadLease, list[QueuedUnit[In, Out]]] = {}
        self._beat_at = self._clock()
        self.failure: BaseException | None = None
        """The error that ended the loop, if one did."""

    def start(self) -> None:
        """Begin to run batches. Must be called in the event loop."""
        self._loop_task = asyncio.create_task(self._loop(), name="batcher")
        self._loop_task.add_done_callback(self._watch)

    async def submit(self, unit: Unit[In], *, deadline: float | None = None) -> UnitResult[In, Out]:
        """Wait for the result of ``unit``.

        Args:
            unit: The work.
            deadline: Time of the clock after which the unit is not begun any more.

        Raises:
            QueueFullError: If too many units wait, and this one does not continue a picture.
            BatcherClosedError: If the batcher is closed or has failed.
            TimeoutError: If the deadline passed before the unit began.
        """
        if self._closing or not self.alive:
            raise BatcherClosedError("closed" if self._closing else f"failed with {self.failure!r}")
        if len(self._queue) >= self.policy.max_queued and not unit.continues:
            raise QueueFullError(f"{len(self._queue)} units are waiting")
        now = self._clock()
        queued = QueuedUnit[In, Out](
            arrived_at=now if unit.arrived_at is None else unit.arrived_at,
            order=next(self._order),
            unit=unit,
            queued_at=now,
            deadline=deadline,
            future=asyncio.get_running_loop().create_future(),
        )
        self._queue.add(queued)
        self._wake.set()
        try:
            return await queued.future
        finally:
            self._queue.discard(queued)  # a caller who leaves makes room

    async def close(self, *, finish: bool = True) -> None:
        """Refuse new units, and wait for the running batches.

        Args:
            finish: Whether the waiting units are run; else they are refused.
        """
        self._closing = True
        if not finish:
            self._refuse_waiting()
        self._wake.set()
        if self._loop_task is not None:
            await asyncio.wait([self._loop_task])
        if self._batch_tasks:  # the last batches that the loop began
            await asyncio.wait(self._batch_tasks)
        self._refuse_waiting()

    def abandon(self) -> None:
        """Refuse new units, waiting units, and even the units of running batches, at once."""
        self._closing = True
        self._refuse_running()
        self._refuse_waiting()
        self._wake.set()

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        running = self._loop_task is not None and not self._loop_task.done()
        return running and self.failure is None

    @property
    def heartbeat_age(self) -> float:
        """Seconds since the last heartbeat of the loop."""
        return self._clock() - self._beat_at

    @property
    def busy_seconds(self) -> float:
        """Seconds that the oldest running batch has been running; 0 if no batch runs."""
        return self._threads.busy_seconds

    @property
    def free_threads(self) -> int:
        """Number of worker threads that no batch has."""
        return self._threads.free

    @property
    def queued_units(self) -> int:
        """Number of waiting units."""
        return len(self._queue)

    @property
    def queued_cost(self) -> int:
        """Sum of the costs of the waiting units."""
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
            reason, free = self._reason(), self._threads.free
            lease = self._threads.lease(len(self._queue))
            self._running[lease] = self._queue.take(free)
            task = asyncio.create_task(self._run_batch(lease, reason), name="batch")
            self._batch_tasks.add(task)
            task.add_done_callback(self._batch_tasks.discard)
            task.add_done_callback(self._watch)

    def _pause(self) -> float:
        """Return the seconds to wait before looking again; 0 if a batch should start now."""
        if not self._threads.free or not self._queue:
            return BEAT
        if self._closing or self._queue.is_full():
            return 0.0
        waits_since = min(self._queue.head.queued_at, self._threads.freed_at)
        return max(0.0, waits_since + self.policy.max_wait - self._clock())

    def _reason(self) -> StartReason:
        if self._queue.is_full():
            return StartReason.FULL
        if self._closing:
            return StartReason.DRAIN
        queued_at, freed_at = self._queue.head.queued_at, self._threads.freed_at
        if queued_at >= freed_at + self.policy.max_wait:
            return StartReason.IDLE
        waited = queued_at + self.policy.max_wait <= freed_at
        return StartReason.FREED if waited else StartReason.TIMEOUT

    async def _run_batch(self, lease: ThreadLease, reason: StartReason) -> None:
        """Run one batch and answer each of its units."""
        batch, count = self._running[lease], len(lease.threads)
        results: Sequence[Out | Exception]
        fatal: BaseException | None = None
        try:
            items = [queued.unit.item for queued in batch]
            results = await lease.threads[0].call(
                bisect_batch, lambda part: self._run(part, count), items, self._fatal
            )
        except BaseException as error:  # noqa: BLE001 - every caller gets it, and it ends the loop
            fatal = error
            results = [BatcherClosedError(f"the device failed: {error!r}") for _ in batch]
        seconds = self._clock() - lease.began
        for queued, result in zip(batch, results, strict=True):
            queued.answer(result, lease.began, seconds)
        del self._running[lease]
        self._threads.give_back(lease)
        if fatal is not None:
            self._fail(fatal)
            return
        self._wake.set()
        self._report(batch, reason, seconds * lease.share)

    def _report(
        self, batch: list[QueuedUnit[In, Out]], reason: StartReason, seconds: float
    ) -> None:
        if self._observe is None:
            return
        cost = sum(queued.unit.cost for queued in batch)
        try:
            self._observe(BatchReport(batch[0].unit.batch_key, reason, len(batch), cost, seconds))
        except Exception:  # an error of the observer must not end the batcher
            log.exception("the observer of batches failed")

    def _drop_expired(self) -> None:
        now = self._clock()
        for queued in list(self._queue):
            if queued.future.done() or (queued.deadline is not None and queued.deadline <= now):
                self._queue.discard(queued)
                queued.answer(TimeoutError("the deadline passed in the queue"))

    def _refuse_waiting(self) -> None:
        for queued in self._queue.clear():
            queued.answer(BatcherClosedError("the batcher was closed before this unit ran"))

    def _refuse_running(self) -> None:
        for queued in itertools.chain.from_iterable(self._running.values()):
            queued.answer(BatcherClosedError("the batcher was closed while this unit ran"))

    def _watch(self, task: asyncio.Task[None]) -> None:
        """Fail if the loop or a batch ended with an error."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """End the loop, and answer every caller: nobody may wait for ever."""
        self.failure = self.failure or error
        if self._loop_task is not None:
            self._loop_task.cancel()
        self._refuse_running()
        self._refuse_waiting()
