"""Threads that share one device: which are free, and how many of them a batch gets.

A card has one lane. A processor has one a core: several pictures at once, each on one core, take
less time than one after the other on all of them, whose cores wait for each other. A batch that is
alone gets all lanes that are free.
"""

import collections
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.serial import SerialThread


@dataclass(frozen=True, eq=False)
class Lease:
    """What one batch was given.

    Attributes:
        threads: At least one; the first runs the batch, the others rest meanwhile.
        began: When, by the lanes' clock.
    """

    threads: Sequence[SerialThread]
    began: float


class Lanes:
    """The threads of one device.

    Args:
        threads: At least one.
        clock: Tells the time, seconds.

    Raises:
        ValueError: If there is none.
    """

    def __init__(self, threads: Sequence[SerialThread], clock: Callable[[], float]) -> None:
        if not threads:
            raise ValueError("a device has at least one thread")
        self._clock, self.count = clock, len(threads)
        self._free = collections.deque((-math.inf, thread) for thread in threads)
        self._leases: set[Lease] = set()

    @property
    def free(self) -> int:
        """How many no batch has."""
        return len(self._free)

    @property
    def freed_at(self) -> float:
        """When the one that has been free longest came free; there must be one."""
        return self._free[0][0]

    @property
    def busy_seconds(self) -> float:
        """Seconds that the batch which began first has been running; 0 if none is."""
        now = self._clock()
        return now - min((lease.began for lease in self._leases), default=now)

    def grant(self, waiting: int) -> Lease:
        """Give the next of ``waiting`` units its part of the free threads, at least one."""
        count = max(1, len(self._free) // waiting)
        lease = Lease([self._free.popleft()[1] for _ in range(count)], self._clock())
        self._leases.add(lease)
        return lease

    def give_back(self, lease: Lease) -> None:
        """Take a lease back: its batch has ended."""
        self._leases.remove(lease)
        now = self._clock()
        self._free.extend((now, thread) for thread in lease.threads)
