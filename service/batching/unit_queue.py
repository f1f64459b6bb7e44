"""The queue of waiting units: which units make the next batch."""

import asyncio
import bisect
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from service.batching.units import Unit, UnitResult

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(order=True)
class QueuedUnit(Generic[In, Out]):
    """A unit in the queue. Units are ordered by the time of arrival, then by ``order``."""

    arrived_at: float
    order: int
    unit: Unit[In] = field(compare=False)
    queued_at: float = field(compare=False)
    deadline: float | None = field(compare=False)
    future: asyncio.Future[UnitResult[In, Out]] = field(compare=False)

    def answer(self, result: Out | Exception, began: float = 0.0, ran: float = 0.0) -> None:
        """Answer the caller, unless the caller has left.

        Args:
            result: The value of the result, or the error.
            began: When the unit's batch began.
            ran: Seconds that the batch took.
        """
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            waited = began - self.queued_at
            self.future.set_result(UnitResult(result, self.unit.item, waited, began, ran))


class UnitQueue(Generic[In, Out]):
    """Waiting units by batch key, the oldest first.

    Args:
        max_cost: Largest cost of one batch. A unit with a larger cost makes a batch alone.
        max_items: Largest number of units in one batch.
    """

    def __init__(self, max_cost: int, max_items: int) -> None:
        self._max_cost, self._max_items = max_cost, max_items
        self._by_key: dict[Hashable, list[QueuedUnit[In, Out]]] = {}

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._by_key.values())

    def __iter__(self) -> Iterator[QueuedUnit[In, Out]]:
        return (queued for waiting in self._by_key.values() for queued in waiting)

    @property
    def cost(self) -> int:
        """Sum of the costs of all waiting units."""
        return sum(queued.unit.cost for queued in self)

    @property
    def head(self) -> QueuedUnit[In, Out]:
        """The oldest unit. The next batch consists of units with its key."""
        return self._oldest()[0]

    def is_full(self) -> bool:
        """Return whether no further unit would fit into the next batch."""
        waiting = self._oldest()
        count = self._fitting(waiting)
        cost = sum(queued.unit.cost for queued in waiting[:count])
        return count < len(waiting) or count == self._max_items or cost >= self._max_cost

    def add(self, queued: QueuedUnit[In, Out]) -> None:
        """Add a unit at its place."""
        bisect.insort(self._by_key.setdefault(queued.unit.batch_key, []), queued)

    def take(self, free_threads: int = 1) -> list[QueuedUnit[In, Out]]:
        """Remove and return the next batch.

        Args:
            free_threads: Number of the device's free threads. The batch gets at most one of that
                many equal parts of the waiting units, so that every free thread has work.
        """
        waiting = self._oldest()
        batch = waiting[: min(self._fitting(waiting), -(-len(waiting) // free_threads))]
        del waiting[: len(batch)]
        if not waiting:
            del self._by_key[batch[0].unit.batch_key]
        return batch

    def discard(self, queued: QueuedUnit[In, Out]) -> None:
        """Remove a unit if it is still in the queue."""
        waiting = self._by_key.get(queued.unit.batch_key, [])
        index = bisect.bisect_left(waiting, queued)
        if index < len(waiting) and waiting[index] is queued:
            del waiting[index]
            if not waiting:
                del self._by_key[queued.unit.batch_key]

    def clear(self) -> list[QueuedUnit[In, Out]]:
        """Remove and return all units."""
        removed = list(self)
        self._by_key.clear()
        return removed

    def _oldest(self) -> list[QueuedUnit[In, Out]]:
        return min(self._by_key.values(), key=lambda waiting: waiting[0])

    def _fitting(self, waiting: list[QueuedUnit[In, Out]]) -> int:
        """Return how many of the first units make one batch, at least 1."""
        cost = 0
        for count, queued in enumerate(waiting[: self._max_items]):
            cost += queued.unit.cost
            if cost > self._max_cost and count:
                return count
        return min(len(waiting), self._max_items)
