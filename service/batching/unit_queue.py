"""Units of work that wait, sorted into buckets; which batch is next."""

import asyncio
import bisect
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Unit(Generic[In]):
    """One piece of work.

    Attributes:
        item: What the device gets.
        bucket: Units of equal buckets may share a batch.
        cost: How much it adds to a batch, at least 0.
        since: The moment that decides whose turn it is; None: when it is submitted.
        follows: Whether it goes on with what was let in before: it is never refused for want of
            room.
    """

    item: In
    bucket: Hashable
    cost: int
    since: float | None = None
    follows: bool = False


@dataclass(frozen=True)
class Answer(Generic[In, Out]):
    """What a unit's caller gets.

    Attributes:
        value: The result.
        item: What the device got.
        waited: Seconds that the unit waited.
        began: When its batch began, by the batcher's clock.
        ran: Seconds that its batch took.
    """

    value: Out
    item: In
    waited: float
    began: float
    ran: float


class Reason(StrEnum):
    """Why a batch left."""

    FULL = "full"  # no further unit fits
    IDLE = "idle"  # the device had nothing to do
    FREED = "freed"  # the device came free, and the oldest unit had waited long enough
    TIMEOUT = "timeout"  # companions were awaited for max_wait
    DRAIN = "drain"  # the batcher is closing


@dataclass(frozen=True)
class Batch:
    """What an observer is told of each batch once it was answered.

    Attributes:
        bucket: Of its units.
        reason: Why it left.
        items: Units in it.
        cost: Their sum.
        seconds: Of the whole device: those it ran, times its share of it.
    """

    bucket: Hashable
    reason: Reason
    items: int
    cost: int
    seconds: float


@dataclass(order=True)
class Job(Generic[In, Out]):
    """A unit in the queue, ordered by whose turn it is."""

    since: float
    order: int
    unit: Unit[In] = field(compare=False)
    queued_at: float = field(compare=False)
    deadline: float | None = field(compare=False)
    future: asyncio.Future[Answer[In, Out]] = field(compare=False)

    def settle(self, result: Out | Exception, began: float = 0.0, ran: float = 0.0) -> None:
        """Answer the caller, unless they went away; ``began`` and ``ran`` are the batch's."""
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            waited = began - self.queued_at
            self.future.set_result(Answer(result, self.unit.item, waited, began, ran))


class BucketQueue(Generic[In, Out]):
    """Jobs by bucket, oldest first within each and across all.

    Args:
        max_cost: Most cost in one batch; a unit above it makes a batch alone.
        max_items: Most units in one batch.
    """

    def __init__(self, max_cost: int, max_items: int) -> None:
        self._max_cost, self._max_items = max_cost, max_items
        self._buckets: dict[Hashable, list[Job[In, Out]]] = {}

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self._buckets.values())

    def __iter__(self) -> Iterator[Job[In, Out]]:
        return (job for jobs in self._buckets.values() for job in jobs)

    @property
    def cost(self) -> int:
        """Cost of all that waits."""
        return sum(job.unit.cost for job in self)

    @property
    def head(self) -> Job[In, Out]:
        """The oldest job; the next batch is of its bucket."""
        return self._oldest()[0]

    def is_full(self) -> bool:
        """Return whether no further unit would fit into the next batch."""
        jobs = self._oldest()
        count = self._fitting(jobs)
        cost = sum(job.unit.cost for job in jobs[:count])
        return count < len(jobs) or count == self._max_items or cost >= self._max_cost

    def add(self, job: Job[In, Out]) -> None:
        """Put ``job`` into its bucket."""
        bisect.insort(self._buckets.setdefault(job.unit.bucket, []), job)

    def take(self, lanes: int = 1) -> list[Job[In, Out]]:
        """Remove and return the next batch: of a bucket's jobs at most one of ``lanes`` parts."""
        jobs = self._oldest()
        batch = jobs[: min(self._fitting(jobs), -(-len(jobs) // lanes))]
        del jobs[: len(batch)]
        if not jobs:
            del self._buckets[batch[0].unit.bucket]
        return batch

    def discard(self, job: Job[In, Out]) -> None:
        """Remove ``job`` if it is still here."""
        jobs = self._buckets.get(job.unit.bucket, [])
        index = bisect.bisect_left(jobs, job)
        if index < len(jobs) and jobs[index] is job:
            del jobs[index]
            if not jobs:
                del self._buckets[job.unit.bucket]

    def clear(self) -> list[Job[In, Out]]:
        """Remove and return everything."""
        jobs = list(self)
        self._buckets.clear()
        return jobs

    def _oldest(self) -> list[Job[In, Out]]:
        return min(self._buckets.values(), key=lambda jobs: jobs[0])

    def _fitting(self, jobs: list[Job[In, Out]]) -> int:
        """Return how many of the first jobs make one batch, at least 1."""
        cost = 0
        for count, job in enumerate(jobs[: self._max_items]):
            cost += job.unit.cost
            if cost > self._max_cost and count:
                return count
        return min(len(jobs), self._max_items)
